"""A stream over time: the evidence of a change, and the share of flagged rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Self

from .._validation import parameter_error
from ._axes import finish, new_figure
from .looks import GUIDE, INK, looks

_COLUMNS = ("first_row", "n_rows", "first_time", "last_time", "n_flagged", "max_e_value")
_HIGHEST = 1e6  # alarm lines: evidence that goes on rising would make the axis useless
_FEWEST = 64  # rows of a step of the lower panel: the share of fewer rows jumps


class MonitorDisplay:
    """The e-value of a `ConformalMonitor` over its stream, with the alarm line and the change.

    The lower panel has the share of flagged rows.

    Parameters
    ----------
    history : pandas.DataFrame
        The frame `history_` of a monitor.
    limit : float
        The evidence that raises an alarm: ``1 / alpha``, or `average_run_length`.
    alarms : sequence of dict, default=()
        The list `alarms_` of the monitor.
    row_alpha : float or None, default=None
        The share of normal rows that are flagged.
    name : str or None, default=None
        Name of the stream, for the title.

    Attributes
    ----------
    history : pandas.DataFrame
        The frame.
    limit : float
        The alarm line.
    ax_ : tuple of two matplotlib Axes
        The axes that `plot` has drawn on: evidence, then share of flagged rows.
    figure_ : matplotlib Figure
        The figure of `ax_`.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector
    >>> from skood.monitoring import ConformalMonitor
    >>> from skood.plots import MonitorDisplay
    >>> rng = np.random.default_rng(0)
    >>> monitor = ConformalMonitor(KNNOutlierDetector(), random_state=0)
    >>> monitor = monitor.fit(rng.normal(size=(500, 2)))
    >>> update = monitor.update(rng.normal(size=(300, 2)))
    >>> display = MonitorDisplay.from_estimator(monitor)
    >>> display.limit
    100.0
    """

    def __init__(
        self,
        history: Any,
        *,
        limit: float,
        alarms: Sequence[dict[str, Any]] = (),
        row_alpha: float | None = None,
        name: str | None = None,
    ) -> None:
        missing = [column for column in _COLUMNS if column not in getattr(history, "columns", ())]
        if missing or not len(history):
            allowed = "the frame `history_` of a monitor that has seen rows"
            raise parameter_error("MonitorDisplay", "history", allowed, history)
        self.history, self.limit, self.alarms = history, limit, list(alarms)
        self.row_alpha, self.name = row_alpha, name

    @classmethod
    def from_estimator(
        cls, estimator: Any, *, name: str | None = None, ax: Any = None, **plot: Any
    ) -> Self:
        """Take the history of a monitor, and draw.

        Parameters
        ----------
        estimator : ConformalMonitor
            A monitor that has seen rows.
        name : str or None, default=None
            Name of the stream, for the title.
        ax : sequence of two matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.
        **plot
            Further arguments of `plot`.

        Returns
        -------
        MonitorDisplay
            The display, drawn.
        """
        if not hasattr(estimator, "history_"):
            allowed = "a fitted ConformalMonitor"
            raise parameter_error("MonitorDisplay", "estimator", allowed, estimator)
        display = cls(
            estimator.history_,
            limit=estimator.limit_,
            alarms=_with_latest(estimator),
            row_alpha=estimator.row_alpha,
            name=name,
        )
        return display.plot(ax, **plot)

    def plot(self, ax: Any = None) -> Self:
        """Draw both panels, over the times of the rows if they have any, else over their numbers.

        Parameters
        ----------
        ax : sequence of two matplotlib Axes or None, default=None
            Axes to draw on; None makes a figure.

        Returns
        -------
        self : object
            With `ax_` and `figure_`.

        Raises
        ------
        ImportError
            If matplotlib is not installed.
        """
        if ax is None:
            ax = new_figure(self, (7.2, 4.2)).subplots(2, sharex=True, height_ratios=(2, 1))
        evidence, share = ax
        timed = not self.history["last_time"].isna().any()
        ends = self.history["last_time"] if timed else _last_rows(self.history)
        (look, other) = looks(2)
        evidence.plot(ends, self.history["max_e_value"], color=look.colour, label="evidence")
        evidence.axhline(self.limit, color=INK, linestyle="--", linewidth=0.8, label="alarm line")
        evidence.set_yscale("log")
        if self.history["max_e_value"].max() > _HIGHEST * self.limit:
            evidence.set_ylim(top=_HIGHEST * self.limit)
        for alarm in self.alarms[-1:]:
            since = alarm["since"]
            first, last = (
                (since.earliest_time, since.latest_time)
                if timed
                else (since.earliest, since.latest)
            )
            for panel in (evidence, share):
                label = "change began" if panel is evidence else None
                panel.axvspan(first, last, color=GUIDE, alpha=0.35, linewidth=0, label=label)
        for alarm in self.alarms:
            place = alarm["time"] if timed else alarm["row"]
            label = "alarm" if alarm is self.alarms[0] else None
            evidence.axvline(place, color=other.colour, linewidth=1.2, label=label)
        places, shares = self._shares(timed)
        share.step(places, shares, where="post", color=look.colour)
        if self.row_alpha is not None:
            share.axhline(100 * self.row_alpha, color=INK, linestyle="--", linewidth=0.8)
        evidence.set_ylabel("evidence of a change")
        evidence.set_title(self.name or "", loc="left", fontsize="medium")
        share.set(ylabel="flagged, %", xlabel="time" if timed else "row of the stream")
        share.set_ylim(bottom=0)
        evidence.legend(frameon=False, fontsize="small", loc="upper left")
        finish([evidence, share])
        if timed:
            share.tick_params(axis="x", labelrotation=30)
        self.ax_, self.figure_ = (evidence, share), share.figure
        return self

    def _shares(self, timed: bool) -> tuple[list[Any], list[float]]:
        """Beginnings of parts of the stream, and their shares of flagged rows."""
        places, shares, n_rows, n_flagged = [], [], 0, 0
        begins = self.history["first_time" if timed else "first_row"]
        counts = self.history["n_rows"], self.history["n_flagged"]
        for begin, n, flagged in zip(begins, *counts, strict=True):
            if not n_rows:
                places.append(begin)
            n_rows, n_flagged = n_rows + n, n_flagged + flagged
            if n_rows >= _FEWEST:
                shares.append(100 * n_flagged / n_rows)
                n_rows = n_flagged = 0
        if n_rows:
            shares.append(100 * n_flagged / n_rows)
        last = self.history["last_time"].iloc[-1] if timed else _last_rows(self.history).iloc[-1]
        return [*places, last], [*shares, shares[-1]]


def _last_rows(history: Any) -> Any:
    return history["first_row"] + history["n_rows"] - 1


def _with_latest(monitor: Any) -> list[dict[str, Any]]:
    """The alarms, with today's estimate of the latest change."""
    alarms = list(monitor.alarms_)
    return [*alarms[:-1], {**alarms[-1], "since": monitor.since_}] if alarms else []
