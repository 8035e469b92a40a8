"""The help of a command: its description, its options, and examples that run."""

from __future__ import annotations

import argparse
import shutil
import textwrap
from typing import Any


def add_command(
    commands: Any, name: str, *, summary: str, description: str, examples: str
) -> argparse.ArgumentParser:
    """Add a command. `examples` has one in each line, of files as the guide makes them."""
    parser: argparse.ArgumentParser = commands.add_parser(
        name,
        help=summary,
        description=filled(description),
        epilog=listed_examples(examples),
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    return parser


def filled(text: str) -> str:
    """A text in lines of the width of the terminal, as argparse fills other texts."""
    return textwrap.fill(text, shutil.get_terminal_size().columns - 2)


def listed_examples(examples: str) -> str:
    """Examples under a heading, each in a line of its own, to be copied."""
    lines = textwrap.dedent(examples).strip().splitlines()
    return "\n".join(["examples:", *(f"  {line}" for line in lines)])
