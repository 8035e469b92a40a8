"""Measures of how well scores separate in-distribution rows from out-of-distribution rows.

All metrics take labels (+1 = in-distribution, -1 = OoD) and scores (higher = more
in-distribution). No metric guesses the meaning of other labels: 0/1 labels need ``pos_label``.
"""

from skood.metrics._ranking import aupr_in, aupr_out, auroc
from skood.metrics._report import MetricEstimate, OODReport, ood_report
from skood.metrics.thresholding import detection_error, fpr_at_tpr

__all__ = [
    "MetricEstimate",
    "OODReport",
    "aupr_in",
    "aupr_out",
    "auroc",
    "detection_error",
    "fpr_at_tpr",
    "ood_report",
]
