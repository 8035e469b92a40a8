"""Out-of-distribution detection for tabular data and embeddings, in the manner of scikit-learn."""

import sys
from importlib import import_module
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._version import __version__ as __version__

if TYPE_CHECKING:
    from .calibration import (
        ConformalOutlierDetector,
        OODGate,
        OutlierEnsemble,
        OutlierPipeline,
        TrimmedOutlierDetector,
        make_outlier_pipeline,
    )
    from .detectors import (
        FDBDScorer,
        GaussianProcessScorer,
        GENScorer,
        KernelDensityOutlierDetector,
        KLMatchingScorer,
        KNNOutlierDetector,
        LCPOutlierDetector,
        LOFOutlierDetector,
        MahalanobisOutlierDetector,
        NCIScorer,
        NNGuideScorer,
        ResidualScorer,
        SHEScorer,
        ViMScorer,
        make_outlier_detector,
    )
    from .explanation import explain
    from .export import to_onnx
    from .layers import FSSDScorer, LayerEnsemble
    from .preprocessing import (
        ActiveNeuronSelector,
        ASHTransformer,
        NormalScoreTransformer,
        PartialWhitener,
        ReActTransformer,
        ReferenceStore,
        SCALETransformer,
        TableScaler,
    )
    from .rows import open_rows
    from .storage import load, save

__all__ = [
    "ASHTransformer",
    "ActiveNeuronSelector",
    "ConformalOutlierDetector",
    "FDBDScorer",
    "FSSDScorer",
    "GENScorer",
    "GaussianProcessScorer",
    "KLMatchingScorer",
    "KNNOutlierDetector",
    "KernelDensityOutlierDetector",
    "LCPOutlierDetector",
    "LOFOutlierDetector",
    "LayerEnsemble",
    "MahalanobisOutlierDetector",
    "NCIScorer",
    "NNGuideScorer",
    "NormalScoreTransformer",
    "OODGate",
    "OutlierEnsemble",
    "OutlierPipeline",
    "PartialWhitener",
    "ReActTransformer",
    "ReferenceStore",
    "ResidualScorer",
    "SCALETransformer",
    "SHEScorer",
    "TableScaler",
    "TrimmedOutlierDetector",
    "ViMScorer",
    "explain",
    "load",
    "make_outlier_detector",
    "make_outlier_pipeline",
    "open_rows",
    "save",
    "to_onnx",
]

# Loaded at first use: scikit-learn imports pandas if it is installed, and the command line should
# answer before that.
_HOME = {
    "ConformalOutlierDetector": "calibration",
    "OODGate": "calibration",
    "OutlierEnsemble": "calibration",
    "OutlierPipeline": "calibration",
    "TrimmedOutlierDetector": "calibration",
    "make_outlier_pipeline": "calibration",
    "FSSDScorer": "layers",
    "KNNOutlierDetector": "detectors",
    "KernelDensityOutlierDetector": "detectors",
    "LCPOutlierDetector": "detectors",
    "LOFOutlierDetector": "detectors",
    "MahalanobisOutlierDetector": "detectors",
    "FDBDScorer": "detectors",
    "GENScorer": "detectors",
    "GaussianProcessScorer": "detectors",
    "KLMatchingScorer": "detectors",
    "NCIScorer": "detectors",
    "NNGuideScorer": "detectors",
    "ResidualScorer": "detectors",
    "SHEScorer": "detectors",
    "ViMScorer": "detectors",
    "LayerEnsemble": "layers",
    "ActiveNeuronSelector": "preprocessing",
    "NormalScoreTransformer": "preprocessing",
    "PartialWhitener": "preprocessing",
    "ReActTransformer": "preprocessing",
    "ASHTransformer": "preprocessing",
    "SCALETransformer": "preprocessing",
    "explain": "explanation",
    "load": "storage",
    "make_outlier_detector": "detectors",
    "ReferenceStore": "preprocessing",
    "TableScaler": "preprocessing",
    "open_rows": "rows",
    "save": "storage",
    "to_onnx": "export",
}


# Public rooms: `skood.model_selection.LeaveClassesOut` works after `import skood` alone.
_ROOMS = (
    "calibration",
    "comparison",
    "datasets",
    "deep",
    "explanation",
    "export",
    "measures",
    "metrics",
    "model_selection",
    "neighbors",
    "parallel",
    "plots",
    "rows",
    "storage",
)


def __getattr__(name: str) -> Any:
    if name in _ROOMS:
        return import_module(f".{name}", __name__)
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__, *_ROOMS]


def _of_storage(name: str) -> Any:
    if name not in persistence.__all__:
        raise AttributeError(f"module {persistence.__name__!r} has no attribute {name!r}")
    return getattr(import_module(".storage", __name__), name)


# The documentation showed `from skood.persistence import read_manifest`, and it still works.
persistence = ModuleType(f"{__name__}.persistence", "Saving and loading; see `skood.storage`.")
vars(persistence).update(__all__=["load", "read_manifest", "save"], __getattr__=_of_storage)
sys.modules[persistence.__name__] = persistence
