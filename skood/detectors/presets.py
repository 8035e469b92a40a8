"""The recommended Pipeline for each kind of data."""

from __future__ import annotations

from typing import Any

import numpy as np
from sklearn.pipeline import make_pipeline

from .._validation import check_option, parameter_error
from ..calibration import OutlierEnsemble, OutlierPipeline, make_outlier_pipeline
from ..preprocessing import NormalScoreTransformer, PartialWhitener, TableScaler
from .lcp import LCPOutlierDetector
from .mahalanobis import MahalanobisOutlierDetector

_KINDS = ("tabular", "tabular-fast", "auto", "embedding")
# Of the transformer of the views by ranks, and the weights of the members: chosen by
# `benchmarks/accuracy/suite.py --choose`.
_VIEWS: dict[str, tuple[dict[str, Any], tuple[float, ...]]] = {
    "tabular": ({}, (1.0, 1.0, 0.2)),
    "auto": ({"table_kurtosis": 0.6}, (1.0, 1.0, 0.3)),
}
_SHARED = ("contamination", "threshold_samples", "random_state")
_ROBUST_TRIM = 0.05
_ROBUST_LCP = {"n_neighbors": 50, "perplexity": 20.0}  # more than there are odd rows of one kind


def make_outlier_detector(
    kind: str = "tabular", *, robust: bool = False, **params: Any
) -> OutlierPipeline:
    """Make the recommended Pipeline for a kind of data.

    Parameters
    ----------
    kind : {"tabular", "tabular-fast", "auto", "embedding"}, default="tabular"
        "tabular", for columns of different units: `TableScaler` standardises them, and also takes
        frames with text, categories and gaps. Then comes an `OutlierEnsemble` of three members:
        "units", `LCPOutlierDetector` on these columns; "ranks", the same after
        `NormalScoreTransformer`; "ellipse", `MahalanobisOutlierDetector` after it. "tabular-fast":
        "units" alone, at a third of the cost, with `partial_fit`. "auto": as "tabular", but if the
        columns have heavy tails on average, the normal scores of all columns count, and "ellipse"
        weighs more. "embedding", for features of a network: divides rows by their length, whitens
        them to the power 0.5, then `LCPOutlierDetector` with ``locality=0.25``. Multiples of a row
        have the same score.
    robust : bool, default=False
        For training rows that are not clean: leave out the 5 % least typical rows (``trim=0.05`` of
        the Pipeline), and compare with 50 neighbours at a perplexity of 20, unless `params` has one
        of these.
    **params
        Parameters of each `LCPOutlierDetector`; they replace the recommended ones. The Pipeline
        takes `contamination`, `threshold_samples` and `random_state` from them; without a seed it
        draws the same folds in each fit.

    Returns
    -------
    OutlierPipeline
        Not fitted. Its threshold comes from rows that no step has seen, so `fit` takes seven to
        twelve times as long as the fit of a plain Pipeline.

    Raises
    ------
    ValueError
        If `kind` is none of these, or `robust` is no bool.
    TypeError
        If one of `params` is no parameter of `LCPOutlierDetector`.

    Examples
    --------
    >>> import numpy as np
    >>> from skood import make_outlier_detector
    >>> X = np.random.default_rng(0).normal(size=(300, 3)) * [1.0, 10.0, 100.0]
    >>> detector = make_outlier_detector("tabular", contamination=0.1).fit(X)
    >>> detector.predict([[0.0, 0.0, 0.0], [9.0, 0.0, 0.0]])
    array([ 1, -1])
    """
    check_option("make_outlier_detector", "kind", kind, _KINDS)
    if not isinstance(robust, bool | np.bool_):
        raise parameter_error("make_outlier_detector", "robust", "a bool", robust)
    options = {"random_state": params.get("random_state", 0)}
    if robust:
        options["trim"] = _ROBUST_TRIM
        if not _ROBUST_LCP.keys() & params.keys():
            params |= _ROBUST_LCP
    if "threshold_samples" in params:
        options["threshold_samples"] = params["threshold_samples"]
    if kind == "embedding":
        whitener = PartialWhitener(0.5, length_power=1.0)
        detector = LCPOutlierDetector(**{"locality": 0.25, **params})
        return make_outlier_pipeline(whitener, detector, **options)
    if kind == "tabular-fast":
        return make_outlier_pipeline(TableScaler(), LCPOutlierDetector(**params), **options)
    return make_outlier_pipeline(TableScaler(), _views_of_a_table(kind, params), **options)


def _views_of_a_table(kind: str, params: dict[str, Any]) -> OutlierEnsemble:
    of_scores, weights = _VIEWS[kind]
    shared = {name: params[name] for name in _SHARED if name in params}
    ranks = make_pipeline(NormalScoreTransformer(**of_scores), LCPOutlierDetector(**params))
    bounded = NormalScoreTransformer(**of_scores, outermost=None)  # for a mean and a covariance
    ellipse = make_pipeline(bounded, MahalanobisOutlierDetector(**shared))
    members = [("units", LCPOutlierDetector(**params)), ("ranks", ranks), ("ellipse", ellipse)]
    shared = {"random_state": 0, **shared}  # for whoever takes the steps into a plain Pipeline
    return OutlierEnsemble(members, combine="softmax", weights=weights, **shared)
