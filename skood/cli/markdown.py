"""Tables with aligned columns, in Markdown and in plain text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from ._errors import shown


def markdown_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table; the first column is aligned to the left, the others to the right.

    Examples
    --------
    >>> from skood.cli.markdown import markdown_table
    >>> print(markdown_table(["name", "share"], [["knn", "9.5"], ["lof", "10.0"]]))
    | name | share |
    | :--- | ----: |
    | knn  |   9.5 |
    | lof  |  10.0 |
    """
    cells = [[shown(cell).replace("|", "\\|") for cell in line] for line in (head, *lines)]
    widths = [max(3, *map(len, column)) for column in zip(*cells, strict=True)]
    rule = [
        (":" if place == 0 else "-") + "-" * (width - 2) + ("-" if place == 0 else ":")
        for place, width in enumerate(widths)
    ]
    set_lines = [
        [
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ]
        for line in (cells[0], rule, *cells[1:])
    ]
    return "\n".join(f"| {' | '.join(line)} |" for line in set_lines)


def plain_table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    """Write a table for the terminal, aligned as in `markdown_table`.

    Examples
    --------
    >>> from skood.cli.markdown import plain_table
    >>> print(plain_table(["name", "share"], [["knn", "9.5"], ["lof", "10.0"]]))
    name  share
    knn     9.5
    lof    10.0
    """
    cells = [[shown(cell) for cell in line] for line in (head, *lines)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return "\n".join(
        "  ".join(
            cell.ljust(width) if place == 0 else cell.rjust(width)
            for place, (cell, width) in enumerate(zip(line, widths, strict=True))
        ).rstrip()
        for line in cells
    )
