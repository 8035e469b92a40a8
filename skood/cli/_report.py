"""The tables that commands print: in colours on a terminal, as plain text elsewhere."""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from typing import Any

from skood._optional import is_installed

from ._errors import shown

_FLAGGED = -1
_REASONS = "reasons"
_REPEATED = re.compile(r"(top|share)_\d+")  # what the reasons say too


def print_lowest(lines: Sequence[Mapping[str, Any]]) -> None:
    """Print the rows of the lowest scores."""
    first, *others = lines[0]  # the first may have any name
    names = [first, *(name for name in others if not _REPEATED.fullmatch(name))]
    cells = [[_cell(line[name]) for name in names] for line in lines]
    names = [shown(name) for name in names]
    if sys.stdout.isatty() and is_installed("rich"):
        _print_with_colours(names, cells, [line["decision"] == _FLAGGED for line in lines])
    else:
        _print_plain(names, cells)


def print_pairs(pairs: Sequence[tuple[str, str]]) -> None:
    """Print names and values in two columns. An empty name continues the line above."""
    safe = [(shown(name), shown(value)) for name, value in pairs]
    width = max(len(name) for name, _ in safe)
    styled = sys.stdout.isatty() and is_installed("rich")
    for name, value in safe:
        if styled:
            from rich.console import Console
            from rich.text import Text

            line = Text.assemble((f"{name:<{width}}  ", "bold"), value)
            Console(highlight=False, soft_wrap=True).print(line)
        else:
            print(f"{name:<{width}}  {value}".rstrip())


def _print_with_colours(names: list[str], cells: list[list[str]], flagged: list[bool]) -> None:
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE, pad_edge=False, show_edge=False)
    for name in names:
        table.add_column(name, justify="left" if name == _REASONS else "right", overflow="fold")
    for row, is_flagged in zip(cells, flagged, strict=True):
        if names[-1] == _REASONS:
            row[-1] = row[-1].replace("; ", "\n")
        table.add_row(*row, style="red" if is_flagged else None)
    Console(markup=False).print(table)


def _print_plain(names: list[str], cells: list[list[str]]) -> None:
    lines = [names, *cells]
    widths = [max(len(line[j]) for line in lines) for j in range(len(names))]
    for line in lines:
        parts = [
            cell.ljust(width) if name == _REASONS else cell.rjust(width)
            for name, cell, width in zip(names, line, widths, strict=True)
        ]
        print("  ".join(parts).rstrip())


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.4g}"
    return "" if value is None else shown(str(value))
