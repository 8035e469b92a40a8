"""The rule that flags rows of a stream."""

from __future__ import annotations

from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error
from ._alert_budget import AlertBudget
from ._saffron import Saffron

CONTROL = ("marginal", "online-fdr")
_SECONDS = {"s": 1, "m": 60, "h": 3_600, "D": 86_400, "W": 604_800}
_ROUNDING = 1e-12  # of p-values, which are shares of whole numbers


class RowDecisions:
    """Decisions by p-values: each row alone, at a false discovery rate, or within a budget."""

    def __init__(self, alpha: float, rule: Saffron | AlertBudget | None) -> None:
        self.alpha, self.rule = alpha, rule

    @property
    def by_time(self) -> bool:
        """Whether rows need times."""
        return isinstance(self.rule, AlertBudget) and self.rule.by_time

    def flags(
        self, p_values: NDArray[np.float64], first_row: int, times: NDArray[np.int64] | None
    ) -> NDArray[np.bool_]:
        """Whether each row is flagged; they come one after the other."""
        if isinstance(self.rule, AlertBudget):
            return self.rule.flags(p_values, first_row, times)
        if self.rule is not None:
            return self.rule.flags(p_values)
        return p_values <= self.alpha * (1 + _ROUNDING)


def row_decisions(monitor: Any) -> RowDecisions:
    """The decisions by the parameters of a monitor, before the first row."""
    alpha, budget = monitor.row_alpha, monitor.alert_budget
    if budget is None:
        return RowDecisions(alpha, Saffron(alpha) if monitor.control == "online-fdr" else None)
    if monitor.control != "marginal":
        allowed = f"None with control={monitor.control!r}"
        raise parameter_error(monitor, "alert_budget", allowed, budget)
    most, length, by_time = _checked_budget(monitor, budget)
    return RowDecisions(alpha, AlertBudget(most, length, alpha, by_time=by_time))


def _checked_budget(monitor: Any, budget: Any) -> tuple[int, int, bool]:
    allowed = "None or a pair: a number of alerts, and a period in rows or such as '1D', '12h'"
    wrong = parameter_error(monitor, "alert_budget", allowed, budget)
    if not (isinstance(budget, tuple | list) and len(budget) == 2):
        raise wrong
    most, period = budget
    if not _is_whole(most) or most < 1:
        raise wrong
    if _is_whole(period) and period >= 1:
        return int(most), int(period), False
    length = _nanoseconds(period)
    if length < 1:
        raise wrong
    return int(most), length, True


def _is_whole(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, bool | np.bool_ | np.timedelta64)


def _nanoseconds(period: Any) -> int:
    """The length of a period such as ``"1D"``, ``"12h"`` or a timedelta; 0 if it is none."""
    if isinstance(period, str):
        number, unit = period[:-1], period[-1:]
        whole = (number or "1").isdecimal() and unit in _SECONDS
        return int(number or 1) * _SECONDS[unit] * 10**9 if whole else 0
    try:
        return int(np.timedelta64(period).astype("timedelta64[ns]").astype(int))
    except (TypeError, ValueError):
        return 0
