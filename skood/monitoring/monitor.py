"""An alarm over a stream of rows that holds at every time: a test martingale."""

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
    r"""Watch a stream of rows, and raise an alarm when they no longer are like the training rows.

    Look at it as often as you like: the chance that it **ever** raises an alarm is at most `alpha`
    as long as the rows of the stream are exchangeable with the training rows. A test of each batch
    at 5 % raises a false alarm every twentieth batch; this one has a false alarm in a share
    `alpha` of all streams, however long.

    Some training rows fit the detector, the others calibrate it. Each new score is ranked among
    those of the calibration rows and of all earlier rows of the stream. Without a change these
    ranks are uniform and independent; the monitor bets against that. The bets win on rows that are
    too strange, too typical, too alike or stuck. What they win is the e-value. Each column is
    watched in the same way, by its values alone.

    Parameters
    ----------
    detector : estimator
        A detector with `fit` and `score_samples`, a Pipeline that ends in one, a fitted one in a
        ``FrozenEstimator``, or a ``ConformalOutlierDetector(method="split")``; not changed.
    alpha : float, default=0.01
        The chance of an alarm without a change, over the whole stream, in (0, 1).
    average_run_length : int or None, default=None
        For streams that go on after a change: the number of rows between false alarms, in the mean
        at least, in place of `alpha`. After an alarm the monitor begins anew, so it can raise
        another one. None: one alarm, by `alpha`.
    columns : bool, default=True
        Whether the columns are watched too, with half of `alpha`. They are for frames and arrays of
        rows, and not for images, tensors and dicts.
    control : {"marginal", "online-fdr"}, default="marginal"
        Which rows `update` flags. "marginal": those with a p-value of at most `row_alpha`.
        "online-fdr": so that of all flagged rows of the stream a share of `row_alpha` at most is
        in-distribution in the mean.
    row_alpha : float, default=0.05
        The error rate of the decisions on rows, in (0, 1).
    alert_budget : (int, period) or None, default=None
        Flags at most so many rows in each period: ``(10, "1D")`` by `timestamps`, days of UTC;
        ``(10, 1000)`` by rows. Only with ``control="marginal"``.
    window : int, default=500
        How many of the latest rows are kept for `changes` and `strangest`; fewer if they would
        take more than 32 MiB.
    calibration_size : float, default=0.5
        Share of the training rows that calibrate, in (0, 1). The others fit the detector. More of
        them find small changes sooner.
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
    A row that becomes part of the stream is a row that later rows are compared with, until the
    alarm: that makes the guarantee exact with few calibration rows. A change right at the beginning
    is hard to find if the calibration rows are few.

    The guarantee is for exchangeable rows. Rows that depend on each other (frames of a video, a
    season) are a change for it. Calibrate with rows that span what is normal.

    With `average_run_length` L, the statistic of Shiryaev and Roberts replaces the martingale. The
    mean number of rows until a false alarm is at least L.

    "online-fdr" is SAFFRON, proven for independent p-values; those of one detector share its
    calibration rows. The smallest p-value is 1 / (n_calibration + 1), so give some thousand rows.

    The state is some hundred kilobytes, and grows with the logarithm of the number of rows only.

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
        """Fit the detector to some of the rows, and calibrate it with the others.

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
        """Make a monitor of a fitted detector; its calibration rows are those of the monitor.

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
            When each row came: datetimes or ISO 8601 texts, none before the one before it. Times
            without a zone are UTC.

        Returns
        -------
        MonitorUpdate
            Scores, p-values and decisions of these rows, the e-value after them, and whether they
            raised an alarm.

        Raises
        ------
        ValueError
            If X or `timestamps` is not valid. Then none of the rows counts.
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
        """The evidence of a change; the alarm is raised at ``1 / alpha``."""
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
        """How many of these rows were flagged."""
        return self._stream.n_flagged

    @property
    def since_(self) -> ChangeEstimate | None:
        """When the change began that the latest alarm reports, and the range; None before one."""
        return self._stream.since

    @property
    def history_(self) -> Any:
        """The stream so far, a pandas frame.

        A line for each segment: of 16 rows of late, of more further back. The columns:
        ``first_row``, ``n_rows``, ``first_time`` and ``last_time`` (NaT without times),
        ``n_flagged``, ``mean_p_value``, ``e_value`` at its end, ``max_e_value`` in it.
        """
        return segment_frame(self._stream.segments)

    def changes(self) -> Any:
        """Compare the columns of the latest rows with those of the calibration rows.

        The rows are those of the window since `since_`, or the whole window without an alarm.

        Returns
        -------
        pandas.DataFrame
            A line for each column, the most moved first: ``column``; ``p_value``, of a two-sample
            test of Kolmogorov and Smirnov, adjusted for the number of columns by Holm's method;
            ``statistic``, its largest difference of two shares; ``share`` of the column in the
            excess of the anomaly scores, by `explain` (NaN if the detector explains nothing);
            ``usual`` and ``now``, values of the calibration rows and of these rows.
        """
        check_is_fitted(self)
        bins, (rows, *_) = self._stream.evidence.columns, self._stream.latest()
        return column_changes(self.detector_, bins, rows, self._reference)

    def strangest(self, n: int = 5) -> list[dict[str, Any]]:
        """Name the rows of the window since `since_` with the lowest scores.

        Parameters
        ----------
        n : int, default=5
            How many.

        Returns
        -------
        list of dict
            ``row`` of the stream, ``time``, ``score``, ``p_value``, and ``reasons``: the columns
            that contribute most to the anomaly score, in words ("" if the detector explains
            nothing); ``neighbors``, their positions among the rows that fitted the detector.
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
