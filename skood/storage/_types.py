"""The types that a file may hold besides those of scikit-learn and NumPy that skops trusts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._validation import parameter_error

# Written out, since a file may name any of them: what has no place in a saved estimator, or does
# more on being made than to keep what it is given, does not belong here.
_SKOOD_TYPES = {
    "calibration._calibration": ("Calibration",),
    "calibration._last_mask": ("LastMask",),
    "calibration.conformal": ("ConformalOutlierDetector",),
    "calibration.gate": ("OODGate",),
    "deep._layouts": ("Layout",),
    "deep._taps": ("Tap",),
    "deep.autoencoder": ("AutoencoderTransformer",),
    "deep.deep_ensemble": ("DeepEnsembleScorer",),
    "deep.energy": ("EnergyScorer",),
    "deep.features": ("TorchFeatureTransformer",),
    "deep.mahalanobis_layer": ("MahalanobisLayerScorer",),
    "deep.max_logit": ("MaxLogitScorer",),
    "deep.mc_dropout": ("MCDropoutScorer",),
    "deep.msp": ("MSPScorer",),
    "deep.odin": ("ODINScorer",),
    "detectors.class_gaussians": ("ClassGaussians",),
    "layers._layer_combination": ("LayerProfile", "WeighedSum"),
    "detectors._linear_head": ("LinearHead",),
    "layers._perturbation": ("Perturbation",),
    "layers._singularity_layers": ("SingularityLayers",),
    "layers._singularity_stream": ("SingularityStream",),
    "detectors.fdbd": ("FDBDScorer",),
    "layers.fssd": ("FSSDScorer",),
    "detectors.kernel_density": ("KernelDensityOutlierDetector",),
    "detectors.knn": ("KNNOutlierDetector",),
    "detectors.lcp": ("LCPOutlierDetector",),
    "detectors.lof": ("LOFOutlierDetector",),
    "detectors.mahalanobis": ("MahalanobisOutlierDetector",),
    "detectors.nnguide": ("NNGuideScorer",),
    "detectors.she": ("SHEScorer",),
    "detectors.vim": ("ViMScorer",),
    "layers._layer_detectors": ("LayerDetectors",),
    "layers.layer_scale": ("LayerScale",),
    "layers.layer_ensemble": ("LayerEnsemble",),
    "measures.row_moments": ("RowMoments",),
    "model_selection._pseudo_classes": ("PseudoClasses",),
    "model_selection.leave_classes_out": ("LeaveClassesOut",),
    "model_selection.novelty_k_fold": ("NoveltyKFold",),
    "model_selection.ood_scorer": ("OODScorer",),
    "neighbors._closeness": ("ClosenessReference",),
    "neighbors._exact_search": ("ExactSearch",),
    "neighbors._points": ("Points",),
    "rows.fingerprints": ("RowFingerprints",),
    "rows.lookup": ("RowLookup",),
    "neighbors._tensor_search": ("TensorSearch",),
    "neighbors._torch_closeness": ("TorchReference",),
    "neighbors.exact": ("ExactIndex",),
    "neighbors.faiss_index": ("FaissIndex",),
    "neighbors.kd_tree": ("KDTreeIndex",),
    "neighbors.pynndescent_index": ("PyNNDescentIndex",),
    "parallel.dask_detector": ("DaskOutlierDetector",),
    "preprocessing.active_neurons": ("ActiveNeuronSelector",),
    "preprocessing.ash": ("ASHTransformer",),
    "preprocessing.partial_whitener": ("PartialWhitener",),
    "preprocessing.react": ("ReActTransformer",),
    "rows._chunked_rows": ("ChunkedRows",),
    "rows._joined_rows": ("JoinedRows",),
    "rows._mapped_rows": ("MappedRows",),
    "rows._parquet_rows": ("ParquetRows",),
    "rows._unit_rows": ("UnitRows",),
    "storage._stand_ins": ("StoredDict", "StoredModule", "StoredView"),
    "preprocessing.reference_store": ("ReferenceStore",),
    "preprocessing.category_encoder": ("CategoryEncoder",),
}
# What holds numbers only, and runs nothing on being made of them.
# In some versions of scikit-learn, `ColumnTransformer` keeps the columns left in a list of its own.
_OTHER_TYPES = (
    "builtins.range",
    "numpy.dtype",
    "sklearn.compose._column_transformer._RemainderColsList",
    "torch.device",
)

ALLOWED_TYPES: frozenset[str] = frozenset(_OTHER_TYPES) | {
    f"skood.{module}.{name}" for module, names in _SKOOD_TYPES.items() for name in names
}


def names_of(trusted: Iterable[Any]) -> set[str]:
    """The full names of types and functions, which may be given by their names already.

    Parameters
    ----------
    trusted : iterable of str, type or callable
        The types. A name may have a colon before its last part, as import paths of callables have.

    Returns
    -------
    set of str
        The names, with dots only.

    Raises
    ------
    ValueError
        If it is a single name.

    Examples
    --------
    >>> from collections import Counter
    >>> from skood.storage._types import names_of
    >>> sorted(names_of([Counter, "nets:LeNet"]))
    ['collections.Counter', 'nets.LeNet']
    """
    if isinstance(trusted, str):
        raise parameter_error("skood.load", "trusted", "a list of names and types", trusted)
    names = (one if isinstance(one, str) else import_path(one) for one in trusted)
    return {name.replace(":", ".") for name in names}


def import_path(target: Any) -> str:
    """Where a class or function is found, as ``"package.module:name"``."""
    return f"{target.__module__}:{target.__qualname__}"
