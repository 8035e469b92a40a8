"""Metrics over all thresholds at once: the areas under the ROC and precision-recall curves."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.metrics import average_precision_score, roc_auc_score

from skood.metrics.check import check_labels_and_scores


def auroc(y_true: ArrayLike, scores: ArrayLike, *, pos_label: Any = None) -> float:
    """Area under the ROC curve, with in-distribution as the positive class.

    It is the probability that an in-distribution row scores higher than an OoD row, where a tie
    counts one half. So 0.5 is chance, and below 0.5 the order is inverted.

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
        A fraction in [0, 1], higher is better.

    Raises
    ------
    ValueError
        If the labels are not +1/-1 and `pos_label` is None, if `pos_label` does not occur, if one
        of the two classes is absent, if a score is NaN, or if a shape is not (n,) with n > 0.

    See Also
    --------
    ood_report : All metrics with bootstrap intervals.

    References
    ----------
    D. Hendrycks and K. Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution
    Examples in Neural Networks", ICLR 2017, section 2.

    Examples
    --------
    Five of the six pairs of an in-distribution and an OoD row are in order:

    >>> from skood.metrics import auroc
    >>> y_true = [1, 1, 1, -1, -1]
    >>> scores = [0.9, 0.8, 0.3, 0.4, 0.1]
    >>> round(auroc(y_true, scores), 4)
    0.8333
    """
    is_in, ranks = check_labels_and_scores(y_true, scores, pos_label=pos_label, caller="auroc")
    return auroc_of_ranks(is_in, ranks)


def aupr_in(y_true: ArrayLike, scores: ArrayLike, *, pos_label: Any = None) -> float:
    """Average precision with in-distribution as the positive class.

    The area under the precision-recall curve as a sum of steps: over the distinct scores from the
    highest, precision times the gain in recall. The chance level is the share of in-distribution
    rows, so compare values only between sets of the same composition.

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
        A fraction in (0, 1], higher is better.

    Raises
    ------
    ValueError
        As for :func:`auroc`.

    See Also
    --------
    aupr_out : The same with OoD as the positive class.

    References
    ----------
    D. Hendrycks and K. Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution
    Examples in Neural Networks", ICLR 2017, section 2. Steps instead of straight lines between
    points: J. Davis and M. Goadrich, "The Relationship Between Precision-Recall and ROC Curves",
    ICML 2006, section 4.

    Examples
    --------
    The precisions where recall grows are 1, 1 and 3/4:

    >>> from skood.metrics import aupr_in
    >>> y_true = [1, 1, 1, -1, -1]
    >>> scores = [0.9, 0.8, 0.3, 0.4, 0.1]
    >>> round(aupr_in(y_true, scores), 4)
    0.9167
    """
    is_in, ranks = check_labels_and_scores(y_true, scores, pos_label=pos_label, caller="aupr_in")
    return aupr_in_of_ranks(is_in, ranks)


def aupr_out(y_true: ArrayLike, scores: ArrayLike, *, pos_label: Any = None) -> float:
    """Average precision with OoD as the positive class, on the negated scores.

    The chance level is the share of OoD rows. If OoD rows are rare, this metric falls long before
    :func:`auroc` does.

    Parameters
    ----------
    y_true : array-like of shape (n,)
        Labels: +1 = in-distribution, -1 = OoD. Any other labels need `pos_label`.
    scores : array-like of shape (n,)
        Scores, higher = more in-distribution (this function negates them, not the caller).
        Infinities are allowed, NaN is not.
    pos_label : scalar, default=None
        The label that means **in-distribution**, as in all metrics of this module; every other
        label then means OoD.

    Returns
    -------
    float
        A fraction in (0, 1], higher is better.

    Raises
    ------
    ValueError
        As for :func:`auroc`.

    See Also
    --------
    aupr_in : The same with in-distribution as the positive class.

    References
    ----------
    D. Hendrycks and K. Gimpel, "A Baseline for Detecting Misclassified and Out-of-Distribution
    Examples in Neural Networks", ICLR 2017, section 2.

    Examples
    --------
    From the lowest score on, the precisions where recall grows are 1 and 2/3:

    >>> from skood.metrics import aupr_out
    >>> y_true = [1, 1, 1, -1, -1]
    >>> scores = [0.9, 0.8, 0.3, 0.4, 0.1]
    >>> round(aupr_out(y_true, scores), 4)
    0.8333
    """
    is_in, ranks = check_labels_and_scores(y_true, scores, pos_label=pos_label, caller="aupr_out")
    return aupr_out_of_ranks(is_in, ranks)


def auroc_of_ranks(is_in: NDArray[np.bool_], ranks: NDArray[np.intp]) -> float:
    """:func:`auroc` of checked input."""
    return float(roc_auc_score(is_in, ranks))


def aupr_in_of_ranks(is_in: NDArray[np.bool_], ranks: NDArray[np.intp]) -> float:
    """:func:`aupr_in` of checked input."""
    return float(average_precision_score(is_in, ranks))


def aupr_out_of_ranks(is_in: NDArray[np.bool_], ranks: NDArray[np.intp]) -> float:
    """:func:`aupr_out` of checked input."""
    return float(average_precision_score(~is_in, -ranks))
