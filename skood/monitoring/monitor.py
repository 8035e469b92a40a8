"""An alarm over a stream of rows, valid at every time: a test martingale."""

from __future__ import annotations

from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, clone
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

from .._validation import (
    adopt_columns,
    check_float,
    check_int,
    check_methods,
    check_option,
    parameter_error,
    random_generator,
)
from ..calibration import ConformalOutlierDetector
from ._blocks import blocks_of
from ._change_point import ChangeEstimate
from ._column_changes import column_changes, reference_shares, strangest_rows
from ._history import segment_frame
from ._row_decisions import CONTROL, row_decisions
from ._stream import Stream
from ._update import MonitorUpdate, joined_updates


class ConformalMonitor(BaseEstimator):
    r"""Watch a stream of rows, and raise an alarm when they are no longer like the training rows.

    Look at it as often as you like: while the rows of the stream are exchangeable with the training
    rows, the probability that it **ever** raises an alarm is at most `alpha`. A test of each batch
    at 5 % raises a false alarm in every twentieth batch. This monitor raises one in at most a share
    `alpha` of all streams, however long.

    A part of the training rows is held out as calibration rows. The monitor ranks each new score
    among the scores of the calibration rows and of all earlier rows of the stream. Without a change
    these ranks are uniform and independent, and the monitor bets against that. The bets win on rows
    that are too strange, too typical, too alike or stuck. The e-value is their capital. Each column
    is watched in the same way, by its values alone.

    Parameters
    ----------
    detector : estimator
        A detector with `fit` and `score_samples`, a Pipeline that ends in one, a fitted one in a
        ``FrozenEstimator``, or a ``ConformalOutlierDetector(method="split")``; not changed.
    alpha : float, default=0.01
        The probability of ever raising an alarm without a change, in (0, 1).
    average_run_length : int or None, default=None
        For streams that continue after a change: the smallest mean number of rows between false
        alarms, in place of `alpha`. After an alarm the monitor starts anew, so it can raise another
        one. None: one alarm, by `alpha`.
    columns : bool, default=True
        Whether to watch the columns too, with half of `alpha`; for frames and arrays of rows, not
        for images, tensors and dicts.
    control : {"marginal", "online-fdr"}, default="marginal"
        The rows that `update` flags. "marginal": rows with a p-value of at most `row_alpha`.
        "online-fdr": expect up to a share `row_alpha` of false alarms among all flagged rows of the
        stream.
    row_alpha : float, default=0.05
        The error rate of the decisions on rows, in (0, 1).
    alert_budget : (int, period) or None, default=None
        The largest number of flagged rows in each period: ``(10, "1D")`` by `timestamps`, days of
        UTC; ``(10, 1000)`` by rows. Only with ``control="marginal"``.
    window : int, default=500
        The number of latest rows that are kept for `changes` and `strangest`; fewer if they would
        take more than 32 MiB.
    calibration_size : float, default=0.5
        Share of the training rows to hold out as calibration rows, in (0, 1). More of them find
        small changes sooner.
    random_state : int, RandomState instance or None, default=None
        Draws the calibration rows and breaks ties.

    Attributes
    ----------
    detector_ : ConformalOutlierDetector
        The fitted and calibrated detector.
    n_features_in_ : int
        Number of features, if the detector has it.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if the detector has them.

    Notes
    -----
    Until the alarm, each row is also compared with all earlier rows of the stream. That makes the
    guarantee exact with few calibration rows. With few of them, a change right at the start is hard
    to find.

    The guarantee is for exchangeable rows. Rows that depend on each other (frames of a video, a
    season) count as a change. Calibrate with rows from all normal times.

    With `average_run_length` L, the statistic of Shiryaev and Roberts replaces the martingale. The
    mean number of rows until a false alarm is at least L.

    "online-fdr" is SAFFRON, which is proven for independent p-values; the p-values of one detector
    share its calibration rows. The smallest p-value is 1 / (n_calibration + 1), so give thousands
    of rows.

    The state takes a few hundred kilobytes, and grows with the logarithm of the number of rows.

    References
    ----------
    Vovk, Petej, Nouretdinov, Ahlberg, Carlsson & Gammerman (2021), Retrain or not retrain:
    conformal test martingales for change-point detection. Vovk, Gammerman & Shafer (2005),
    Algorithmic learning in a random world, theorem 8.2: the ranks. Shiryaev (1963), On optimum
    methods in quickest detection problems. Ramdas, Zrnic, Wainwright & Jordan (2018), SAFFRON.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import KNNOutlierDetector
    >>> from skood.monitoring import ConformalMonitor
    >>> rng = np.random.default_rng(0)
    >>> monitor = ConformalMonitor(KNNOutlierDetector(), random_state=0)
    >>> monitor = monitor.fit(rng.normal(size=(1000, 3)))
    >>> for _ in range(5):
    ...     update = monitor.update(rng.normal(size=(200, 3)))
    >>> monitor.alarm_
    False
    >>> update = monitor.update(rng.normal(size=(200, 3)) + [0.0, 1.0, 0.0])
    >>> update.alarm, monitor.alarms_[0]["stream"]
    (True, 'x1')
    >>> abs(monitor.since_.row - 1000) < 50
    True
    """

    def __init__(
        self,
        detector: Any,
        *,
        alpha: float = 0.01,
        average_run_length: int | None = None,
        columns: bool = True,
        control: str = "marginal",
        row_alpha: float = 0.05,
        alert_budget: tuple[int, Any] | None = None,
        window: int = 500,
        calibration_size: float = 0.5,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.detector = detector
        self.alpha = alpha
        self.average_run_length = average_run_length
        self.columns = columns
        self.control = control
        self.row_alpha = row_alpha
        self.alert_budget = alert_budget
        self.window = window
        self.calibration_size = calibration_size
        self.random_state = random_state

    def fit(self, X: Any, y: Any = None) -> Self:
        """Fit the detector to a part of the rows, and calibrate it with the rest.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the detector takes
            In-distribution rows, in any order.
        y : array-like of shape (n_samples,), optional
            Class labels for the detector.

        Returns
        -------
        self : object
            The monitor, before the first row of the stream.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid.
        """
        self._check_parameters()
        given = self.detector
        if isinstance(given, ConformalOutlierDetector):
            conformal = clone(given)
        else:
            conformal = ConformalOutlierDetector(
                given,
                alpha=self.row_alpha,
                calibration_size=self.calibration_size,
                random_state=self.random_state,
            )
        X = np.asarray(X) if isinstance(X, list | tuple) else X
        self._begin(conformal.fit(X, y))
        self._reference = reference_shares(self.detector_, X)
        return self

    @classmethod
    def from_fitted(cls, detector: ConformalOutlierDetector, **parameters: Any) -> Self:
        """Make a monitor of a fitted detector, with the detector's calibration rows.

        Parameters
        ----------
        detector : ConformalOutlierDetector
            Fitted with ``method="split"``, as ``skood fit`` saves it.
        **parameters
            Parameters of the monitor.

        Returns
        -------
        ConformalMonitor
            The monitor, before the first row of the stream.

        Raises
        ------
        ValueError
            If a parameter or the detector is not valid.
        """
        monitor = cls(detector, **parameters)
        monitor._check_parameters()
        if not isinstance(detector, ConformalOutlierDetector):
            allowed = "a fitted ConformalOutlierDetector"
            raise parameter_error("ConformalMonitor.from_fitted", "detector", allowed, detector)
        check_is_fitted(detector)
        monitor.detector = clone(detector)  # else a file would hold the fitted one twice
        monitor._begin(detector)
        monitor._reference = None
        return monitor

    def _begin(self, conformal: ConformalOutlierDetector) -> None:
        if conformal.method_ != "split" or conformal.class_conditional:
            allowed = "one with method='split' and class_conditional=False"
            raise parameter_error(self, "detector", allowed, conformal)
        self.detector_ = conformal
        adopt_columns(self, conformal)
        self._seed = int(random_generator(self).randint(2**31 - 1))
        self.reset()

    def reset(self) -> Self:
        """Forget all rows of the stream, and the alarm; the calibration stays.

        Returns
        -------
        self : object
            The monitor, before the first row of a stream.
        """
        check_is_fitted(self)
        self._stream = Stream(
            self.detector_,
            getattr(self.detector_, "_columns", None) if self.columns else None,
            row_decisions(self),
            limit=float(self.average_run_length or 1 / self.alpha),
            renewed=self.average_run_length is not None,
            window=self.window,
            seed=self._seed,
        )
        return self

    def update(self, X: Any, timestamps: Any = None) -> MonitorUpdate:
        """Take the next rows of the stream: many, or a single one.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or whatever the detector takes
            The next rows, in their order. Dask's arrays and frames and rows on disk come in blocks.
        timestamps : array-like of shape (n_samples,), optional
            The time of each row: datetimes or ISO 8601 texts, in ascending order. Times without a
            zone are UTC.

        Returns
        -------
        MonitorUpdate
            Scores, p-values and decisions of these rows, the e-value after them, and whether they
            raised an alarm.

        Raises
        ------
        ValueError
            If X or `timestamps` is not valid. Then no row counts.
        """
        if not hasattr(self, "detector_"):
            check_is_fitted(self)  # asks for all tags: as long as to score a row
        blocks = blocks_of(X, timestamps)
        if blocks is None:
            return self._stream.take(self.detector_, X, timestamps)
        stream = self._stream.copy()
        updates = [stream.take(self.detector_, rows, times) for rows, times in blocks]
        self._stream = stream
        return joined_updates(updates)

    @property
    def alarm_(self) -> bool:
        """Whether an alarm was raised since `fit` or `reset`."""
        return bool(self._stream.alarms)

    @property
    def alarms_(self) -> list[dict[str, Any]]:
        """The alarms since `fit` or `reset`, the latest 1,000."""
        return list(self._stream.alarms)

    @property
    def e_value_(self) -> float:
        """The evidence of a change; ``1 / alpha`` raises the alarm."""
        return self._stream.evidence.value

    @property
    def limit_(self) -> float:
        """The evidence that raises an alarm: ``1 / alpha``, or `average_run_length`."""
        return self._stream.limit

    @property
    def score_e_value_(self) -> float:
        """The e-value of the scores alone."""
        return float(self._stream.evidence.values[0])

    @property
    def column_e_values_(self) -> dict[str, float]:
        """The e-value of each column alone."""
        stream = self._stream
        return dict(zip(stream.names[1:], stream.evidence.values[1:].tolist(), strict=True))

    @property
    def n_seen_(self) -> int:
        """Number of rows since `fit` or `reset`."""
        return self._stream.n_seen

    @property
    def n_flagged_(self) -> int:
        """Number of flagged rows among them."""
        return self._stream.n_flagged

    @property
    def since_(self) -> ChangeEstimate | None:
        """The start of the change behind the latest alarm, with a range; None without an alarm."""
        return self._stream.since

    @property
    def history_(self) -> Any:
        """The stream so far, a pandas frame.

        A line for each segment: 16 rows for recent ones, more rows further back. The columns:
        ``first_row``, ``n_rows``, ``first_time`` and ``last_time`` (NaT without times),
        ``n_flagged``, ``mean_p_value``, ``e_value`` at its end, ``max_e_value`` in it.
        """
        return segment_frame(self._stream.segments)

    def changes(self) -> Any:
        """Compare the columns of the latest rows with those of the calibration rows.

        The rows of the window since `since_`, or without an alarm the whole window.

        Returns
        -------
        pandas.DataFrame
            A line for each column, the most moved first: ``column``; ``p_value``, of a two-sample
            test of Kolmogorov and Smirnov, adjusted for the number of columns by Holm's method;
            ``statistic``, its largest difference of two shares; ``share`` of the column in the rise
            of the anomaly scores, by `explain` (NaN if the detector has no `explain`); ``usual``
            and ``now``, values of the calibration rows and of these rows.
        """
        check_is_fitted(self)
        bins, (rows, *_) = self._stream.evidence.columns, self._stream.latest()
        return column_changes(self.detector_, bins, rows, self._reference)

    def strangest(self, n: int = 5) -> list[dict[str, Any]]:
        """The rows of the window since `since_` with the lowest scores.

        Parameters
        ----------
        n : int, default=5
            Number of rows.

        Returns
        -------
        list of dict
            ``row`` of the stream, ``time``, ``score``, ``p_value``, and ``reasons``: the columns
            that contribute most to the anomaly score, in words ("" if the detector has no
            `explain`); ``neighbors``, their positions among the detector's training rows.
        """
        check_is_fitted(self)
        check_int("ConformalMonitor.strangest", "n", n, 1)
        return strangest_rows(self.detector_, self._stream.latest(), n)

    def _check_parameters(self) -> None:
        check_methods(self, "detector", ("fit", "score_samples"))
        check_float(self, "alpha", self.alpha, "(0, 1)")
        check_int(self, "average_run_length", self.average_run_length, 1, or_none=True)
        if not isinstance(self.columns, (bool, np.bool_)):
            raise parameter_error(self, "columns", "a bool", self.columns)
        check_option(self, "control", self.control, CONTROL)
        check_float(self, "row_alpha", self.row_alpha, "(0, 1)")
        check_int(self, "window", self.window, 0)
        check_float(self, "calibration_size", self.calibration_size, "(0, 1)")
        row_decisions(self)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if hasattr(self.detector, "__sklearn_tags__"):
            inner = get_tags(self.detector)
            tags.input_tags, tags.target_tags = inner.input_tags, inner.target_tags
        return tags
