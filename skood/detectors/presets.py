"""The recommended Pipeline for each kind of data."""

from __future__ import annotations

from typing import Any

import numpy as np

from .._validation import check_option, parameter_error
from ..calibration import OutlierPipeline, make_outlier_pipeline
from ..preprocessing import PartialWhitener, TableScaler
from .lcp import LCPOutlierDetector

_ROBUST_TRIM = 0.05
_ROBUST_LCP = {"n_neighbors": 50, "perplexity": 20.0}  # more than there are odd rows of one kind


def make_outlier_detector(
    kind: str = "tabular", *, robust: bool = False, **params: Any
) -> OutlierPipeline:
    """Make the recommended Pipeline for a kind of data.

    Parameters
    ----------
    kind : {"tabular", "embedding"}, default="tabular"
        "tabular", for columns of different units: standardises them by `TableScaler`, which also
        takes frames with text, categories and gaps, then `LCPOutlierDetector`.
        "embedding", for features of a network: divides rows by their length, whitens them to the
        power 0.5, then `LCPOutlierDetector` with ``locality=0.25``. A row that is some multiple of
        another has its score.
    robust : bool, default=False
        For training rows that are not clean: whether the 5 % least typical are left out
        (``trim=0.05`` of the Pipeline), and rows compared with 50 neighbours at a perplexity of 20,
        unless `params` has one of both.
    **params
        Parameters of the `LCPOutlierDetector`; they replace the recommended ones. The Pipeline
        takes `contamination`, `threshold_samples` and `random_state` from them; without a seed it
        draws the same folds in each fit.

    Returns
    -------
    OutlierPipeline
        Not fitted. Its threshold comes from rows that no step has seen, so `fit` takes seven to
        twelve times as long as that of a plain Pipeline. Its detector is ``"lcpoutlierdetector"``.

    Raises
    ------
    ValueError
        If `kind` is neither, or `robust` is no bool.
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
    check_option("make_outlier_detector", "kind", kind, ("tabular", "embedding"))
    if not isinstance(robust, bool | np.bool_):
        raise parameter_error("make_outlier_detector", "robust", "a bool", robust)
    options = {"random_state": params.get("random_state", 0)}
    if robust:
        options["trim"] = _ROBUST_TRIM
        if not _ROBUST_LCP.keys() & params.keys():
            params |= _ROBUST_LCP
    if "threshold_samples" in params:
        options["threshold_samples"] = params["threshold_samples"]
    if kind == "tabular":
        return make_outlier_pipeline(TableScaler(), LCPOutlierDetector(**params), **options)
    whitener = PartialWhitener(0.5, length_power=1.0)
    detector = LCPOutlierDetector(**{"locality": 0.25, **params})
    return make_outlier_pipeline(whitener, detector, **options)
