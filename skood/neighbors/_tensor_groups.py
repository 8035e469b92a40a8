"""The largest value of each group of columns, and the columns that reach a bound, by torch."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from .._optional import import_optional
from ..measures.blocks import slices

GROUP = 16  # columns in a group, and groups in a group of groups
COLUMNS = GROUP**2  # the number of columns is a multiple of it
_MAX_OPENED = 1 << 17  # groups of groups at a time: more than a million columns may tie
_ENOUGH = 4  # times as many groups as values: then few values share a group


class GroupMaxima:
    """Values of m rows in b columns, and the largest value of each group of columns.

    All values are read once. The columns of a group are far apart, since columns side by side are
    often alike: for example rows of one class that were stored together. b is a multiple of
    `COLUMNS`.
    """

    def __init__(self, values: Any) -> None:
        groups = _largest(values)
        self._levels = [values, groups, _largest(groups)]

    def lower_bounds(self, k: int) -> Any:
        """At most k numbers for each row: at least i columns reach the i-th number."""
        enough = (level for level in reversed(self._levels) if level.shape[1] >= _ENOUGH * k)
        level = next(enough, self._levels[0])
        return level.topk(min(k, level.shape[1]), dim=1).values.float()

    def at_least(self, bound: Any) -> Iterator[tuple[Any, Any, Any]]:
        """Rows, columns and values, where a value reaches the bound (m, 1) and is not -inf."""
        bound = bound.clamp(min=import_optional("torch", "torch").finfo(bound.dtype).min)
        rows, columns = (self._levels[-1] >= bound).nonzero().T
        for part in slices(len(rows), _MAX_OPENED):
            yield self._opened(rows[part], columns[part], bound)

    def _opened(self, rows: Any, columns: Any, bound: Any) -> tuple[Any, Any, Any]:
        torch = import_optional("torch", "torch")
        values = bound
        for level in reversed(self._levels[:-1]):
            step = level.shape[1] // GROUP
            within = columns[:, None] + torch.arange(0, GROUP * step, step, device=columns.device)
            values = level[rows[:, None], within].float()
            group, place = (values >= bound[rows]).nonzero().T
            rows, columns, values = rows[group], within[group, place], values[group, place]
        return rows, columns, values


def _largest(values: Any) -> Any:
    return values.unflatten(1, (GROUP, -1)).amax(dim=1)
