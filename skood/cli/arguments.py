"""Types of arguments. argparse puts the name of the option in front of their messages."""

import argparse
import ast
import codecs
from array import array
from pathlib import Path
from typing import Any

LARGEST_SEED = 2**32 - 1  # NumPy's RandomState takes no larger one


def seed(text: str) -> int:
    """Read a seed."""
    message = f"must be an integer from 0 to {LARGEST_SEED}. Got {text!r} instead."
    try:
        number = int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(message) from None
    if not 0 <= number <= LARGEST_SEED:
        raise argparse.ArgumentTypeError(message)
    return number


def html_file(text: str) -> Path:
    """Read the name of a page to write."""
    if not text.lower().endswith((".html", ".htm")):
        raise argparse.ArgumentTypeError(f"must end in .html. Got {text!r} instead.")
    return Path(text)


def share(text: str) -> float:
    """Read a number between 0 and 1, without the ends."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < 1:
        raise argparse.ArgumentTypeError(f"must be a number in (0, 1). Got {text!r} instead.")
    return number


def share_or_none(text: str) -> float | None:
    """Read a share, or "none"."""
    return None if text.lower() == "none" else share(text)


def count_or_zero(text: str) -> int:
    """Read an integer of 0 or more."""
    return _whole_number(text, 0)


def count(text: str) -> int:
    """Read an integer of 1 or more."""
    return _whole_number(text, 1)


def several(text: str) -> int:
    """Read an integer of 2 or more."""
    return _whole_number(text, 2)


def seconds(text: str) -> float:
    """Read a time."""
    try:
        number = float(text)
    except ValueError:
        number = -1.0
    if not 0 < number < float("inf"):
        raise argparse.ArgumentTypeError(f"must be seconds above 0. Got {text!r} instead.")
    return number


def setting(text: str) -> tuple[str, Any]:
    """Read a name and a value: a Python literal, or else a text."""
    name, equals, value = text.partition("=")
    name = name.strip()
    if not equals or not name.isidentifier():
        raise argparse.ArgumentTypeError(
            f"must be a name and a value, such as n_neighbors=30. Got {text!r} instead."
        )
    try:
        return name, ast.literal_eval(value.strip())
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return name, value.strip()


def encoding(text: str) -> str:
    """Read the name of a text encoding."""
    try:
        "".encode(text)  # codecs such as hex have no text
        codec = codecs.lookup(text)
        codec.decode(array("B", b"a"), "replace")  # punycode takes no block of a reader
        return codec.name
    except (LookupError, UnicodeError, AttributeError, TypeError):
        raise argparse.ArgumentTypeError(
            f"must be an encoding such as utf-8 or latin-1. Got {text!r} instead."
        ) from None


def delimiter(text: str) -> str:
    """Read the character between the cells of a CSV file."""
    character = {"tab": "\t", "\\t": "\t"}.get(text, text)
    if len(character) != 1 or not character.isascii():
        raise argparse.ArgumentTypeError(f"must be one character. Got {text!r} instead.")
    return character


def _whole_number(text: str, low: int) -> int:
    number = int(text) if text.isdecimal() else -1
    if number < low:
        raise argparse.ArgumentTypeError(
            f"must be an integer of {low} or more. Got {text!r} instead."
        )
    return number


def given_options(
    parser: argparse.ArgumentParser, arguments: argparse.Namespace
) -> list[argparse.Action]:
    """The options that have another value than by default, in the order of the help."""
    return [
        action
        for action in parser._actions  # argparse lists them nowhere else
        if action.option_strings
        and getattr(arguments, action.dest, action.default) != action.default
    ]
