"""Pictures of scores, in scikit-learn's manner: a Display keeps the numbers and draws them.

Only `plot` needs matplotlib: ``pip install "skood[plots]"``.
"""

from .explanation import ExplanationDisplay
from .layer_score import LayerScoreDisplay
from .ood_curve import OODCurveDisplay
from .p_value import PValueDisplay
from .score_distribution import ScoreDistributionDisplay

__all__ = [
    "ExplanationDisplay",
    "LayerScoreDisplay",
    "OODCurveDisplay",
    "PValueDisplay",
    "ScoreDistributionDisplay",
]
