"""JSON and YAML from files and links: bounded in size, depth and digits, finite, and with text that can be written
again."""

import json
import math
from importlib.resources import files
from pathlib import Path
from typing import Any

import yaml

from nast_core.errors import DataError, NastError
from nast_core.files.gate import MB, read_text, shown

MOST = 64 * MB  # a tokenizer.json of a large vocabulary has about 20
_DEPTH = 64
_LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # plain values only; in C ten times as fast
_DIGITS = 40  # transformers writes "no limit" as a whole number of 31 digits


class _Refused(ValueError):
    """What is wrong with a document, as half a sentence."""


class _Unread(_Refused):
    """Of a text that is no YAML: with the line, from 1, where reading stopped."""

    def __init__(self, fault: yaml.YAMLError):
        mark = getattr(fault, "problem_mark", None)
        self.where = f", line {mark.line + 1}" if mark else ""
        reason = " ".join(str(getattr(fault, "problem", None) or fault).split())[:200]
        super().__init__(f"not YAML: {reason}")


def read_json(
    path: Path, *, most: int = MOST, error: type[NastError] = DataError, absent: str = "check the path"
) -> Any:
    """The value of a JSON file. Raises ``error`` for one that is no file, too large, or not such JSON."""
    text = read_text(path, most=most, error=error, absent=absent)
    try:
        return parse_json(text)
    except ValueError as fault:
        raise error(f"{shown(path)} is not JSON that can be used: {what_is_wrong_with(fault)}") from None


def read_yaml(path: Path, *, most: int = MB, error: type[NastError] = DataError, absent: str = "check the path") -> Any:
    """The value of a YAML file, without anchors and aliases (a few lines of them unfold to gigabytes)."""
    text = read_text(path, most=most, error=error, absent=absent)
    try:
        return parse_yaml(text)
    except _Unread as fault:
        raise error(f"{shown(path)}{fault.where}: {fault}") from None
    except ValueError as fault:
        raise error(f"{shown(path)} is not YAML that can be used: {what_is_wrong_with(fault)}") from None


def parse_json(text: str) -> Any:
    """The value of a JSON text. Raises ValueError (json.JSONDecodeError among them) with half a sentence."""
    try:
        value = json.loads(text, parse_int=_whole, parse_float=_finite, parse_constant=_finite)
    except RecursionError:
        raise _Refused(f"nested more than {_DEPTH} deep") from None
    if text.count("[") + text.count("{") > _DEPTH:
        _shallow(value)
    if "\\u" in text:
        _writable(value)
    return value


def parse_yaml(text: str) -> Any:
    """The value of a YAML text. Raises ValueError with half a sentence."""
    try:
        level = 0
        for event in yaml.parse(text, Loader=_LOADER):  # what is too deep takes a loader long before it takes it down
            level += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
            if level > _DEPTH:
                raise _Refused(f"nested more than {_DEPTH} deep")
            if isinstance(event, yaml.AliasEvent):
                raise _Refused("anchors and aliases are not read; write the value out")
        value = yaml.load(text, Loader=_LOADER)
    except yaml.YAMLError as fault:
        raise _Unread(fault) from None
    except RecursionError:
        raise _Refused(f"nested more than {_DEPTH} deep") from None
    except (TypeError, OverflowError, AttributeError, LookupError) as fault:  # of values that are not of their own tag
        raise _Refused(str(fault)) from None
    _shallow(value)
    _writable(value)
    return value


def packaged(package: str, name: str) -> Any:
    """The value of a YAML table that comes with NAST, beside the modules of ``package``: ours, so not checked."""
    return yaml.load(files(package).joinpath(name).read_text("utf-8"), Loader=_LOADER)


def what_is_wrong_with(fault: ValueError) -> str:
    """Half a sentence on a ValueError of parse_json or parse_yaml."""
    if isinstance(fault, json.JSONDecodeError):
        return f"{fault.msg} at line {fault.lineno}, character {fault.colno}"
    return str(fault).split(";")[0] if "int_max_str_digits" in str(fault) else str(fault)


def _whole(digits: str) -> int:
    if len(digits) > _DIGITS:
        raise _Refused(f"a number of {len(digits):,} digits")
    return int(digits)


def _finite(digits: str) -> float:
    value = float(digits.replace("Infinity", "inf"))
    if not math.isfinite(value):
        raise _Refused(f"{digits[:40]} is not a finite number")
    return value


def _shallow(value: Any) -> None:
    level, layer = 0, [value]
    while layer:
        level += 1
        if level > _DEPTH:
            raise _Refused(f"nested more than {_DEPTH} deep")
        layer = [inner for outer in layer for inner in _inside(outer)]


def _writable(value: Any) -> None:
    """Refuses half characters (lone surrogates), which no file or screen can take, and numbers YAML lets through."""
    layer = [value]
    while layer:
        for one in layer:
            if isinstance(one, float) and not math.isfinite(one):
                raise _Refused(f"{one} is not a finite number")
            if isinstance(one, int) and one.bit_length() > 4 * _DIGITS:
                raise _Refused("a number of too many digits")
            if isinstance(one, str) and any("\ud800" <= c <= "\udfff" for c in one):
                raise _Refused("a text holds half a character (a lone surrogate)")
        layer = [inner for outer in layer for inner in _inside(outer)]


def _inside(value: Any) -> list[Any]:
    if isinstance(value, dict):
        return [*value, *value.values()]
    return list(value) if isinstance(value, list | tuple | set) else []
