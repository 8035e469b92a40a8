"""Markdown tables of a page: read, split where they are too wide, and rid of their verdicts."""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from skood.cli.markdown import markdown_table

WIDEST = 120  # characters of a line; a wider table is split
_FIGURE = re.compile(r"[-+−]?\d[\d,]*(?:\.\d+)?(?:e[-+]?\d+)?")
_BAR = re.compile(r"[≤≥<>]")
_VERDICT = re.compile(r"\((?:met|missed)\)")


@dataclass(frozen=True)
class Table:
    """A table below the last heading before it."""

    section: str
    head: list[str]
    rows: list[list[str]]

    def numbers(self, column: str) -> dict[str, float]:
        """The first number of each cell, by the first cell of its row; empty cells are left out."""
        place = self.head.index(column)
        return {row[0]: number(row[place]) for row in self.rows if _FIGURE.search(row[place])}

    def cell(self, row: str, column: str) -> str:
        """The cell of the first row with this name."""
        return next(line for line in self.rows if line[0] == row)[self.head.index(column)]


def number(cell: str) -> float:
    """The first number of a cell; a number of milliseconds is given in seconds."""
    found = _FIGURE.search(cell)
    if found is None:
        raise ValueError(f"{cell!r} has no number.")
    value = float(found[0].replace(",", "").replace("−", "-"))
    return value / 1000 if cell[found.end() :].startswith(" ms") else value


def read_tables(text: str) -> list[Table]:
    """All tables of a text, with parts of one table (see `narrow`) joined again."""
    tables: list[Table] = []
    for section, block, is_table in _blocks(text):
        if not is_table:
            continue
        table = _parsed(section, block)
        last = tables[-1] if tables else None
        if last and _names(last) == _names(table):
            heads = zip(last.head, table.head, strict=False)
            shared = sum(1 for _ in itertools.takewhile(lambda pair: pair[0] == pair[1], heads))
            rows = [old + row[shared:] for old, row in zip(last.rows, table.rows, strict=True)]
            tables[-1] = Table(table.section, last.head + table.head[shared:], rows)
        else:
            tables.append(table)
    return tables


def _names(table: Table) -> list[str]:
    return [table.section, table.head[0], *(row[0] for row in table.rows)]


def narrow(text: str) -> str:
    """Split each table that is too wide; each part repeats the columns that name the rows."""
    parts = []
    for section, block, is_table in _blocks(text):
        lines = block.splitlines()
        if is_table and max(map(len, _tight(lines))) > WIDEST:
            parts += _split(_parsed(section, block))
        else:
            parts.append(block)
    return "\n\n".join(parts)


def lift(text: str) -> tuple[str, list[str]]:
    """Take verdicts (met, missed) out of the tables: the text without, and a line for each.

    A cell that begins with a bar, such as ``≤ 300 MB (met)``, judges the nearest cell to the left.
    A column of bare ``met`` or ``missed`` gives one line with their counts. A heading of the third
    level is named in its lines.
    """
    parts, lines = [], []
    for section, block, is_table in _blocks(text):
        table = _parsed(section, block) if is_table else None
        if table is None or not any(_is_verdict(cell) for row in table.rows for cell in row):
            parts.append(block)
            continue
        rest, found = _lifted(table)
        parts.append(markdown_table(rest.head, rest.rows))
        about = f"{table.section}: " if section.startswith("###") else ""
        lines += [about + line for line in found]
    return "\n\n".join(parts), lines


def _lifted(table: Table) -> tuple[Table, list[str]]:
    columns = [i for i in range(len(table.head)) if any(_is_verdict(row[i]) for row in table.rows)]
    labels = _labels(table, min(columns))
    lines, empty = [], []
    for column in columns:
        name = table.head[column]
        bare = [row[column] for row in table.rows if row[column] in {"met", "missed"}]
        if bare:
            verdict = "(met)" if "missed" not in bare else "(missed)"
            lines.append(f"{table.section}, {name}: {bare.count('met')} of {len(bare)} {verdict}")
        else:
            lines += [
                _requirement(label, table.head, row, column)
                for label, row in zip(labels, table.rows, strict=True)
                if _is_verdict(row[column])
            ]
        for row in table.rows:
            row[column] = "" if bare or name == "required" else _without_bar(row[column])
        if not any(row[column] for row in table.rows):
            empty.append(column)
    left = [i for i in range(len(table.head)) if i not in empty]
    rows = [[row[i] for i in left] for row in table.rows]
    return Table(table.section, [table.head[i] for i in left], rows), lines


def _requirement(label: str, head: Sequence[str], row: Sequence[str], column: int) -> str:
    cell, name = row[column], head[column]
    if _BAR.match(cell):
        place = next(i for i in range(column - 1, -1, -1) if row[i])
        cell, name = f"{row[place]}, {cell}", head[place]
    return f"{label}: {cell}" if name == "required" else f"{label}, {name}: {cell}"


def _is_verdict(cell: str) -> bool:
    return bool(_VERDICT.search(cell)) or cell in {"met", "missed"}


def _without_bar(cell: str) -> str:
    return re.split(r",? ?[≤≥<>] |\s*\((?:met|missed)\)", cell)[0]


def _key_columns(table: Table, at_most: int) -> int:
    """How many columns name a row: the fewest first ones that differ from row to row."""
    for count in range(1, at_most):
        if len({tuple(row[:count]) for row in table.rows}) == len(table.rows):
            return count
    return max(1, at_most)


def _labels(table: Table, before: int) -> list[str]:
    count = _key_columns(table, before)
    return [
        ", ".join(
            f"{name} {cell}" if i and _FIGURE.match(cell) else cell
            for i, (name, cell) in enumerate(zip(table.head[:count], row, strict=False))
            if cell
        )
        for row in table.rows
    ]


def _split(table: Table) -> list[str]:
    count = _key_columns(table, len(table.head))
    count = count if count < 3 else 1
    cells = [table.head, *table.rows]
    widths = [max(len(row[i]) for row in cells) + 3 for i in range(len(table.head))]
    room = max(WIDEST - sum(widths[:count]), 40)
    n_parts = -(-sum(widths[count:]) // room)
    size = -(-(len(table.head) - count) // n_parts)
    return [
        markdown_table(
            table.head[:count] + table.head[start : start + size],
            [row[:count] + row[start : start + size] for row in table.rows],
        )
        for start in range(count, len(table.head), size)
    ]


def _parsed(section: str, block: str) -> Table:
    head, _, *rows = (
        [cell.strip().replace("\\|", "|") for cell in re.split(r"(?<!\\)\|", line.strip())[1:-1]]
        for line in block.splitlines()
    )
    return Table(section.lstrip("# "), head, rows)


def _tight(lines: list[str]) -> list[str]:
    return [re.sub(r" {2,}|-{3,}", " ", line) for line in lines]


def _blocks(text: str) -> Iterator[tuple[str, str, bool]]:
    """Blocks between empty lines: the heading above, the text, and whether it is a table."""
    section = ""
    for block in text.split("\n\n"):
        if block.startswith("#"):
            section = block.splitlines()[0]
        lines = block.splitlines()
        is_table = len(lines) > 2 and all(line.startswith("|") for line in lines)
        yield section, block, is_table
