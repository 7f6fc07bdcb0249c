"""A repair as it is written behind a model, ``+METHOD`` or ``+METHOD(0.5, name=value)``, and as a value."""

import difflib
import hashlib
import inspect
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path

from nast_core import negation
from nast_core.errors import RepairError
from nast_core.files.gate import MB, read_bytes, shown
from nast_core.repair.method import Method
from nast_core.repair.methods import METHODS
from nast_core.vocabulary.names import CHEXPERT, named

_WORDS = "vocabulary"  # the argument that every method takes: a shipped name, or a file


@dataclass(frozen=True)
class Repair:
    """A method with its numbers, and the vocabulary that texts are read by."""

    name: str
    values: Mapping[str, float] = field(default_factory=dict)  # of every parameter
    vocabulary: str = CHEXPERT

    @property
    def method(self) -> Method:
        return METHODS[self.name]

    def at(self, strength: float) -> "Repair":
        """The same at another strength. Raises RepairError for one out of range."""
        if (name := self.method.strength) is None:
            raise RepairError(f"{self.name} has no strength; leave it out")
        return replace(self, values={**self.values, name: _checked(self.method, name, strength)})

    def __str__(self) -> str:
        """As it is written behind a model's spec and its +; numbers that are as they come are left out, but the
        strength."""
        parts = []
        for place, (name, parameter) in enumerate(self.method.parameters.items()):
            if place == 0 or self.values[name] != parameter.default:
                parts.append(f"{name}={self.values[name]:.12g}")
        if self.vocabulary != CHEXPERT:
            parts.append(f"{_WORDS}={self.vocabulary}")
        return self.name + (f"({','.join(parts)})" if parts else "")

    def behind(self, spec: str) -> str:
        """The spec of a model so repaired."""
        return f"{spec}+{self}"


def method_named(name: str) -> Method:
    """Raises RepairError, with the nearest name, for a method there is none of."""
    if name not in METHODS:
        raise RepairError(f"there is no repair {shown(name)!r}{_nearest(name, METHODS)}; repairs: {', '.join(METHODS)}")
    return METHODS[name]


def read_repair(name: str, arguments: str = "") -> Repair:
    """From a method's name and what stands in its brackets: a number, the strength, or NAME=VALUE, with commas between.

    Raises RepairError for a method or a name there is none of, and for a number that it cannot have.
    """
    method = method_named(name)
    values = {one: parameter.default for one, parameter in method.parameters.items()}
    vocabulary, given = CHEXPERT, set[str]()
    for place, argument in enumerate(filter(None, (part.strip() for part in arguments.split(",")))):
        key, equals, value = (part.strip() for part in argument.partition("="))
        if not equals:
            if place or method.strength is None:
                raise RepairError(f"{name}: {shown(argument)!r} has no name; write {_how(method)}")
            key, value = method.strength, key
        if key in given:
            raise RepairError(f"{name}: {key} is given twice; give it once")
        given.add(key)
        if key == _WORDS:
            vocabulary = value
        elif key in values:
            values[key] = _checked(method, key, value)
        else:
            known = [*values, _WORDS]
            raise RepairError(f"{name} has no {shown(key)!r}{_nearest(key, known)}; it has {', '.join(known)}")
    return Repair(name, values, vocabulary)


def _checked(method: Method, name: str, value: str | float) -> float:
    parameter = method.parameters[name]
    try:
        number = float(value)
    except ValueError:
        number = math.nan
    if not parameter.low <= number <= parameter.high or (parameter.whole and number != int(number)):
        kind = "whole number" if parameter.whole else "number"
        raise RepairError(
            f"{method.name}: {name} has to be a {kind} from {parameter.low:g} to {parameter.high:g}, got "
            f"{shown(str(value))!r} ({name}: {parameter.said})"
        )
    return number


def _how(method: Method) -> str:
    strength = method.strength
    return f"{method.name}({strength}={method.parameters[strength].default:g})" if strength else method.name


def _nearest(name: str, names: Mapping[str, object] | list[str]) -> str:
    near = difflib.get_close_matches(name[:100].lower(), list(names), n=1, cutoff=0.5)
    return f"; did you mean {near[0]!r}?" if near else ""


def words_of(repair: Repair) -> Path | None:
    """The file that a repair's vocabulary is read from; None for a shipped one."""
    return None if named(repair.vocabulary) else Path(repair.vocabulary).expanduser()


def reader_files(repair: Repair) -> list[Path]:
    """What splits a text and turns it into a vector: the parser, its words, and the method."""
    parser = Path(str(negation.__file__)).parent
    files = [path for path in sorted(parser.iterdir()) if path.suffix in (".py", ".yaml")]
    own = Path(__file__).with_name("splitting.py"), Path(inspect.getfile(repair.method.vectors))
    if repair.method.fit is not None:
        files.append(Path(__file__).with_name("learning_texts.py"))
    return [*files, parser.parent / "vocabulary" / "cues.yaml", *own]


def reader(repair: Repair) -> str:
    """Of the content of ``reader_files``: another one as soon as a text may be read otherwise."""
    files = reader_files(repair)
    return hashlib.sha256(b"".join(read_bytes(path, most=MB, error=RepairError) for path in files)).hexdigest()
