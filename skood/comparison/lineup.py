"""The detectors that are compared, by the names that the command line calls them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from .._validation import check_option
from ..demo.lineup import LINEUP
from ..presets import make_outlier_detector

PRESETS = ("tabular", "embedding")
SCALINGS = ("standard", "none")

# Name -> what builds the detector from a seed.
DETECTORS: dict[str, Callable[[int], Any]] = {
    "tabular": lambda seed: make_outlier_detector("tabular", random_state=seed),
    **{label.lower(): make for label, make in LINEUP.items()},
}


def make_detector(name: str, scaling: str = "standard", random_state: int = 0) -> Any:
    """Build one of the detectors that are compared.

    Parameters
    ----------
    name : str
        One of the keys of `DETECTORS`.
    scaling : {"standard", "none"}, default="standard"
        What the single measures get: standardised columns, or columns as they are. The presets
        "tabular" and "embedding" bring their own preparation and are not changed.
    random_state : int, default=0
        Seed of whatever the detector draws.

    Returns
    -------
    estimator
        A detector or a Pipeline, not fitted.

    Raises
    ------
    ValueError
        If `name` or `scaling` is unknown.

    Examples
    --------
    >>> from skood.comparison import make_detector
    >>> [name for name, _ in make_detector("knn").steps]
    ['standardscaler', 'knnoutlierdetector']
    >>> make_detector("knn", scaling="none")
    KNNOutlierDetector(random_state=0)
    """
    check_option("make_detector", "name", name, tuple(DETECTORS))
    check_option("make_detector", "scaling", scaling, SCALINGS)
    detector = DETECTORS[name](random_state)
    if name in PRESETS or scaling == "none":
        return detector
    return make_pipeline(StandardScaler(), detector)


def default_lineup(scaling: str) -> tuple[str, ...]:
    """All detectors; of two that would be the same one, the preset."""
    return tuple(name for name in DETECTORS if not (scaling == "standard" and name == "lcp"))
