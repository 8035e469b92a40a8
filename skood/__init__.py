"""Out-of-distribution detection for tabular data and embeddings, in the manner of scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .calibration import ConformalOutlierDetector, OODGate
    from .detectors import (
        FDBDScorer,
        FSSDScorer,
        KernelDensityOutlierDetector,
        KNNOutlierDetector,
        LCPOutlierDetector,
        LOFOutlierDetector,
        MahalanobisOutlierDetector,
        NNGuideScorer,
        SHEScorer,
        ViMScorer,
    )
    from .ensemble import LayerEnsemble
    from .explanation import explain
    from .persistence import load, save
    from .preprocessing import (
        ActiveNeuronSelector,
        ASHTransformer,
        PartialWhitener,
        ReActTransformer,
    )
    from .presets import make_outlier_detector
    from .rows import open_rows
    from .streaming import ReferenceStore

__version__ = "0.1.0.dev0"

__all__ = [
    "ASHTransformer",
    "ActiveNeuronSelector",
    "ConformalOutlierDetector",
    "FDBDScorer",
    "FSSDScorer",
    "KNNOutlierDetector",
    "KernelDensityOutlierDetector",
    "LCPOutlierDetector",
    "LOFOutlierDetector",
    "LayerEnsemble",
    "MahalanobisOutlierDetector",
    "NNGuideScorer",
    "OODGate",
    "PartialWhitener",
    "ReActTransformer",
    "ReferenceStore",
    "SHEScorer",
    "ViMScorer",
    "explain",
    "load",
    "make_outlier_detector",
    "open_rows",
    "save",
]

# Loaded at first use: scikit-learn imports pandas wherever it is installed, and the command line
# should answer before that.
_HOME = {
    "ConformalOutlierDetector": "calibration",
    "OODGate": "calibration",
    "FSSDScorer": "detectors",
    "KNNOutlierDetector": "detectors",
    "KernelDensityOutlierDetector": "detectors",
    "LCPOutlierDetector": "detectors",
    "LOFOutlierDetector": "detectors",
    "MahalanobisOutlierDetector": "detectors",
    "FDBDScorer": "detectors",
    "NNGuideScorer": "detectors",
    "SHEScorer": "detectors",
    "ViMScorer": "detectors",
    "LayerEnsemble": "ensemble",
    "ActiveNeuronSelector": "preprocessing",
    "PartialWhitener": "preprocessing",
    "ReActTransformer": "preprocessing",
    "ASHTransformer": "preprocessing",
    "explain": "explanation",
    "load": "persistence",
    "make_outlier_detector": "presets",
    "ReferenceStore": "streaming",
    "open_rows": "rows",
    "save": "persistence",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
