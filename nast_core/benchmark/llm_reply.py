"""What an endpoint's answer says: the chat completion, and the draft in its text. Source: ours.

Models wrap the JSON they are asked for in thoughts, courtesies and fences; a good answer in any wrapping is taken, one
that leaves a choice is not.
"""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Annotated, Any, NamedTuple, TypeVar

from pydantic import AfterValidator, BaseModel, Field, StringConstraints, ValidationError

from nast_core.benchmark.writer import Draft, Unwritten
from nast_core.files.documents import parse_json

_STARTS = 1_000  # braces that are tried as the start of an object
_SHOWN = 80  # characters of an answer that was turned down
_THOUGHTS = re.compile(r"</\s*(?:think|thinking|thought|thoughts|reasoning|reflection)\s*>", re.IGNORECASE)


class Reply(NamedTuple):
    """What a chat completion says, and its size in tokens where the endpoint counts them."""

    content: str
    cut_off: bool
    tokens: tuple[int, int] | None  # of prompt and answer


class _Usage(BaseModel):
    prompt_tokens: Annotated[int, Field(ge=0, le=10**9)]
    completion_tokens: Annotated[int, Field(ge=0, le=10**9)]


Form = TypeVar("Form", bound=BaseModel)


def _on_one_line(text: str) -> str:
    return " ".join(text.split())


_Text = Annotated[
    str, StringConstraints(strip_whitespace=True, min_length=1, max_length=600), AfterValidator(_on_one_line)
]


class _Option(BaseModel):
    negated: _Text
    affirmative: _Text


class _Answer(BaseModel):
    options: Annotated[list[_Option], Field(min_length=4, max_length=4)]


def read_reply(raw: str) -> Reply | None:
    """The body of a chat completion; None where it is something else, such as the page of a proxy.

    Only what is needed has to be there: the first choice's message. Token counts that are no counts are as good as
    none.
    """
    try:
        body = parse_json(raw)
        choice = body["choices"][0]
        content = _text(choice["message"].get("content"))
    except (ValueError, LookupError, TypeError, AttributeError):
        return None
    try:
        usage = _Usage.model_validate(body.get("usage"))
        tokens = (usage.prompt_tokens, usage.completion_tokens)
    except ValidationError:
        tokens = None
    return Reply(content, choice.get("finish_reason") == "length", tokens)


def _text(content: Any) -> str:
    """A message's text; some endpoints give it in parts. Raises TypeError for anything else."""
    if isinstance(content, list):
        content = "".join(part["text"] for part in content if part.get("type") == "text")
    if not isinstance(content, str | None):
        raise TypeError(content)
    return content or ""


def read_draft(reply: Reply) -> Draft | Unwritten:
    """The draft in an answer: the one JSON object in its text that has the form asked for, whatever is around it."""
    answer = read_as(reply, _Answer)
    if isinstance(answer, Unwritten):
        return answer
    return Draft(tuple(o.negated for o in answer.options), tuple(o.affirmative for o in answer.options))  # type: ignore[arg-type]


def read_as(reply: Reply, form: type[Form]) -> Form | Unwritten:
    """The one object in an answer that has a form; what is around it does not matter."""
    beginning = f"it began {reply.content.strip()[:_SHOWN]!r}"
    if reply.cut_off:
        return Unwritten("answer: cut off", beginning)
    text = _THOUGHTS.split(reply.content)[-1].strip()
    if not text:
        return Unwritten("answer: empty", beginning)
    is_json, found = False, []
    for value in _objects(text):
        is_json = True
        with suppress(ValidationError):
            found.append(form.model_validate(value))
    if found and all(one == found[0] for one in found):
        return found[0]
    if found:
        return Unwritten("answer: more than one", beginning)
    return Unwritten("answer: not the form asked for" if is_json else "answer: not JSON", beginning)


def _objects(text: str) -> Iterator[Any]:
    """The JSON objects in a text, the outermost ones, in their order."""
    whole, at = json.JSONDecoder(), text.find("{")
    for _ in range(_STARTS):
        if at < 0:
            return
        try:
            _, end = whole.raw_decode(text, at)  # finds the end; the gate makes the value
            yield parse_json(text[at:end])
        except (ValueError, RecursionError):
            end = at + 1
        at = text.find("{", end)
