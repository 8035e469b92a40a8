"""Scores of the layers of a network, and the parts that estimators on layers share."""

from .fssd import FSSDScorer
from .layer_ensemble import LayerEnsemble

__all__ = ["FSSDScorer", "LayerEnsemble"]
