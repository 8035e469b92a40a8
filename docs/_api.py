"""The list of all public names, from which `_api_pages` makes the API reference.

tests/docs/test_docs_api.py compares it with the packages' `__all__`: a new public name without a
place here is an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from importlib import import_module
from typing import NamedTuple


class Section(NamedTuple):
    """Names of one module that belong together, with a sentence about them."""

    title: str
    module: str
    chosen: tuple[str, ...] = ()  # empty: the module's `__all__`
    about: str = ""

    @property
    def names(self) -> tuple[str, ...]:
        """The names, in the order of the page."""
        if self.chosen:
            return self.chosen
        names = import_module(self.module).__all__
        return tuple(name for name in names if name not in import_module("skood").__all__)


SECTIONS = (
    Section(
        "Presets",
        "skood",
        ("make_outlier_detector",),
        "The recommended Pipelines, to begin with.",
    ),
    Section(
        "Detectors",
        "skood",
        (
            "LCPOutlierDetector",
            "KNNOutlierDetector",
            "LOFOutlierDetector",
            "KernelDensityOutlierDetector",
            "MahalanobisOutlierDetector",
        ),
        "For rows of features: tables, embeddings, traces.",
    ),
    Section(
        "Layers of a network",
        "skood",
        ("LayerEnsemble", "FSSDScorer", "GaussianProcessScorer"),
        "For several groups of features, or raw inputs with a feature extractor.",
    ),
    Section(
        "Ensembles",
        "skood",
        ("OutlierEnsemble",),
        "Several detectors or Pipelines on the same columns, and one score of all.",
    ),
    Section(
        "Penultimate features",
        "skood",
        ("ViMScorer", "ResidualScorer", "FDBDScorer", "NNGuideScorer", "SHEScorer", "NCIScorer"),
        "For the features before a classifier's last linear layer, and that layer.",
    ),
    Section(
        "Outputs of a classifier",
        "skood",
        ("GENScorer", "KLMatchingScorer"),
        "For arrays of logits or class probabilities.",
    ),
    Section(
        "Transformers",
        "skood",
        (
            "TableScaler",
            "NormalScoreTransformer",
            "PartialWhitener",
            "ActiveNeuronSelector",
            "ReActTransformer",
            "ASHTransformer",
            "SCALETransformer",
        ),
        "Steps before a detector.",
    ),
    Section(
        "Decisions",
        "skood",
        (
            "ConformalOutlierDetector",
            "OODGate",
            "OutlierPipeline",
            "TrimmedOutlierDetector",
            "make_outlier_pipeline",
        ),
        "p-values and error rates for any detector, and a classifier that may refuse.",
    ),
    Section("Results of a batch test", "skood.calibration", ("ConformalTestResult",)),
    Section(
        "Streams",
        "skood.monitoring",
        ("ConformalMonitor", "MonitorUpdate", "ChangeEstimate"),
        "An alarm over time: has something changed, since when, and in which columns?",
    ),
    Section("Explanations", "skood", ("explain",), "Why a row has its score."),
    Section(
        "Parts of an explanation",
        "skood.explanation",
        (
            "Explanation",
            "ExplainedNeighbors",
            "ExpectedValues",
            "Categories",
            "LinearMap",
            "Selection",
            "numbered_names",
            "reaches_inputs",
        ),
    ),
    Section("Files", "skood", ("save", "load"), "Fitted estimators in files."),
    Section(
        "ONNX",
        "skood",
        ("to_onnx",),
        "Fitted detectors as models for programs without Python. Needs the extra ``onnx``.",
    ),
    Section("Manifests of files", "skood.storage", ("read_manifest",)),
    Section(
        "Networks: features",
        "skood.deep",
        ("TorchFeatureTransformer", "TangentFeatureTransformer", "AutoencoderTransformer"),
        "From raw inputs to rows of features. Needs the extra ``torch``.",
    ),
    Section(
        "Networks: training",
        "skood.deep",
        ("TrainingTrace",),
        "What happens to features while a network is trained.",
    ),
    Section(
        "Networks: scorers",
        "skood.deep",
        (
            "MSPScorer",
            "MaxLogitScorer",
            "EnergyScorer",
            "ODINScorer",
            "MahalanobisLayerScorer",
            "DeepEnsembleScorer",
            "MCDropoutScorer",
            "outlier_exposure_loss",
        ),
        "Scores from a trained classifier's outputs or layers. Needs the extra ``torch``.",
    ),
    Section(
        "Neighbours",
        "skood.neighbors",
        (
            "ExactIndex",
            "KDTreeIndex",
            "FaissIndex",
            "PyNNDescentIndex",
            "NeighborIndex",
            "Neighbors",
        ),
        "Indexes of training rows, for the parameter ``algorithm`` of the detectors.",
    ),
    Section(
        "Model selection",
        "skood.model_selection",
        ("LeaveClassesOut", "NoveltyKFold", "ood_scorer", "prefer_default"),
        "Choosing detectors by scikit-learn's searches, without out-of-distribution rows.",
    ),
    Section(
        "Metrics",
        "skood.metrics",
        (
            "auroc",
            "aupr_in",
            "aupr_out",
            "fpr_at_tpr",
            "detection_error",
            "ood_report",
            "OODReport",
            "MetricEstimate",
        ),
        "How well scores tell rows apart; labels are +1 (in-distribution) and -1.",
    ),
    Section(
        "Plots",
        "skood.plots",
        (
            "ScoreDistributionDisplay",
            "OODCurveDisplay",
            "LayerScoreDisplay",
            "ExplanationDisplay",
            "MonitorDisplay",
            "PValueDisplay",
            "TrainingTraceDisplay",
        ),
        "Needs the extra ``plots``.",
    ),
    Section(
        "Measures on neighbours",
        "skood.measures",
        (
            "perplexity_weights",
            "PerplexityWeights",
            "lcp_distance",
            "knn_distance",
            "local_outlier_factor",
            "mean_reachability",
        ),
        "The bare formulas, on arrays.",
    ),
    Section(
        "Measures of density and distance",
        "skood.measures",
        (
            "log_kernel_density",
            "kernel_weights",
            "KernelWeights",
            "mahalanobis_distance",
            "left_out_mahalanobis_distance",
            "whitening_matrix",
            "singularity_distance",
            "contamination_threshold",
        ),
    ),
    Section(
        "Measures of a classifier's outputs",
        "skood.measures",
        (
            "max_softmax",
            "max_logit",
            "energy",
            "generalized_entropy",
            "kl_matching_distance",
            "max_mean_probability",
            "predictive_entropy",
            "mutual_information",
            "vim_score",
            "residual_norm",
            "fdbd_score",
            "class_weight_distances",
            "nnguide_score",
            "simplified_hopfield_energy",
            "class_proximity",
            "gaussian_process_factor",
            "gaussian_process_deviation",
        ),
    ),
    Section(
        "Shares of features",
        "skood.measures",
        (
            "ShareFactors",
            "share_factors",
            "lcp_share_factors",
            "mahalanobis_share_factors",
            "left_out_mahalanobis_share_factors",
        ),
    ),
    Section(
        "Many rows",
        "skood",
        ("open_rows", "ReferenceStore"),
        "For rows on disk that are larger than the memory, and for streams.",
    ),
    Section(
        "Training rows on disk",
        "skood.rows",
        about="Rows that are read block by block, for training rows larger than the memory.",
    ),
    Section(
        "Dask",
        "skood.parallel",
        about="Rows and training rows on many processes or machines. Needs the extra ``dask``.",
    ),
    Section(
        "Comparing detectors",
        "skood.comparison",
        about="The parts of ``skood bench``.",
    ),
    Section("Data", "skood.datasets", ("load_digits_ood",), "Real data, without download."),
)

# Packages outside the public interface, and packages whose public names are all in `skood`.
INTERNAL = (
    "cli",
    "detectors",
    "export",
    "layers",
    "preprocessing",
    "rows",
    "storage",
)

# Public methods by which one room serves another. Users need none of them.
INTERNAL_METHODS = frozenset(
    {
        "answer",
        "answer_within",
        "category_scales",
        "check_rows",
        "column_names",
        "conformal_methods",
        "feature_owners_",
        "find_equal",
        "fit_over",
        "full_conformal",
        "given_units",
        "given_values",
        "in_float32",
        "is_fitted_on",
        "is_in_distribution",
        "is_on_host",
        "known_categories",
        "norms",
        "numbers_back",
        "plan_sums",
        "reach_of",
        "reference_of",
        "replace_reference",
        "run",
        "run_training",
        "settled",
        "shard_stages",
        "shards_",
        "training_positions",
    }
)


def public_names() -> Iterator[str]:
    """Full names of everything in the reference."""
    for section in SECTIONS:
        for name in section.names:
            yield f"{section.module}.{name}"
