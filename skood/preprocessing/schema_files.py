"""Descriptions of columns by a user, as a mapping or a file; and as TOML to edit."""

from __future__ import annotations

import json
import os
import sys
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from .table_dates import PARTS
from .table_schema import KINDS, ColumnSchema, canonical

_MOST = sys.float_info.max
_FAULTS: dict[type, str] = {
    UnicodeDecodeError: "its text is not UTF-8",
    RecursionError: "it has lists within too many lists",
}
GIVEN = "given in a schema"
# What a description may say of each kind. The other fields are found in the rows.
_FIELDS: dict[str, tuple[str, ...]] = {
    "number": ("decimal", "thousands", "unit", "low", "high", "na"),
    "category": ("categories", "na"),
    "boolean": ("categories", "na"),
    "date": ("format", "parts", "na"),
    "id": (),
    "excluded": (),
}
_FOUND = ("name", "spelled", "zoned", "missing", "ordered", "reason")
_CHOICES = {"decimal": (".", ","), "thousands": ("", ".", ",", " ", "'"), "parts": PARTS}


def described(schema: Any) -> dict[str, ColumnSchema]:
    """Descriptions by name, from a file, a mapping of names to kinds or fields, or a fitted schema.

    A fitted schema brings decisions and no rules, because other rows may have another range.

    Raises
    ------
    ValueError
        If a description has an unknown kind or field, or contradicts itself.
    """
    if schema is None:
        return {}
    if isinstance(schema, str | os.PathLike):
        return read_schema(Path(schema))
    if isinstance(schema, Mapping):
        return _described(schema, "the schema")
    if isinstance(schema, Sequence) and all(isinstance(c, ColumnSchema) for c in schema):
        return {c.name: replace(c, low=None, high=None, categories=()) for c in schema}
    raise ValueError(
        "The schema must be a mapping of columns to descriptions, a path of a TOML or JSON file, "
        f"or a sequence of ColumnSchema. Got {schema!r:.200} instead."
    )


def read_schema(path: Path) -> dict[str, ColumnSchema]:
    """The descriptions of a TOML or JSON file, by name."""
    ending = path.suffix.lower()
    if ending not in (".toml", ".json"):
        raise ValueError(f"A schema is a file with the ending .toml or .json. Got {path.name!r}.")
    try:
        text = path.read_text(encoding="utf-8-sig")
        content = tomllib.loads(text) if ending == ".toml" else _from_json(text)
    except (ValueError, RecursionError) as error:
        fault = _FAULTS.get(type(error), error)
        raise ValueError(f"{path.name} is not a {ending[1:].upper()} file: {fault}.") from error
    if not isinstance(content, Mapping):
        raise ValueError(f"{path.name} must hold a description of each column, by its name.")
    return _described(content, path.name)


def _from_json(text: str) -> Any:
    def unique(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        names = [name for name, _ in pairs]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"it names {twice[0]!r} twice")
        return dict(pairs)

    return json.loads(text, object_pairs_hook=unique)


def _described(content: Mapping[Any, Any], where: str) -> dict[str, ColumnSchema]:
    schema = {str(name): _column(str(name), about, where) for name, about in content.items()}
    ids = [name for name, column in schema.items() if column.kind == "id"]
    if len(ids) > 1:
        raise ValueError(
            f"One column identifies rows, and {where} says it of {' and '.join(map(repr, ids))}."
        )
    return schema


def _column(name: str, about: Any, where: str) -> ColumnSchema:
    """The description of a column; raises one sentence for a mistake in it."""
    of = f"of the column {name!r} in {where}"
    about = {"kind": about} if isinstance(about, str) else about
    if not isinstance(about, Mapping) or about.get("kind") not in KINDS:
        given = about.get("kind", "no kind") if isinstance(about, Mapping) else about
        raise ValueError(
            f"The kind {of} must be one of {', '.join(KINDS)}. Got {given!r:.200} instead."
        )
    kind = about["kind"]
    allowed = _FIELDS[kind]
    known = [field.name for field in fields(ColumnSchema)]
    for field, value in about.items():
        is_end = kind == "date" and field in ("low", "high") and isinstance(value, float)
        is_found = field in _FOUND or is_end
        if field == "kind" or (field in known and (is_found or not allowed)):
            continue  # found in the rows by an earlier fit, or of no use
        if field not in allowed:
            raise ValueError(
                f"The description {of} may have the fields {', '.join(('kind', *allowed))}, as its "
                f"kind is {kind!r}. Got {field!r} instead."
            )
        must = _mistake(field, value)
        if must:
            raise ValueError(f"The {field!r} {of} must be {must}. Got {value!r:.200} instead.")
    values = {field: about[field] for field in allowed if field in about}
    values |= {field: tuple(map(str, values[field])) for field in _LISTS if field in values}
    column = ColumnSchema(name, kind, **values, zoned=bool(about.get("zoned")), reason=GIVEN)
    column = replace(column, categories=tuple(map(canonical, column.categories)))
    _refuse_contradictions(column, of)
    return column


_LISTS = ("categories", "na", "parts")


def _mistake(field: str, value: Any) -> str:
    """The values that a field may have, if its value is wrong."""
    if field in ("low", "high"):
        is_number = isinstance(value, int | float) and not isinstance(value, bool)
        return "" if is_number and -_MOST <= value <= _MOST else "a number"
    if field in _LISTS:
        items = value if isinstance(value, list | tuple) and value else [None]
        choices = _CHOICES.get(field)
        fit = [
            item in choices if choices else isinstance(item, str | int | float) for item in items
        ]
        of = " of " + ", ".join(choices) if choices else " of texts"
        return (
            "" if all(fit) and len(set(map(str, items))) == len(items) else f"a list{of}, each once"
        )
    choices = _CHOICES.get(field)
    if choices:
        return "" if value in choices else "one of " + ", ".join(map(repr, choices))
    return "" if isinstance(value, str) else "a text"


def _refuse_contradictions(column: ColumnSchema, of: str) -> None:
    both = set(column.categories) & set(column.na)
    if column.low is not None and column.high is not None and column.low > column.high:
        raise ValueError(f"The 'low' {of}, {column.low:g}, is above 'high', {column.high:g}.")
    if column.decimal == column.thousands:
        raise ValueError(f"The 'decimal' {of} is its 'thousands' too: {column.decimal!r}.")
    if both:
        raise ValueError(f"The 'na' {of} names the category {min(both)!r}.")


def as_toml(schema: Sequence[ColumnSchema]) -> str:
    """The descriptions as a TOML file that `described` reads.

    Ranges and categories of the rows are comments: without the ``#`` they become rules.
    """
    lines = []
    for column in schema:
        lines += [f"[{_text(column.name)}]", f"# {_text(column.describe())[1:-1]}"]
        lines.append(f"kind = {_text(column.kind)}")
        given = column.to_dict()
        for field in _FIELDS[column.kind]:
            if field in given:
                is_rule = field in ("low", "high", "categories")
                lines.append(f"{'# ' if is_rule else ''}{field} = {_value(given[field])}")
        lines.append("")
    return "\n".join(lines)


def _value(value: Any) -> str:
    if isinstance(value, list):
        return f"[{', '.join(map(_text, value))}]"
    return _text(value) if isinstance(value, str) else repr(value)


def _text(text: str) -> str:
    """A text of TOML: written as JSON, with escapes of unprintable characters."""
    escaped = json.dumps(text, ensure_ascii=False)
    return "".join(c if c.isprintable() else f"\\U{ord(c):08x}" for c in escaped)
