"""Detectors made of several detectors."""

from .layer_ensemble import LayerEnsemble

__all__ = ["LayerEnsemble"]
