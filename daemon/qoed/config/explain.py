"""Turns what pydantic finds wrong into lines that tell a person what to write instead."""

from __future__ import annotations

import re
from collections.abc import Iterator
from difflib import get_close_matches
from typing import Annotated, Any, get_args, get_origin

from pydantic import BaseModel, ValidationError

from qoed.config.schema import File
from qoed.config.yaml_tree import Path

_SECRET = frozenset({"headers", "url", "passphrase", "streamid"})
"""Values below these keys are never repeated in a message."""

_HINTS = {
    ("redis", "password"): "a password does not belong in the file; use password_file or password_env",
}


def explain(error: ValidationError, prefix: Path) -> Iterator[tuple[Path, str]]:
    """Where and what, for each mistake; `prefix` is where in the file the validated part stands."""
    for detail in error.errors(include_url=False):
        path = (*prefix, *detail["loc"])
        if detail["type"] == "missing":
            yield path[:-1], f"missing key {path[-1]}; add it"
        else:
            yield path, _text(detail["type"], path, detail.get("input"), detail.get("ctx", {}), detail["msg"])


def unknown_key(path: Path) -> str:
    """What to say of a key that the schema does not have at `path`."""
    if path in _HINTS:
        return _HINTS[path]
    key, known = str(path[-1]), keys_at(path[:-1])
    if near := get_close_matches(key, known, n=1):
        return f"unknown key; did you mean {near[0]}?"
    elsewhere = [section for section in keys_at(()) if path[:-1] != (section,) and key in keys_at((section,))]
    if elsewhere:
        return f"unknown key; {key} belongs under {elsewhere[0]}"
    return f"unknown key; known here: {', '.join(known)}"


def keys_at(path: Path) -> list[str]:
    """The keys that a mapping at `path` may have; empty where any may stand, or none."""
    model = _type_at(path)
    if not (isinstance(model, type) and issubclass(model, BaseModel)):
        return []
    return [info.alias or name for name, info in model.model_fields.items()]


def kind_of(value: object) -> str:
    """A value's kind, as a person would call it."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return "true" if value else "false"
    kinds: tuple[tuple[type, str], ...] = ((str, "text"), (int, "a number"), (float, "a number"))
    kinds += ((dict, "a mapping"), (list, "a list"))
    return next((name for kind, name in kinds if isinstance(value, kind)), type(value).__name__)


def _text(kind: str, path: Path, value: Any, context: dict[str, Any], said: str) -> str:
    shown = kind_of(value) if _SECRET & set(path) or isinstance(value, dict | list | None) else repr(value)
    match kind:
        case "extra_forbidden":
            return unknown_key(path)
        case "value_error":
            return str(context["error"])
        case "literal_error" | "enum":
            options = re.findall(r"'([^']*)'", str(context["expected"]))
            near = get_close_matches(str(value), options, n=1)
            hint = f"; did you mean {near[0]}?" if near else ""
            return f"{shown} is not one of {', '.join(options)}{hint}"
        case "model_type" | "model_attributes_type" | "dict_type":
            return f"needs keys below it, indented; got {kind_of(value)}"
        case "tuple_type" | "list_type":
            return f"needs a list, each item on a line that begins with -; got {kind_of(value)}"
        case "int_type" | "int_parsing" | "int_from_float":
            return f"needs a whole number, got {shown}"
        case "float_type" | "float_parsing":
            return f"needs a number, got {shown}"
        case "bool_type" | "bool_parsing":
            return f"needs true or false, got {shown}"
        case "string_type":
            is_number = isinstance(value, bool | int | float)
            return f"is text; put it in quotes: '{value}'" if is_number else f"needs a text, got {shown}"
        case "string_too_short":
            return "must not be empty"
        case "greater_than" | "greater_than_equal" | "less_than" | "less_than_equal":
            word = {"greater_than": "above", "less_than": "below"}.get(kind, "at ")
            word = {"greater_than_equal": "at least", "less_than_equal": "at most"}.get(kind, word)
            return f"must be {word} {next(iter(context.values())):g}, got {shown}"
        case _:
            return said


def _type_at(path: Path) -> Any:
    found: Any = File
    for part in path:
        if isinstance(found, type) and issubclass(found, BaseModel):
            fields = {info.alias or name: info for name, info in found.model_fields.items()}
            found = fields[str(part)].annotation if part in fields else None
        elif get_origin(found) is dict:
            found = get_args(found)[1]
        elif get_origin(found) in (tuple, list):
            found = get_args(found)[0]
        else:
            return None
        while get_origin(found) is Annotated:
            found = get_args(found)[0]
    return found
