"""Choosing detectors and their parameters without out-of-distribution data.

Classes that are left out of the training rows serve as out-of-distribution rows.
"""

from .leave_classes_out import LeaveClassesOut
from .novelty_k_fold import NoveltyKFold
from .ood_scorer import ood_scorer
from .prefer_default import prefer_default

__all__ = ["LeaveClassesOut", "NoveltyKFold", "ood_scorer", "prefer_default"]
