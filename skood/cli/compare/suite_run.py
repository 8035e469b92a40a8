"""Every detector on every set of a suite."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Iterable, Mapping
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
from numpy.typing import NDArray

from ..._validation import check_int, parameter_error
from ...metrics import auroc
from .suite import SuiteSet
from .suite_comparison import SetFacts, SuiteComparison

OnSet = Callable[[int, str], None]


class _Result(NamedTuple):
    auroc: float
    fit_seconds: float
    score_seconds: float
    failure: str | None


def compare_on_suite(
    sets: Iterable[SuiteSet],
    detectors: Mapping[str, Callable[[], Any]],
    *,
    n_jobs: int | None = None,
    on_set: OnSet | None = None,
) -> SuiteComparison:
    """Fit every detector to every set, and measure how well it separates OoD rows from ID rows.

    Parameters
    ----------
    sets : iterable of SuiteSet
        The sets; `read_suite` reads those of a folder.
    detectors : mapping of str to callable
        Names, and functions that build the detectors: any estimator with `fit` and
        `score_samples`, or `decision_function`. PyOD's `decision_function` is higher for OoD rows,
        so its sign is reversed.
    n_jobs : int or None, default=None
        Number of processes. None means 1, -1 one for each processor. With several processes, the
        time of a set includes waiting for the others.
    on_set : callable, default=None
        Called as ``on_set(done, name)`` after each set.

    Returns
    -------
    SuiteComparison
        The numbers. A detector that fails on a set has the AUROC of chance there, 0.5.

    Raises
    ------
    ValueError
        If a parameter is not valid, if there are no sets, or two have one name, or if every
        detector fails on every set.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.ensemble import IsolationForest
    >>> from skood import KNNOutlierDetector
    >>> from skood.comparison import SuiteSet, compare_on_suite
    >>> rng = np.random.default_rng(0)
    >>> sets = [
    ...     SuiteSet(
    ...         name,
    ...         group=name,
    ...         X_train=rng.normal(size=(100, 3)),
    ...         X_test=np.r_[rng.normal(size=(50, 3)), rng.normal(3.0, size=(50, 3))],
    ...         is_in=np.arange(100) < 50,
    ...     )
    ...     for name in ("first", "second", "third")
    ... ]
    >>> detectors = {"knn": KNNOutlierDetector, "forest": IsolationForest}
    >>> comparison = compare_on_suite(sets, detectors)
    >>> comparison.auroc.shape, bool(comparison.auroc.min() > 0.9)
    ((2, 3), True)
    """
    if not isinstance(detectors, Mapping) or not detectors:
        raise parameter_error("compare_on_suite", "detectors", "a mapping of names", detectors)
    if n_jobs != -1:
        check_int("compare_on_suite", "n_jobs", n_jobs, 1, 10_000, or_none=True)
    run = Parallel(n_jobs=n_jobs, return_as="generator", batch_size=1)
    facts, lines = [], []
    for about, results in run(delayed(_on_set)(one, dict(detectors)) for one in sets):
        facts.append(about)
        lines.append(results)
        if on_set is not None:
            on_set(len(facts), about.name)
    names = [about.name for about in facts]
    if not names or len(set(names)) < len(names):
        raise parameter_error("compare_on_suite", "sets", "sets with different names", names)
    failures = {
        (name, about.name): one.failure
        for about, results in zip(facts, lines, strict=True)
        for name, one in zip(detectors, results, strict=True)
        if one.failure is not None
    }
    if len(failures) == len(names) * len(detectors):
        first = "; ".join(f"{name} ({failures[name, names[0]].rstrip('.')})" for name in detectors)
        raise ValueError(f"None of the detectors could be compared on any set: {first}.")
    return SuiteComparison(
        detectors=tuple(detectors),
        sets=tuple(facts),
        failures=failures,
        **{
            field: np.array([[getattr(one, field) for one in results] for results in lines]).T
            for field in ("auroc", "fit_seconds", "score_seconds")
        },
    )


def _on_set(
    one: SuiteSet, detectors: Mapping[str, Callable[[], Any]]
) -> tuple[SetFacts, list[_Result]]:
    facts = SetFacts(
        one.name,
        one.group,
        n_train=len(one.X_train),
        n_features=int(np.prod(one.X_train.shape[1:])),
        n_in=int(one.is_in.sum()),
        n_out=int((~one.is_in).sum()),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # hundreds of sets: what fails is listed
        return facts, [_measured(make, one) for make in detectors.values()]


def _measured(make: Callable[[], Any], one: SuiteSet) -> _Result:
    fit_seconds = score_seconds = np.nan
    try:
        detector, start = make(), perf_counter()
        detector.fit(one.X_train)
        fit_seconds, start = perf_counter() - start, perf_counter()
        scores = _scores(detector, one.X_test)
        score_seconds = perf_counter() - start
        value = auroc(np.where(one.is_in, 1, -1), scores)
    except Exception as error:  # of any package: the other sets go on
        text = " ".join(f"{type(error).__name__}: {error}".split())
        return _Result(0.5, fit_seconds, score_seconds, text)
    return _Result(float(value), fit_seconds, score_seconds, None)


def _scores(detector: Any, X: NDArray) -> NDArray[np.float64]:
    """Higher = more in-distribution."""
    if hasattr(detector, "score_samples"):
        return np.asarray(detector.score_samples(X), dtype=np.float64)
    scores = np.asarray(detector.decision_function(X), dtype=np.float64)
    is_of_pyod = any(kind.__module__.partition(".")[0] == "pyod" for kind in type(detector).mro())
    return -scores if is_of_pyod else scores
