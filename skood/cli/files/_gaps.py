"""Missing and infinite values: counted in the whole file, then refused."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import numpy as np

from ...preprocessing.table_findings import counted
from ._blocks import Block
from ._errors import TableError


def without_gaps(blocks: Iterator[Block], name: str, *, missing: bool) -> Iterator[Block]:
    """Pass on blocks; from the first bad value on, only count bad values, and raise at the end.

    Infinite values are always bad, and missing ones unless they are allowed.
    """
    for block in blocks:
        counts = _gaps(block.rows, missing=missing)
        if counts:
            for rest in blocks:
                counts += _gaps(rest.rows, missing=missing)
            raise TableError(_sentence(counts, name))
        yield block


def check_gaps(rows: Any, name: str, *, missing: bool) -> None:
    """Raise if rows have values that `without_gaps` refuses."""
    counts = _gaps(rows, missing=missing)
    if counts:
        raise TableError(_sentence(counts, name))


class _Gaps:
    """The number of missing and infinite values in each column, and of rows with any."""

    def __init__(self) -> None:
        self.missing: Counter[str] = Counter()
        self.infinite: Counter[str] = Counter()
        self.rows = 0

    def __bool__(self) -> bool:
        return bool(self.missing or self.infinite)

    def __iadd__(self, other: _Gaps) -> _Gaps:
        self.missing += other.missing
        self.infinite += other.infinite
        self.rows += other.rows
        return self


def _gaps(rows: Any, *, missing: bool) -> _Gaps:
    gaps = _Gaps()
    is_missing, is_infinite, names = _bad_values(rows)
    if missing:
        is_missing = np.zeros((len(rows), 0), dtype=bool)
    if not (is_missing.any() or is_infinite.any()):
        return gaps
    for bad, counts in ((is_missing, gaps.missing), (is_infinite, gaps.infinite)):
        for j in np.flatnonzero(bad.any(axis=0)):
            counts[names[j]] = int(bad[:, j].sum())
    gaps.rows = int((is_missing.any(axis=1) | is_infinite.any(axis=1)).sum())
    return gaps


def _bad_values(rows: Any) -> tuple[np.ndarray, np.ndarray, list[str]]:
    """Which values are missing, which are infinite, and the names of the columns."""
    if isinstance(rows, np.ndarray):
        flat = rows.reshape(len(rows), -1)
        return np.isnan(flat), np.isinf(flat), [f"x{j}" for j in range(flat.shape[1])]
    is_number = np.array([kind.kind == "f" for kind in rows.dtypes])
    infinite = np.zeros(rows.shape, dtype=bool)
    if is_number.any():
        infinite[:, is_number] = np.isinf(rows.loc[:, is_number].to_numpy())
    return rows.isna().to_numpy(), infinite, list(rows.columns)


def _sentence(gaps: _Gaps, name: str) -> str:
    parts = []
    if gaps.missing:
        parts.append(
            f"{counted(gaps.missing.total(), 'missing value')} ({_by_column(gaps.missing)})"
        )
    if gaps.infinite:
        parts.append(
            f"{counted(gaps.infinite.total(), 'infinite value')} ({_by_column(gaps.infinite)})"
        )
    where = f"{gaps.rows:,} of its rows"
    if gaps.infinite:
        advice = "correct them, or leave the columns out with --exclude"
    else:
        advice = "fill them with --missing median, or leave the columns out with --exclude"
    return f"{name} has {' and '.join(parts)} in {where}: {advice}."


def _by_column(counts: Counter[str]) -> str:
    shown = ", ".join(f"{n:,} in {column!r}" for column, n in counts.most_common(6))
    return shown if len(counts) <= 6 else f"{shown}, and {len(counts) - 6:,} columns more"
