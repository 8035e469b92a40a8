"""Every detector on every fold."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._validation import check_float, check_int, parameter_error
from .comparison import Comparison
from .detector_run import DetectorRun
from .intervals import METRICS, draw_multiplicities
from .protocol import Fold, Protocol
from .steps import OnStep, Steps


def compare_detectors(
    X: Any,
    y: NDArray[Any] | None,
    detectors: Mapping[str, Callable[[], Any]],
    protocol: Protocol,
    *,
    X_clusters: Any = None,
    n_bootstrap: int = 500,
    confidence_level: float = 0.95,
    random_state: int = 0,
    on_step: OnStep | None = None,
) -> Comparison:
    """Fit every detector in every fold, and measure how well it separates OoD rows from ID rows.

    Parameters
    ----------
    X : array-like of shape (n_samples, n_features)
        The rows; a DataFrame if the detectors take one.
    y : ndarray of shape (n_samples,) or None
        Their labels, as the protocol needs them. `fit` gets the classes of the training rows: the
        Mahalanobis distance is then to the nearest class.
    detectors : mapping of str to callable
        Names, and functions that build the detectors.
    protocol : Protocol
        The division of the rows; `choose_protocol` makes one.
    X_clusters : array-like of shape (n_samples, n_columns), default=None
        Numbers for the clusters, if X has other columns too. None takes X.
    n_bootstrap : int, default=500
        Number of resamples for the intervals over rows; 0 leaves these out.
    confidence_level : float in (0, 1), default=0.95
        Nominal coverage of the intervals.
    random_state : int, default=0
        Seed of the resamples.
    on_step : callable, default=None
        Called as ``on_step(done, total, what)`` before each step.

    Returns
    -------
    Comparison
        The numbers.

    Raises
    ------
    ValueError
        If a parameter is not valid, if the rows cannot be divided, or if every detector fails.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from skood import KNNOutlierDetector, MahalanobisOutlierDetector
    >>> from skood.comparison import choose_protocol, compare_detectors
    >>> X, y = load_iris(return_X_y=True)
    >>> comparison = compare_detectors(
    ...     X,
    ...     y,
    ...     {"knn": KNNOutlierDetector, "md": MahalanobisOutlierDetector},
    ...     choose_protocol(y),
    ...     n_bootstrap=50,
    ... )
    >>> [fold.name for fold in comparison.folds], comparison.values["auroc"].shape
    (['2', '1', '0'], (2, 3))
    """
    check_int("compare_detectors", "n_bootstrap", n_bootstrap, 0)
    check_int("compare_detectors", "random_state", random_state, 0, 2**32 - 1)
    check_float("compare_detectors", "confidence_level", confidence_level, "(0, 1)")
    for name, value, kind in (("detectors", detectors, Mapping), ("protocol", protocol, Protocol)):
        if not isinstance(value, kind):
            raise parameter_error("compare_detectors", name, f"a {kind.__name__}", value)
    if not hasattr(X, "shape") and np.ndim(X) != 2:
        raise parameter_error("compare_detectors", "X", "an array-like with two axes", X)
    folds = tuple(protocol.folds(X if X_clusters is None else X_clusters, y))
    generator = np.random.default_rng(random_state)
    times = draw_multiplicities(protocol.groups(y), n_bootstrap, generator)
    steps = Steps(on_step, len(folds) + 1, len(detectors))
    runs, failures = [], {}
    for name, make in detectors.items():
        run = DetectorRun(name, make, X, y, protocol)
        failure = run.run(folds, times, steps)
        if failure is None:
            runs.append(run)
        else:
            failures[name] = failure
    steps.finish()
    if not runs:
        raise ValueError(
            "None of the detectors could be compared: "
            + "; ".join(f"{name} ({text.rstrip('.')})" for name, text in failures.items())
            + "."
        )
    return _collect(runs, folds, protocol, failures, confidence_level)


def _collect(
    runs: Sequence[DetectorRun],
    folds: tuple[Fold, ...],
    protocol: Protocol,
    failures: dict[str, str],
    confidence_level: float,
) -> Comparison:
    """Stack the numbers of the runs."""
    names = ("flagged_in", "flagged_out", "fit_seconds", "score_seconds")
    return Comparison(
        protocol=protocol,
        folds=folds,
        detectors=tuple(run.name for run in runs),
        failures=failures,
        warnings={text: n for run in runs for text, n in run.warnings.items()},
        values={name: np.array([run.column(name) for run in runs]) for name in METRICS},
        resampled=np.stack([run.resampled for run in runs]),
        confidence_level=confidence_level,
        **{name: np.array([run.column(name) for run in runs]) for name in names},
    )
