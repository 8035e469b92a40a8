"""The names of skood's classes in saved files: they stay when modules move.

A class of the reference has its public path as its name. A part of an estimator without a public
path has the name ``skood.parts.NAME``; no such module exists. When a class moves, its new place
goes into this table, and files stay valid.
"""

from __future__ import annotations

from importlib import import_module

from ._format_1 import PLACES as _PLACES_IN_FORMAT_1

# A file may name any of these classes. A class does not belong here if no saved estimator holds it,
# or if its construction does more than keep its arguments.
_PUBLIC = {
    "skood": [name for name in import_module("skood").__all__ if name[0].isupper()],
    "skood.deep": (
        "AutoencoderTransformer",
        "DeepEnsembleScorer",
        "EnergyScorer",
        "MCDropoutScorer",
        "MSPScorer",
        "MahalanobisLayerScorer",
        "MaxLogitScorer",
        "ODINScorer",
        "TangentFeatureTransformer",
        "TorchFeatureTransformer",
    ),
    "skood.monitoring": ("ChangeEstimate", "ConformalMonitor"),
    "skood.model_selection": ("LeaveClassesOut", "NoveltyKFold"),
    "skood.neighbors": ("ExactIndex", "FaissIndex", "KDTreeIndex", "Neighbors", "PyNNDescentIndex"),
    "skood.parallel": ("DaskOutlierDetector", "ShardedIndex"),
    "skood.rows": ("JoinedRows", "MappedRows", "UnitRows"),
}
# The place of each part today.
_PARTS = {
    "AlertBudget": "monitoring._alert_budget.AlertBudget",
    "Bets": "monitoring._bets.Bets",
    "Calibration": "calibration._calibration.Calibration",
    "CategoryEncoder": "preprocessing.category_encoder.CategoryEncoder",
    "ChunkedRows": "rows._chunked_rows.ChunkedRows",
    "ClassGaussians": "detectors.class_gaussians.ClassGaussians",
    "ClosenessReference": "neighbors._closeness.ClosenessReference",
    "ColumnBins": "calibration.column_bins.ColumnBins",
    "ColumnSchema": "preprocessing.table_schema.ColumnSchema",
    "CrossRanks": "calibration._rank_counts.CrossRanks",
    "DefaultPreference": "model_selection.prefer_default.DefaultPreference",
    "EnsembleMember": "calibration._ensemble_members.EnsembleMember",
    "Evidence": "monitoring._evidence.Evidence",
    "ExactSearch": "neighbors._exact_search.ExactSearch",
    "FullByGaussians": "detectors._full_gaussian.FullByGaussians",
    "FullByKernels": "detectors._full_kernel.FullByKernels",
    "FullByLCP": "detectors._full_lcp.FullByLCP",
    "FullByLOF": "detectors._full_lof.FullByLOF",
    "FullByNeighbors": "detectors._full_neighbors.FullByNeighbors",
    "GapColumns": "preprocessing.table_gaps.GapColumns",
    "KnownNeighbors": "detectors._neighbor_updates.KnownNeighbors",
    "LastMask": "calibration._last_mask.LastMask",
    "LayerDetectors": "layers._layer_detectors.LayerDetectors",
    "LayerProfile": "layers._layer_profile.LayerProfile",
    "LayerScale": "layers.layer_scale.LayerScale",
    "Layout": "deep._layouts.Layout",
    "LinearHead": "detectors._linear_head.LinearHead",
    "MemberPipeline": "calibration._float_types.MemberPipeline",
    "NeighborLists": "detectors._full_neighbors.NeighborLists",
    "OnlineRanks": "monitoring._online_ranks.OnlineRanks",
    "OODScorer": "model_selection.ood_scorer.OODScorer",
    "ParquetRows": "rows._parquet_rows.ParquetRows",
    "Perturbation": "layers.perturbation.Perturbation",
    "Points": "neighbors._points.Points",
    "PseudoClasses": "model_selection._pseudo_classes.PseudoClasses",
    "RankedCalibration": "calibration._rank_counts.RankedCalibration",
    "RawInputs": "layers.inputs.RawInputs",
    "RoundedRows": "rows.rounded.RoundedRows",
    "RowDecisions": "monitoring._row_decisions.RowDecisions",
    "RowFingerprints": "rows.fingerprints.RowFingerprints",
    "RowLookup": "rows.lookup.RowLookup",
    "RowWindow": "monitoring._row_window.RowWindow",
    "RankOneGaussians": "detectors._rank_one_gaussians.RankOneGaussians",
    "RowMoments": "measures.row_moments.RowMoments",
    "Saffron": "monitoring._saffron.Saffron",
    "ScoreGaps": "monitoring._online_ranks.ScoreGaps",
    "Segments": "monitoring._segments.Segments",
    "SingularityLayers": "layers._singularity_layers.SingularityLayers",
    "SingularityStream": "layers._singularity_stream.SingularityStream",
    "Stream": "monitoring._stream.Stream",
    "StoredDict": "storage._stand_ins.StoredDict",
    "StoredModule": "storage._stand_ins.StoredModule",
    "StoredView": "storage._stand_ins.StoredView",
    "Tap": "deep._taps.Tap",
    "TensorSearch": "neighbors._tensor_search.TensorSearch",
    "WeighedSum": "layers.weights.WeighedSum",
}
_PACKAGES = {name: package for package, names in _PUBLIC.items() for name in names}
_PLACES = {f"skood.parts.{name}": f"skood.{place}" for name, place in _PARTS.items()}
_PARTS_BY_PLACE = {place: name for name, place in _PLACES.items()}

STABLE_NAMES = _PLACES.keys() | {f"{package}.{name}" for name, package in _PACKAGES.items()}
# Stable names by the places in files of format 1.
OLD_NAMES = {
    f"skood.{module}.{name}": f"{_PACKAGES.get(name, 'skood.parts')}.{name}"
    for module, names in _PLACES_IN_FORMAT_1.items()
    for name in names
}


def stable_name(place: str) -> str:
    """The name in a file of a class; its place, module and name, if it is not in the table.

    Examples
    --------
    >>> from skood.storage._names import stable_name
    >>> stable_name("skood.detectors.knn.KNNOutlierDetector")
    'skood.KNNOutlierDetector'
    >>> stable_name("collections.Counter")
    'collections.Counter'
    """
    module, _, name = place.rpartition(".")
    if module.partition(".")[0] != "skood":
        return place
    package = _PACKAGES.get(name)
    if package and getattr(import_module(package), name).__module__ == module:
        return f"{package}.{name}"
    return _PARTS_BY_PLACE.get(place, place)


def place_of(name: str) -> str:
    """The module and name of a class by its stable name, or its place in a file of format 1.

    Examples
    --------
    >>> from skood.storage._names import place_of
    >>> place_of("skood.tables.category_encoder.CategoryEncoder")
    'skood.preprocessing.category_encoder.CategoryEncoder'
    """
    name = OLD_NAMES.get(name, name)
    return _PLACES.get(name, name)
