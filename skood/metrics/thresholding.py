"""Metrics at one threshold of the ROC curve: FPR at a given TPR, and the detection error."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import roc_curve

from skood.metrics.check import check_fraction, check_labels_and_scores

# Hits and rows are whole numbers, so hits / rows is rounded once and 19 / 20 == 0.95 holds. A
# computed target may be some units in the last place too large (3 * 0.1 > 3 / 10), which would cost
# a whole extra hit. Distinct TPRs are at least 1 / rows apart, far above this tolerance.
_ROUNDING = 1.0 - 4.0 * np.finfo(np.float64).eps


def fpr_at_tpr(
    y_true: ArrayLike, scores: ArrayLike, *, tpr: float = 0.95, pos_label: Any = None
) -> float:
    """Share of OoD rows that pass where at least `tpr` of the in-distribution rows pass.

    A row passes if its score is at least the threshold. Of all thresholds with a true positive rate
    of at least `tpr`, the metric takes the one with the smallest false positive rate. Thresholds
    are the scores themselves, without interpolation, so the rate can be reached in use. The papers'
    FPR95 is ``tpr=0.95`` and their FPR80 is ``tpr=0.80``.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels: +1 = in-distribution, -1 = OoD. Any other labels need `pos_label`.
    scores : array-like of shape (n,)
        Scores, higher = more in-distribution. Infinities are allowed, NaN is not.
    tpr : float in (0, 1], default=0.95
        Fraction of the in-distribution rows that must pass.
    pos_label : scalar, default=None
        The label that means in-distribution; every other label then means OoD.

    Returns
    -------
    float
        A fraction in [0, 1], lower is better.

    Raises
    ------
    ValueError
        As for :func:`auroc`, and if `tpr` is not in (0, 1].

    References
    ----------
    S. Liang, Y. Li and R. Srikant, "Enhancing the Reliability of Out-of-Distribution Image
    Detection in Neural Networks", ICLR 2018, "Evaluation metrics": FPR at 95 % TPR.

    Examples
    --------
    To pass all three in-distribution rows, the threshold 0.3 lets one of two OoD rows pass:

    >>> from skood.metrics import fpr_at_tpr
    >>> y_true = [1, 1, 1, -1, -1]
    >>> scores = [0.9, 0.8, 0.3, 0.4, 0.1]
    >>> fpr_at_tpr(y_true, scores), fpr_at_tpr(y_true, scores, tpr=0.6)
    (0.5, 0.0)
    """
    is_in, ranks = check_labels_and_scores(y_true, scores, pos_label=pos_label, caller="fpr_at_tpr")
    target = check_fraction(tpr, "tpr", caller="fpr_at_tpr", one_allowed=True)
    return fpr_at_tpr_of_curve(*roc_points(is_in, ranks), target)


def detection_error(y_true: ArrayLike, scores: ArrayLike, *, pos_label: Any = None) -> float:
    """Error of the best threshold when both classes are equally likely.

    The minimum over all thresholds of ``0.5 * (1 - TPR) + 0.5 * FPR``. Equal priors make it
    independent of the number of OoD rows. 0.5 means that no threshold beats a coin.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels: +1 = in-distribution, -1 = OoD. Any other labels need `pos_label`.
    scores : array-like of shape (n,)
        Scores, higher = more in-distribution. Infinities are allowed, NaN is not.
    pos_label : scalar, default=None
        The label that means in-distribution; every other label then means OoD.

    Returns
    -------
    float
        A fraction in [0, 0.5], lower is better.

    Raises
    ------
    ValueError
        As for :func:`auroc`.

    Notes
    -----
    The same rows choose and judge the threshold, so the value is optimistic, on few rows
    noticeably.

    References
    ----------
    The error at one threshold: S. Liang, Y. Li and R. Srikant, "Enhancing the Reliability of
    Out-of-Distribution Image Detection in Neural Networks", ICLR 2018, "Evaluation metrics". Its
    minimum over thresholds is one minus the detection accuracy of K. Lee, K. Lee, H. Lee and
    J. Shin, "A Simple Unified Framework for Detecting Out-of-Distribution Samples and Adversarial
    Attacks", NeurIPS 2018.

    Examples
    --------
    The best threshold, 0.8, misses one of three in-distribution rows and passes no OoD row:

    >>> from skood.metrics import detection_error
    >>> y_true = [1, 1, 1, -1, -1]
    >>> scores = [0.9, 0.8, 0.3, 0.4, 0.1]
    >>> round(detection_error(y_true, scores), 4)
    0.1667
    """
    is_in, ranks = check_labels_and_scores(
        y_true, scores, pos_label=pos_label, caller="detection_error"
    )
    return detection_error_of_curve(*roc_points(is_in, ranks))


def roc_points(
    is_in: NDArray[np.bool_], ranks: NDArray[np.intp]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return FPR and TPR at every distinct score, both rising, of checked input."""
    # scikit-learn drops collinear points by default, and a dropped point may be the first with
    # enough TPR.
    fpr, tpr, _ = roc_curve(is_in, ranks, drop_intermediate=False)
    return fpr, tpr


def fpr_at_tpr_of_curve(fpr: NDArray[np.float64], tpr: NDArray[np.float64], target: float) -> float:
    """Return the FPR of the first point with enough TPR; both rates rise along the curve."""
    return float(fpr[np.searchsorted(tpr, target * _ROUNDING)])


def detection_error_of_curve(fpr: NDArray[np.float64], tpr: NDArray[np.float64]) -> float:
    """Return the smallest mean of the two error rates along the curve."""
    return float(np.min(0.5 * (1.0 - tpr) + 0.5 * fpr))
