"""The table of all public estimators. A new one joins every property test by one row here."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler

from skood import (
    ActiveNeuronSelector,
    ASHTransformer,
    ConformalOutlierDetector,
    FDBDScorer,
    FSSDScorer,
    GaussianProcessScorer,
    GENScorer,
    KernelDensityOutlierDetector,
    KLMatchingScorer,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    NCIScorer,
    NNGuideScorer,
    OutlierEnsemble,
    PartialWhitener,
    ReActTransformer,
    ResidualScorer,
    SCALETransformer,
    SHEScorer,
    TrimmedOutlierDetector,
    ViMScorer,
    make_outlier_pipeline,
)
from skood._optional import is_installed
from skood.neighbors import ExactIndex, FaissIndex, KDTreeIndex, PyNNDescentIndex


@dataclass(frozen=True)
class Case:
    """An estimator and what it can do."""

    name: str
    make: Callable[..., Any]
    # for every parameter a value that is not its default, fit for 60 rows of 4 features
    changes: dict[str, Any]
    # parameters that change nothing in the scores of new rows
    silent: frozenset[str] = frozenset({"contamination", "random_state", "n_jobs"})
    # parameters whose change needs labels in y, and these labels, to be repeated
    needs_labels: frozenset[str] = frozenset()
    labels: tuple[int, ...] = (0, 1, 2)
    # other parameters that a change needs
    together: dict[str, dict[str, Any]] = field(default_factory=dict)
    # the rows that set the threshold also set the scale of the scores
    threshold_sets_scale: bool = False
    # scores by nearest training rows: has n_neighbors, algorithm and metric
    neighbors: bool = True
    # a factor on all values, from 1e-150 to 1e150, scales the scores or leaves them unchanged
    any_scale: bool = True
    # the score falls with the distance from all training rows; other scores are of angles,
    # boundaries or inner products
    falls_with_distance: bool = True
    # constant columns change no score (a density depends on their number)
    constant_columns: bool = True
    # a parameter and values of it that give different AUROC
    search: tuple[str, tuple[Any, ...]] = ("", ())

    def __str__(self) -> str:
        return self.name


each_device = pytest.mark.parametrize(
    "device", ["cpu", pytest.param("cuda", marks=pytest.mark.gpu)]
)


def rows(n: int = 60, d: int = 4, seed: int = 0, dtype: type = np.float64) -> NDArray:
    """Rows of a distribution with some structure: two clusters and a correlated pair of columns."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, d))
    X[: n // 2] += 3.0
    X[:, -1] += X[:, 0]
    return rng.permutation(X).astype(dtype)


class Squares(TransformerMixin, BaseEstimator):
    """The values and their squares; gradients by central differences."""

    def fit(self, X: Any, y: Any = None) -> Squares:  # noqa: ARG002
        self.n_features_in_ = X.shape[1]
        return self

    def transform(self, X: NDArray) -> NDArray:
        return np.hstack([X, X**2])

    def gradient(self, X: NDArray, objective: Callable[[NDArray], NDArray]) -> NDArray:
        steps = 1e-4 * np.eye(X.shape[1])
        both = [[objective(self.transform(X + s)) for s in (step, -step)] for step in steps]
        return np.column_stack([(up - down) / 2e-4 for up, down in both])


_TAIL = {
    "algorithm": ExactIndex(metric="euclidean", n_jobs=1),
    "metric": "cosine",
    "contamination": 0.2,
    "threshold_samples": 20,
    "random_state": 3,
    "n_jobs": 2,
}
_NEIGHBORS_SILENT = frozenset(
    {"algorithm", "contamination", "random_state", "n_jobs", "threshold_samples"}
)

_MEMBERS = [
    ("knn", KNNOutlierDetector(n_neighbors=3)),
    ("md", MahalanobisOutlierDetector()),
]

DETECTORS = [
    Case(
        "KNN",
        KNNOutlierDetector,
        changes={"n_neighbors": 4, "aggregation": "max", **_TAIL},
        silent=_NEIGHBORS_SILENT,
        search=("n_neighbors", (1, 8, 60)),
    ),
    Case(
        "LCP",
        LCPOutlierDetector,
        changes={
            "n_neighbors": 9,
            "perplexity": 3.0,
            "locality": 0.5,
            "variance_weight": 0.3,
            **_TAIL,
        },
        silent=_NEIGHBORS_SILENT,
        search=("perplexity", (1.5, 5.0, 14.0)),
    ),
    Case(
        "LOF",
        LOFOutlierDetector,
        changes={"n_neighbors": 6, **_TAIL},
        silent=_NEIGHBORS_SILENT,
        search=("n_neighbors", (2, 8, 60)),
    ),
    Case(
        "KernelDensity",
        KernelDensityOutlierDetector,
        changes={
            "bandwidth": 0.4,
            "algorithm": ExactIndex(),
            "contamination": 0.2,
            "threshold_samples": 20,
            "random_state": 3,
            "n_jobs": 2,
        },
        silent=_NEIGHBORS_SILENT,
        neighbors=False,
        any_scale=False,  # the bandwidth has the unit of the rows
        constant_columns=False,
        search=("bandwidth", (0.05, "scott", 5.0)),
    ),
    Case(
        "Mahalanobis",
        MahalanobisOutlierDetector,
        changes={
            "covariance": "empirical",
            "normalize": True,
            "relative": True,
            "contamination": 0.2,
            "threshold_samples": 20,
            "random_state": 3,
        },
        silent=frozenset({"contamination", "threshold_samples", "random_state"}),
        needs_labels=frozenset({"relative"}),
        neighbors=False,
        search=("normalize", (False, True)),
    ),
    Case(
        "LayerEnsemble",
        lambda **p: LayerEnsemble(**{"detector": KNNOutlierDetector(n_neighbors=3), **p}),
        changes={
            "detector": LCPOutlierDetector(n_neighbors=6, locality=0.5),
            "feature_extractor": PCA(2),
            "groups": {"outer": [0, 3], "inner": slice(1, 3)},
            "combine": "logistic",
            "weights": [2.0],
            "contamination": 0.2,
            "threshold_samples": 20,
            "random_state": 3,
            "n_jobs": 2,
        },
        needs_labels=frozenset({"combine"}),
        labels=(1, 1, -1),
        threshold_sets_scale=True,
        neighbors=False,
        search=("detector__n_neighbors", (1, 8, 60)),
    ),
    Case(
        "FSSD",
        # Without a seed each fit draws other noise. In a single layer, rows tie up to rounding if
        # they lie in the middle of the same even number of neighbours.
        lambda **p: FSSDScorer(**{"random_state": 0, "n_neighbors": 9, **p}),
        changes={
            "feature_extractor": PCA(2),
            "noise": "gaussian",
            "noise_range": (0.0, 1.0),
            "n_noise": 20,
            "singularity": np.array([1.0, -2.0, 0.0, 5.0]),
            "perturbation": 0.1,
            "gradient": "standardised",
            "direction": "descend",
            "combine": "sum",
            "weights": [1.0, 3.0],
            "n_neighbors": 4,
            "groups": {"outer": [0, 3], "inner": slice(1, 3)},
            "contamination": 0.2,
            "threshold_samples": 20,
            "random_state": 3,
        },
        silent=frozenset({"contamination", "threshold_samples"}),
        together={
            "perturbation": {"feature_extractor": Squares()},
            "gradient": {"feature_extractor": Squares(), "perturbation": 0.1},
            "direction": {"feature_extractor": Squares(), "perturbation": 0.1},
            "weights": {"combine": "sum", "groups": [2, 2]},
        },
        neighbors=False,
        search=("n_neighbors", (1, 8, 60)),
    ),
]

# Scorers of features by the layer after them. The table gives them no head and no labels, since its
# rows have different widths; test_head_scorers does.
_HEAD = (np.array([[1.0, 0, 0, 2.0], [0, 1.0, 0, 0.5], [0, 0, 1.0, 0]]), np.array([5.0, 0, -1]))
_HEAD_TAIL = {"head": _HEAD, "contamination": 0.2, "threshold_samples": 20, "random_state": 3}
_HEAD_SILENT = frozenset({"contamination", "threshold_samples", "random_state"})

DETECTORS += [
    Case(
        "ViM",
        ViMScorer,
        changes={"n_components": 1, **_HEAD_TAIL},
        silent=_HEAD_SILENT,
        neighbors=False,
        search=("n_components", (1, 2, 3)),
    ),
    Case(
        "fDBD",
        # without a seed k-means finds other clusters in each fit
        lambda **p: FDBDScorer(**{"random_state": 0, **p}),
        changes={"n_clusters": 4, **_HEAD_TAIL},
        silent=_HEAD_SILENT - {"random_state"},
        neighbors=False,
        falls_with_distance=False,
        search=("n_clusters", (2, 5, 20)),
    ),
    Case(
        "NNGuide",
        NNGuideScorer,
        changes={"n_neighbors": 4, **_HEAD_TAIL},
        silent=_HEAD_SILENT,
        neighbors=False,
        falls_with_distance=False,
        constant_columns=False,
        search=("n_neighbors", (1, 8, 60)),
    ),
    Case(
        "SHE",
        SHEScorer,
        changes=_HEAD_TAIL,
        silent=_HEAD_SILENT,
        neighbors=False,
        falls_with_distance=False,
        constant_columns=False,
        search=("head", (None, (_HEAD[0], np.zeros(3)))),
    ),
    Case(
        "Residual",
        ResidualScorer,
        changes={"n_components": 1, **_HEAD_TAIL},
        silent=_HEAD_SILENT,
        neighbors=False,
        search=("n_components", (1, 2, 3)),
    ),
    Case(
        "GaussianProcess",
        GaussianProcessScorer,
        changes={
            "noise": 0.5,
            "contamination": 0.2,
            "threshold_samples": 20,
            "random_state": 3,
        },
        silent=_HEAD_SILENT,
        neighbors=False,
        falls_with_distance=False,
        constant_columns=False,
        search=("noise", (1e-3, 0.1, 10.0)),
    ),
    Case(
        "NCI",
        NCIScorer,
        changes={"alpha": 0.5, **_HEAD_TAIL},
        silent=_HEAD_SILENT,
        together={"alpha": {"head": _HEAD}},
        neighbors=False,
        falls_with_distance=False,
        constant_columns=False,
        search=("head", (None, (_HEAD[0], np.zeros(3)))),
    ),
]

# Scorers of logits. The rows of the table are no probabilities; test_output_scorers has some.
_OUTPUTS_TAIL = {
    "outputs": "logits",
    "contamination": 0.2,
    "threshold_samples": 20,
    "random_state": 3,
}

DETECTORS += [
    Case(
        "GEN",
        GENScorer,
        changes={"gamma": 0.5, "n_largest": 2, **_OUTPUTS_TAIL},
        silent=frozenset(_OUTPUTS_TAIL),
        neighbors=False,
        any_scale=False,
        falls_with_distance=False,
        constant_columns=False,
        search=("gamma", (0.01, 0.2, 0.9)),
    ),
    Case(
        "KLMatching",
        KLMatchingScorer,
        changes=_OUTPUTS_TAIL,
        silent=frozenset(_OUTPUTS_TAIL),
        neighbors=False,
        any_scale=False,
        falls_with_distance=False,
        constant_columns=False,
        search=("outputs", ("logits",)),
    ),
]

if is_installed("torch"):
    from skood.deep import MahalanobisLayerScorer

    DETECTORS += [
        Case(
            "MahalanobisLayers",
            MahalanobisLayerScorer,
            changes={
                "feature_extractor": PCA(2),
                "groups": {"outer": [0, 3], "inner": slice(1, 3)},
                "covariance": "empirical",
                "perturbation": 0.2,
                "combine": "logistic",
                "contamination": 0.2,
                "threshold_samples": 20,
                "random_state": 3,
            },
            silent=frozenset({"contamination", "random_state"}),
            needs_labels=frozenset({"combine"}),
            labels=(1, 1, -1),
            together={"perturbation": {"feature_extractor": Squares()}},
            threshold_sets_scale=True,
            neighbors=False,
            search=("groups", ([4], [2, 2], [1, 3])),
        )
    ]

_ODD_AND_EVEN = {"even": slice(0, None, 2), "odd": slice(1, None, 2)}

# The same detectors with options that take another path through the code.
VARIANTS = [
    Case("KNN-cosine", lambda **p: KNNOutlierDetector(metric="cosine", **p), changes={}),
    Case(
        "LCP-options",
        lambda **p: LCPOutlierDetector(
            **{"locality": 0.5, "variance_weight": 0.3, "metric": "cosine", **p}
        ),
        changes={},
    ),
    Case(
        "LOF-cosine",
        # with 20 of 60 rows as neighbours, rows in the middle of them tie up to rounding
        lambda **p: LOFOutlierDetector(**{"n_neighbors": 8, "metric": "cosine", **p}),
        changes={},
    ),
    *(
        Case(
            f"MD-{name}",
            partial(MahalanobisOutlierDetector, **options),
            changes={},
            neighbors=False,
        )
        for name, options in {
            "empirical": {"covariance": "empirical"},
            "oas": {"covariance": "oas"},
            "normalize": {"normalize": True},
        }.items()
    ),
    Case("LCP-locality", lambda **p: LCPOutlierDetector(**{"locality": 0.5, **p}), changes={}),
    *(
        Case(
            f"LayerEnsemble-{name}",
            partial(LayerEnsemble, detector, groups=_ODD_AND_EVEN),
            changes={},
            threshold_sets_scale=True,
            neighbors=False,
        )
        for name, detector in {
            "KNN": KNNOutlierDetector(n_neighbors=5),
            "LCP-locality": LCPOutlierDetector(locality=0.5),
            "MD": MahalanobisOutlierDetector(),
        }.items()
    ),
    Case(
        "FSSD-layers",
        lambda **p: FSSDScorer(**{"random_state": 0, "groups": _ODD_AND_EVEN, **p}),
        changes={},
        neighbors=False,
    ),
    Case(
        "FSSD-gaussian",
        lambda **p: FSSDScorer(**{"random_state": 0, "n_neighbors": 9, "noise": "gaussian", **p}),
        changes={},
        neighbors=False,
    ),
    Case(
        "FSSD-sum",
        lambda **p: FSSDScorer(
            **{"random_state": 0, "groups": _ODD_AND_EVEN, "combine": "sum", **p}
        ),
        changes={},
        threshold_sets_scale=True,
        neighbors=False,
        falls_with_distance=False,
    ),
]

if is_installed("torch"):
    VARIANTS += [
        Case(
            "MahalanobisLayers-groups",
            partial(MahalanobisLayerScorer, groups=_ODD_AND_EVEN),
            changes={},
            threshold_sets_scale=True,
            neighbors=False,
        )
    ]


def _pipeline(last: Any, **parameters: Any) -> Any:
    return make_outlier_pipeline(StandardScaler(), clone(last), **{"random_state": 0, **parameters})


# A detector whose threshold comes from calibration rows: it has neither contamination nor
# threshold_samples, and its `training_scores_` are those of the calibration rows.
CALIBRATED = [
    Case(
        "OutlierEnsemble",
        lambda **p: OutlierEnsemble(
            **{"estimators": _MEMBERS, "random_state": 0, "n_folds": 5, **p}
        ),
        changes={
            "estimators": [("lof", LOFOutlierDetector(n_neighbors=6)), *_MEMBERS],
            "combine": "sum",
            "weights": [0.4, 1.0],
            "n_folds": 3,
            "contamination": 0.2,
            "threshold_samples": 20,
            "random_state": 3,
            "n_jobs": 2,
        },
        silent=frozenset({"contamination", "n_jobs"}),
        threshold_sets_scale=True,
        neighbors=False,
        search=("knn__n_neighbors", (1, 8, 50)),
    ),
    Case(
        "Conformal",
        lambda **p: ConformalOutlierDetector(
            **{
                "detector": KNNOutlierDetector(n_neighbors=3),
                "alpha": 0.25,
                "random_state": 0,
                **p,
            }
        ),
        changes={
            "detector": KNNOutlierDetector(n_neighbors=6),
            "method": "full",
            "n_folds": 3,
            "alpha": 0.3,
            "control": "fdr",
            "class_conditional": True,
            "calibration_size": 0.4,
            "random_state": 3,
        },
        silent=frozenset({"alpha", "control", "n_folds"}),
        needs_labels=frozenset({"class_conditional"}),
        neighbors=False,
        search=("detector__n_neighbors", (1, 8, 50)),
    ),
    Case(
        "ConformalFull",
        lambda **p: ConformalOutlierDetector(
            **{
                "detector": KNNOutlierDetector(n_neighbors=3),
                "alpha": 0.25,
                "method": "full",
                "random_state": 0,
                **p,
            }
        ),
        changes={
            "detector": KNNOutlierDetector(n_neighbors=6),
            "method": "split",
            "n_folds": 3,
            "alpha": 0.3,
            "control": "fdr",
            "class_conditional": True,
            "calibration_size": 0.4,
            "random_state": 3,
        },
        silent=frozenset(
            {"alpha", "calibration_size", "class_conditional", "control", "n_folds", "random_state"}
        ),
        needs_labels=frozenset({"class_conditional"}),
        neighbors=False,
        search=("detector__n_neighbors", (1, 8, 50)),
    ),
    Case(
        "ConformalFolds",
        lambda **p: ConformalOutlierDetector(
            **{
                "detector": KNNOutlierDetector(n_neighbors=3),
                "alpha": 0.25,
                "method": "cv+",
                "random_state": 0,
                **p,
            }
        ),
        changes={
            "detector": KNNOutlierDetector(n_neighbors=6),
            "method": "split",
            "n_folds": 3,
            "alpha": 0.3,
            "control": "fdr",
            "class_conditional": True,
            "calibration_size": 0.4,
            "random_state": 3,
        },
        silent=frozenset(
            {"alpha", "calibration_size", "class_conditional", "control", "n_folds", "random_state"}
        ),
        needs_labels=frozenset({"class_conditional"}),
        neighbors=False,
        search=("detector__n_neighbors", (1, 8, 50)),
    ),
]

# A detector that leaves out training rows: it has a `contamination`, and its `training_scores_` are
# those of rows kept and, scored by the detector, of rows left out.
CALIBRATED += [
    Case(
        "Trimmed",
        lambda **p: TrimmedOutlierDetector(
            **{"detector": KNNOutlierDetector(n_neighbors=3), "trim": 0.1, "n_neighbors": 9, **p}
        ),
        changes={
            "detector": KNNOutlierDetector(n_neighbors=6),
            "trim": 0.3,
            "n_neighbors": 2,
            "contamination": 0.2,
            "n_jobs": 2,
        },
        silent=frozenset({"contamination", "n_jobs"}),
        neighbors=False,
        search=("detector__n_neighbors", (1, 8, 50)),
    )
]

# A Pipeline whose `training_scores_` are those of fits without the row. Its steps have the other
# parameters, and are fitted in place. With `trim` the steps do not see the least typical rows.
PIPELINES = [
    Case(
        f"OutlierPipeline-{name}",
        partial(_pipeline, last, **options),
        changes={},
        neighbors=False,
    )
    for name, last, options in [
        ("KNN", KNNOutlierDetector(n_neighbors=5), {}),
        ("LCP-locality", LCPOutlierDetector(locality=0.5), {}),
        ("KNN-trimmed", KNNOutlierDetector(n_neighbors=5), {"trim": 0.1}),
        ("LCP-locality-trimmed", LCPOutlierDetector(locality=0.5), {"trim": 0.1}),
    ]
]


# Scorers of a classifier's outputs. Scorers of logits take rows like any detector. The other
# scorers take raw inputs of a torch module: they join the properties that need no rows with
# columns.
RAW_INPUTS = []

if is_installed("torch"):
    from torch import nn

    from skood.deep import (
        DeepEnsembleScorer,
        EnergyScorer,
        MaxLogitScorer,
        MCDropoutScorer,
        MSPScorer,
        ODINScorer,
    )

    from .torch_nets import pooled

    _MODULE_TAIL = {
        "batch_size": 16,
        "device": "cpu",
        "input_shape": (4,),
        "contamination": 0.2,
        "threshold_samples": 20,
        "random_state": 3,
        "verbose": True,
    }
    _MODULE_SILENT = frozenset(_MODULE_TAIL)

    def _of_logits(name: str, make: Any, search: Any, any_scale: bool = False, **more: Any) -> Case:
        return Case(
            name,
            make,
            changes={"module": pooled(nn.Tanh()), **more, **_MODULE_TAIL},
            silent=_MODULE_SILENT,
            together={"outputs": {"module": nn.Sequential(pooled(), nn.Softmax(1))}},
            neighbors=False,
            any_scale=any_scale,
            falls_with_distance=False,
            constant_columns=False,
            search=search,
        )

    _MODULES = ("module", (None, pooled(nn.Tanh())))
    DETECTORS += [
        _of_logits("MSP", MSPScorer, _MODULES, outputs="probabilities"),
        _of_logits("MaxLogit", MaxLogitScorer, _MODULES, any_scale=True),
        _of_logits("Energy", EnergyScorer, ("temperature", (0.1, 1.0, 10.0)), temperature=5.0),
    ]
    _NETS = [pooled(), pooled(nn.Tanh())]
    _PROBABLE = [nn.Sequential(net, nn.Softmax(1)) for net in _NETS]
    RAW_INPUTS = [
        Case(
            "ODIN",
            lambda **p: ODINScorer(**{"module": pooled(nn.Tanh()), "temperature": 2.0, **p}),
            changes={"module": pooled(), "temperature": 9.0, "perturbation": 0.5, **_MODULE_TAIL},
            silent=_MODULE_SILENT,
            neighbors=False,
            search=("perturbation", (0.0, 0.5, 2.0)),
        ),
        Case(
            "DeepEnsemble",
            lambda **p: DeepEnsembleScorer(**{"modules": _NETS, **p}),
            changes={
                "modules": [*_NETS, pooled(nn.ReLU())],
                "measure": "entropy",
                "outputs": "probabilities",
                **_MODULE_TAIL,
            },
            silent=_MODULE_SILENT,
            together={"outputs": {"modules": _PROBABLE[::-1], "measure": "mutual_information"}},
            neighbors=False,
            search=("measure", ("max_softmax", "entropy", "mutual_information")),
        ),
        Case(
            "MCDropout",
            # without a seed each fit draws other masks
            lambda **p: MCDropoutScorer(
                **{
                    "module": pooled(nn.Dropout(0.3)),
                    "n_samples": 3,
                    "random_state": 0,
                    **p,
                }
            ),
            changes={
                "module": pooled(nn.Tanh(), nn.Dropout(0.5)),
                "n_samples": 5,
                "measure": "mutual_information",
                "outputs": "probabilities",
                **_MODULE_TAIL,
            },
            silent=_MODULE_SILENT - {"random_state"},
            together={"outputs": {"module": nn.Sequential(pooled(nn.Dropout(0.5)), nn.Softmax(1))}},
            neighbors=False,
            search=("measure", ("max_softmax", "entropy", "mutual_information")),
        ),
    ]


def _if_installed(index: Any, module: str) -> Any:
    missing = pytest.mark.skipif(not is_installed(module), reason=f"{module} is not installed")
    return pytest.param(index, marks=missing)


INDEXES = [
    ExactIndex,
    KDTreeIndex,
    _if_installed(FaissIndex, "faiss"),
    _if_installed(PyNNDescentIndex, "pynndescent"),
]

TRANSFORMERS = [
    Case(
        "PartialWhitener",
        PartialWhitener,
        changes={"power": 1.0, "length_power": 0.5, "covariance": "empirical"},
    ),
    Case(
        "ActiveNeuronSelector",
        ActiveNeuronSelector,
        changes={"n_neurons": 2, "criterion": "variance"},
    ),
    Case("ReActTransformer", ReActTransformer, changes={"percentile": 40.0}),
    Case("ASHTransformer", ASHTransformer, changes={"variant": "b", "percentile": 50.0}),
    Case("SCALETransformer", SCALETransformer, changes={"percentile": 50.0}),
    *(
        Case(
            f"ASH-{variant}",
            lambda variant=variant, **p: ASHTransformer(
                **{"variant": variant, "percentile": 50.0, **p}
            ),
            changes={"variant": "s", "percentile": 20.0},
        )
        for variant in "pb"
    ),
]
