"""Each column of a table cut into bins, with the number of calibration rows in each."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from numbers import Real
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._validation import count_rows
from ._bin_test import bin_p_values, holm

FIT_ROWS, COUNTED_ROWS = 2_000, 5_000
_CUTS = 15  # each is a bin of its own, between two others: 31 bins
_CATEGORIES = 31
_OTHER, MISSING, N_BINS = 31, 32, 33
_WIDEST = 4_096  # columns: of more, a test of each sees little
_ORDERED_ROWS = 20  # so many numbers that only rise are a counter
_WORK = 4_000_000  # comparisons at a time
_SHOWN = 3
_NO_FEATURES = ("id", "date", "excluded")


@dataclass(frozen=True, eq=False)
class ColumnBins:
    """Bins of the columns, and the number of calibration rows in each bin.

    A number falls on one of up to 15 cuts, between two, or below or above all: bins 0 to 30. A text
    or truth value has the bin of its category (the 31 most frequent), or bin 31. Missing values
    have bin 32. Columns with new values in each row are left out: counters, texts that hardly
    repeat, dates, and columns that the schema of a table excludes.

    Attributes
    ----------
    names : tuple of str of length n_columns
        Names of the columns that are in; ``x0``, ``x1``, ... where rows have no names.
    positions : ndarray of shape (n_columns,)
        Their positions in a row.
    is_number : ndarray of bool of shape (n_columns,)
        Whether the bins of a column follow the order of its values.
    cuts : ndarray of shape (15, n_columns)
        The cuts, ascending, filled up with NaN; all NaN for columns without numbers.
    categories : tuple of tuple of str
        The categories of each column, the most frequent first.
    counts : ndarray of shape (n_columns, 33)
        Calibration rows in each bin.
    usual : tuple of str
        The median and range, or the most frequent categories.
    schemas : tuple of (ColumnSchema or None)
        The schema of each column from a table's first step, with other spellings of a category.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.calibration.column_bins import ColumnBins
    >>> X = np.random.default_rng(0).normal(size=(600, 2))
    >>> bins = ColumnBins.of(X[:400], X[400:])
    >>> bins.codes(X[:2]).shape, bins.counts.sum(axis=1).tolist()
    ((2, 2), [200, 200])
    >>> stuck = np.random.default_rng(1).normal(size=(50, 2))
    >>> stuck[:, 1] = 0.0
    >>> bins.adjusted(bins.count(stuck)).round(3).tolist()
    [1.0, 0.0]
    """

    names: tuple[str, ...]
    positions: NDArray[np.intp]
    is_number: NDArray[np.bool_]
    cuts: NDArray[np.float64]
    categories: tuple[tuple[str, ...], ...]
    counts: NDArray[np.int64]
    usual: tuple[str, ...]
    schemas: tuple[Any, ...]

    @classmethod
    def of(cls, fit_rows: Any, calibration_rows: Any, schema: Sequence[Any] = ()) -> Self | None:
        """Bins from some rows, and counts of others; None unless rows are a table in memory.

        Parameters
        ----------
        fit_rows, calibration_rows : array or frame of shape (n_samples, n_features)
            Rows that make the bins, and rows that are counted; samples of `FIT_ROWS` and
            `COUNTED_ROWS` rows are enough.
        schema : sequence of ColumnSchema, default=()
            Descriptions of columns. Columns that are no features, or numbers in text, are left out.

        Returns
        -------
        ColumnBins or None
            None for images, lists, tensors, sparse, mapped and stored rows, and without a column.
        """
        if not is_table(fit_rows):
            return None
        rules = {rule.name: rule for rule in schema}
        found = []
        for j, name in enumerate(_names(fit_rows)):
            column, rule = _column(fit_rows, j), rules.get(name)
            described = None if _is_left_out(column, rule) else _described(column)
            if described is not None:
                found.append((name, j, *described, rule))
        if not found:
            return None
        names, positions, cuts, categories, usual, schemas = zip(*found, strict=True)
        made = cls(
            names,
            np.array(positions),
            np.array([len(some) > 0 for some in cuts]),
            np.array(
                [np.pad(c, (0, _CUTS - len(c)), constant_values=np.nan) for c in cuts]
            ).T.copy(),
            categories,
            np.zeros((len(names), N_BINS), dtype=np.int64),
            usual,
            schemas,
        )
        made.counts[:] = made.count(calibration_rows)
        return made

    def codes(self, X: Any) -> NDArray[np.uint8]:
        """The bin of each cell, of shape (n_samples, n_columns)."""
        if self.is_number.all() and _all_numbers(X):
            values = np.asarray(X)
            if values.shape[1] > len(self.positions):
                values = values[:, self.positions]
            return self._number_codes(values, self.cuts)
        codes = np.empty((count_rows(X), len(self.names)), dtype=np.uint8)
        for i, j in enumerate(self._places(X)):
            column = _column(X, j)
            if self.is_number[i]:
                numbers = _as_numbers(column)[:, np.newaxis]
                codes[:, i] = self._number_codes(numbers, self.cuts[:, i : i + 1])[:, 0]
            else:
                codes[:, i] = self._category_codes(column.tolist(), i)
        return codes

    def _places(self, X: Any) -> list[int]:
        """The positions of the columns in rows, which may lack columns that are no features."""
        if isinstance(X, np.ndarray):
            return self.positions.tolist()
        place = {name: j for j, name in enumerate(_names(X))}
        return [place[name] for name in self.names]

    def _category_codes(self, values: list[Any], i: int) -> list[int]:
        place = {text: code for code, text in enumerate(self.categories[i])}
        schema, found = self.schemas[i], {}
        for value in {_text(value) for value in values}:
            code = place.get(value, _OTHER) if value is not None else MISSING
            if code == _OTHER and schema is not None:  # another spelling of a category, or a gap
                code = MISSING if value in schema.na else place.get(schema.known_text(value), code)
            found[value] = code
        return [found[_text(value)] for value in values]

    def count(self, X: Any) -> NDArray[np.int64]:
        """How many rows have each bin, of shape (n_columns, 33)."""
        places = self.codes(X) + N_BINS * np.arange(len(self.names))
        counts = np.bincount(places.ravel(), minlength=len(self.names) * N_BINS)
        return counts.reshape(-1, N_BINS)

    def p_values(self, counts: NDArray[Any]) -> NDArray[np.float64]:
        """A p-value for each column of rows with these counts, each valid alone, with ties."""
        return bin_p_values(counts, self.counts, self.is_number)

    def adjusted(self, counts: NDArray[Any]) -> NDArray[np.float64]:
        """These p-values, adjusted for the number of columns by Holm's procedure."""
        return holm(self.p_values(counts))

    def _number_codes(self, values: NDArray[Any], cuts: NDArray[Any]) -> NDArray[np.uint8]:
        edges = cuts[:, np.newaxis]
        codes = np.empty(values.shape, dtype=np.uint8)
        step = max(1, _WORK // max(cuts.size, 1))
        for start in range(0, len(values), step):
            some = values[start : start + step]
            passed = np.add.reduce(edges < some, axis=0, dtype=np.uint8)
            passed += np.add.reduce(edges <= some, axis=0, dtype=np.uint8)
            passed[some != some] = MISSING
            codes[start : start + step] = passed
        return codes


def is_table(X: Any) -> bool:
    """Whether rows are a table in memory: an array of two dimensions, or a frame."""
    if isinstance(X, np.ndarray):
        return X.ndim == 2 and 0 < X.shape[1] <= _WIDEST and not isinstance(X, np.memmap)
    module = type(X).__module__.partition(".")[0]
    return module in ("pandas", "polars", "pyarrow") and len(getattr(X, "shape", ())) == 2


def _names(X: Any) -> list[str]:
    if isinstance(X, np.ndarray):
        return [f"x{j}" for j in range(X.shape[1])]  # as in explanations
    return [str(name) for name in getattr(X, "column_names", X.columns)]


def _column(X: Any, j: int) -> NDArray[Any]:
    if isinstance(X, np.ndarray):
        return X[:, j]
    if hasattr(X, "iloc"):
        return np.asarray(X.iloc[:, j].to_numpy())
    if hasattr(X, "to_series"):
        series = X.to_series(j)
        if series.dtype.is_temporal():  # left out, whatever its values
            return np.zeros(len(series), dtype="datetime64[us]")
        return np.asarray(series.to_list())  # early polars crash in `to_numpy` with NumPy 2
    column = X.column(j)
    if hasattr(column.type, "index_type"):  # a column of categories
        column = column.cast(column.type.value_type)
    return np.asarray(column.to_numpy())


def _all_numbers(X: Any) -> bool:
    return isinstance(X, np.ndarray) and X.dtype.kind in "fiu"


def _is_left_out(column: NDArray[Any], rule: Any) -> bool:
    if rule is None:
        return column.dtype.kind in "mMcV"
    is_text = column.dtype.kind not in "fiub" and not _holds_numbers(column)
    return rule.kind in _NO_FEATURES or (rule.kind == "number" and is_text)


def _described(column: NDArray[Any]) -> tuple[NDArray[Any], tuple[str, ...], str] | None:
    """Cuts, categories and usual values; None for a column to leave out."""
    if column.dtype.kind in "fiu" or _holds_numbers(column):
        return _of_numbers(_as_numbers(column))
    texts = [text for text in map(_text, column.tolist()) if text is not None]
    frequent = Counter(texts).most_common(_CATEGORIES)
    if 2 * sum(n for _, n in frequent) < len(texts):
        return None  # identifiers, free text
    shown = ", ".join(f"{t!r} {100 * n / len(column):.0f} %" for t, n in frequent[:_SHOWN])
    return np.empty(0), tuple(text for text, _ in frequent), shown or "missing"


def _of_numbers(numbers: NDArray[np.float64]) -> tuple[NDArray[Any], tuple[str, ...], str] | None:
    known = numbers[numbers == numbers]
    steps = np.diff(known) if len(known) >= _ORDERED_ROWS else np.zeros(1)
    if np.all(steps > 0) or np.all(steps < 0):
        return None
    known = np.sort(known)
    distinct = known[np.append(True, known[1:] != known[:-1])] if len(known) else known
    if len(distinct) > _CUTS:
        at = np.arange(1, _CUTS + 1) * len(known) // (_CUTS + 1)
        distinct = np.unique(known[at])
    if not len(known):
        return np.zeros(1), (), "missing"
    middle, low, high = known[len(known) // 2], known[0], known[-1]
    usual = f"median {middle:.4g}, {low:.4g} to {high:.4g}" if low < high else f"always {low:.4g}"
    return distinct, (), usual


def _holds_numbers(column: NDArray[Any]) -> bool:
    if column.dtype.kind != "O":
        return False
    known = [value for value in column.tolist() if not _is_missing(value)]
    return bool(known) and all(isinstance(v, Real) and not isinstance(v, bool) for v in known)


def _as_numbers(column: NDArray[Any]) -> NDArray[np.float64]:
    if column.dtype.kind in "fiub":
        return column.astype(np.float64)
    return np.array([_number(value) for value in column.tolist()], dtype=np.float64)


def _number(value: Any) -> float:
    try:
        return np.nan if _is_missing(value) else float(value)
    except (TypeError, ValueError):
        return np.nan


def _text(value: Any) -> str | None:
    """A category as text: 1.0 is 1, as in other files and frames."""
    if _is_missing(value):
        return None
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _is_missing(value: Any) -> bool:
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and value != value
