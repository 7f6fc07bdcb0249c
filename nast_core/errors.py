"""Every error the engine raises on purpose.

A message says what was given, what was needed and what to do, in one sentence or two: pages and the
command line show it as it is. Anything that is not a NastError is a bug and is left to surface.
"""

from json import JSONDecodeError

from pydantic import ValidationError

_LONGEST = 4000  # characters of a message; whatever was quoted in a longer one is somebody's whole file


class NastError(Exception):
    """Base of every error that a user can put right."""

    def __str__(self) -> str:
        text = super().__str__()
        return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}… ({len(text):,} characters)"


class ImageError(NastError):
    """A file that cannot be read as one still image."""


class ModelError(NastError):
    """A model folder or id that cannot be loaded as a dual encoder."""


class RepairError(ModelError):
    """A repair there is none of, or one that a model cannot take."""


class PairError(NastError):
    """Two texts that cannot be compared token by token."""


class TextError(NastError):
    """A text the model cannot encode: empty, or longer than its context."""


class BenchmarkError(NastError):
    """Items or labels that cannot make, or are not, a valid benchmark."""


class DataError(NastError):
    """A file of pairs, labels or results that does not hold what it should."""


class VocabularyError(DataError):
    """A vocabulary file that cannot be read, or that no reader and no writer could make sense of."""


class DatasetError(DataError):
    """A folder that is no dataset, or one that is no longer as it was built."""


class AuditError(DataError):
    """An audit that cannot be read, or asked of it what it does not hold."""


def what_is_wrong(error: ValueError) -> str:
    """The first fault of one line of a JSONL file, as half a sentence."""
    if isinstance(error, JSONDecodeError):
        return f"not JSON: {error.msg} at character {error.pos + 1}"
    if not isinstance(error, ValidationError):
        return str(error)
    first = error.errors()[0]
    where = ".".join(str(part)[:80] for part in first["loc"])  # a key of the file's own may be of any length
    message = " ".join(first["msg"].removeprefix("Value error, ").split())[:300]
    return f"{where}: {message}" if where else message
