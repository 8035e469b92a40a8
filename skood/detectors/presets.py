"""The recommended Pipeline for each kind of data."""

from __future__ import annotations

from typing import Any

from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from .._validation import check_option
from ..preprocessing import PartialWhitener
from .lcp import LCPOutlierDetector


def make_outlier_detector(kind: str = "tabular", **params: Any) -> Pipeline:
    """Make the recommended Pipeline for a kind of data.

    Parameters
    ----------
    kind : {"tabular", "embedding"}, default="tabular"
        "tabular", for columns of different units: standardises them, then `LCPOutlierDetector`.
        "embedding", for features of a network: divides rows by their length to the power 0.75,
        whitens them to the power 0.5, then `LCPOutlierDetector` with ``locality=0.5``.
    **params
        Parameters of the `LCPOutlierDetector`; they replace the recommended ones.

    Returns
    -------
    Pipeline
        Not fitted; its detector is the step ``"lcpoutlierdetector"``.

    Raises
    ------
    ValueError
        If `kind` is neither.
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
    if kind == "tabular":
        return make_pipeline(StandardScaler(), LCPOutlierDetector(**params))
    return make_pipeline(
        PartialWhitener(0.5, length_power=0.75), LCPOutlierDetector(**{"locality": 0.5, **params})
    )
