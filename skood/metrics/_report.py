"""All metrics at once, each with a bootstrap interval."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

from skood._validation import random_generator
from skood.metrics._ranking import aupr_in_of_ranks, aupr_out_of_ranks, auroc_of_ranks
from skood.metrics.bootstrap import bootstrap_metrics
from skood.metrics.check import check_count, check_fraction, check_labels_and_scores
from skood.metrics.thresholding import (
    detection_error_of_curve,
    fpr_at_tpr_of_curve,
    roc_points,
)

# The metrics in the order of the fields, of `_values` and of the bootstrap's columns.
_HIGHER_IS_BETTER = {
    "auroc": True,
    "aupr_in": True,
    "aupr_out": True,
    "fpr95": False,
    "fpr80": False,
    "detection_error": False,
}


class MetricEstimate(NamedTuple):
    """One metric with its interval.

    Attributes
    ----------
    value : float
        The metric on all rows, a fraction in [0, 1].
    low, high : float or None
        Ends of the bootstrap interval; None without resamples.
    """

    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class OODReport(Mapping[str, MetricEstimate]):
    """The result of :func:`ood_report`: a read-only mapping of names to estimates.

    ``report["auroc"]`` and ``report.auroc`` are the same; ``print(report)`` shows a table.

    Attributes
    ----------
    auroc, aupr_in, aupr_out, fpr95, fpr80, detection_error : MetricEstimate
        The metrics, as fractions in [0, 1].
    n_in, n_out : int
        Number of in-distribution and of OoD rows.
    n_bootstrap : int
        Number of resamples behind the intervals.
    confidence_level : float
        Nominal coverage of the intervals, a fraction in (0, 1).
    """

    auroc: MetricEstimate
    aupr_in: MetricEstimate
    aupr_out: MetricEstimate
    fpr95: MetricEstimate
    fpr80: MetricEstimate
    detection_error: MetricEstimate
    n_in: int
    n_out: int
    n_bootstrap: int
    confidence_level: float

    def __getitem__(self, name: str) -> MetricEstimate:
        if name not in _HIGHER_IS_BETTER:
            raise KeyError(name)
        estimate: MetricEstimate = getattr(self, name)
        return estimate

    def __iter__(self) -> Iterator[str]:
        return iter(_HIGHER_IS_BETTER)

    def __len__(self) -> int:
        return len(_HIGHER_IS_BETTER)

    def to_dict(self) -> dict[str, Any]:
        """Return plain dicts and numbers, ready for JSON: metrics by name, then the counts."""
        metrics = {name: estimate._asdict() for name, estimate in self.items()}
        return metrics | {
            "n_in": self.n_in,
            "n_out": self.n_out,
            "n_bootstrap": self.n_bootstrap,
            "confidence_level": self.confidence_level,
        }

    def __str__(self) -> str:
        level = f"{100 * self.confidence_level:g} % interval" if self.n_bootstrap else ""
        lines = [
            f"{self.n_in} in-distribution and {self.n_out} OoD rows",
            f"{'metric':<15}  {'better':<6}  {'value':>8}  {level}",
        ]
        for name, estimate in self.items():
            better = "higher" if _HIGHER_IS_BETTER[name] else "lower"
            interval = ""
            if estimate.low is not None and estimate.high is not None:
                interval = f"{100 * estimate.low:6.2f} % to {100 * estimate.high:6.2f} %"
            lines.append(f"{name:<15}  {better:<6}  {100 * estimate.value:6.2f} %  {interval}")
        return "\n".join(line.rstrip() for line in lines)


def ood_report(
    y_true: ArrayLike,
    scores: ArrayLike,
    *,
    pos_label: Any = None,
    n_bootstrap: int = 1000,
    confidence_level: float = 0.95,
    random_state: int | np.random.RandomState | None = None,
) -> OODReport:
    """Compute all metrics, each with a percentile bootstrap interval.

    In-distribution and OoD rows are resampled separately, so every resample has as many of each
    kind as the data. The interval shows how far the metric could move with another draw of test
    rows. It does not cover the variation between training runs.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels: +1 = in-distribution, -1 = OoD. Any other labels need `pos_label`.
    scores : array-like of shape (n,)
        Scores, higher = more in-distribution. Infinities are allowed, NaN is not.
    pos_label : scalar, default=None
        The label that means in-distribution; every other label then means OoD.
    n_bootstrap : int, default=1000
        Number of resamples. 0: no intervals (``low`` and ``high`` are None).
    confidence_level : float in (0, 1), default=0.95
        Nominal coverage of the intervals.
    random_state : int, RandomState or None, default=None
        Seed of the resampling. With an int, the order of the rows makes no difference.

    Returns
    -------
    OODReport
        Mapping of "auroc", "aupr_in", "aupr_out", "fpr95", "fpr80" (:func:`fpr_at_tpr` at 0.95
        and 0.80) and "detection_error" to ``(value, low, high)``, all fractions in [0, 1].

    Raises
    ------
    ValueError
        As for :func:`auroc`, and if `n_bootstrap`, `confidence_level` or `random_state` is not
        valid.

    Notes
    -----
    Percentile intervals are not corrected for bias. The detection error is a minimum, so its
    resamples lie a little low. With a single row of a class, resamples of that class do not vary,
    and the interval is too narrow.

    References
    ----------
    B. Efron and R. Tibshirani, "An Introduction to the Bootstrap", 1993, section 13.3.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.metrics import ood_report
    >>> rng = np.random.default_rng(0)
    >>> scores = np.concatenate([rng.normal(2, 1, 300), rng.normal(0, 1, 200)])
    >>> report = ood_report([1] * 300 + [-1] * 200, scores, random_state=0)
    >>> value, low, high = report["auroc"]
    >>> low < value < high and report.n_out == 200
    True
    """
    is_in, ranks = check_labels_and_scores(y_true, scores, pos_label=pos_label, caller="ood_report")
    n_bootstrap = check_count(n_bootstrap, "n_bootstrap", caller="ood_report")
    confidence_level = check_fraction(
        confidence_level, "confidence_level", caller="ood_report", one_allowed=False
    )
    rng = random_generator("ood_report", random_state)
    ends: NDArray[Any] = np.full((2, len(_HIGHER_IS_BETTER)), None)
    if n_bootstrap:
        quantiles = [(1 - confidence_level) / 2, (1 + confidence_level) / 2]
        ends = np.quantile(bootstrap_metrics(is_in, ranks, n_bootstrap, rng), quantiles, axis=0)
    estimates: dict[str, Any] = dict(
        zip(
            _HIGHER_IS_BETTER,
            map(MetricEstimate, _values(is_in, ranks), *ends.tolist()),
            strict=True,
        )
    )
    return OODReport(
        **estimates,
        n_in=int(np.count_nonzero(is_in)),
        n_out=int(np.count_nonzero(~is_in)),
        n_bootstrap=n_bootstrap,
        confidence_level=confidence_level,
    )


def _values(is_in: NDArray[np.bool_], ranks: NDArray[np.intp]) -> list[float]:
    """Return the metrics in the order of the fields of the report."""
    fpr, tpr = roc_points(is_in, ranks)
    return [
        auroc_of_ranks(is_in, ranks),
        aupr_in_of_ranks(is_in, ranks),
        aupr_out_of_ranks(is_in, ranks),
        fpr_at_tpr_of_curve(fpr, tpr, 0.95),
        fpr_at_tpr_of_curve(fpr, tpr, 0.80),
        detection_error_of_curve(fpr, tpr),
    ]
