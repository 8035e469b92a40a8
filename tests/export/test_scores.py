"""The model scores rows as the estimator does, for each detector, Pipeline and float type."""

from __future__ import annotations

import os
import warnings
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.feature_selection import SelectKBest, VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.impute import SimpleImputer
from sklearn.pipeline import FeatureUnion, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    Normalizer,
    RobustScaler,
    StandardScaler,
)
from sklearn.random_projection import GaussianRandomProjection

from skood import (
    ConformalOutlierDetector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    NormalScoreTransformer,
    OutlierEnsemble,
    PartialWhitener,
    TableScaler,
    make_outlier_detector,
    make_outlier_pipeline,
    to_onnx,
)

onnx = pytest.importorskip("onnx", reason="needs the extra 'onnx'")
pytest.importorskip("skl2onnx", reason="needs the extra 'onnx'")
onnxruntime = pytest.importorskip("onnxruntime", reason="needs onnxruntime")

_DETECTORS = {
    "knn": KNNOutlierDetector(),
    "knn max": KNNOutlierDetector(1, aggregation="max", algorithm="exact"),
    "knn cosine": KNNOutlierDetector(metric="cosine"),
    "lcp": LCPOutlierDetector(),
    "lcp local": LCPOutlierDetector(locality=0.5, variance_weight=0.3),
    "lcp cosine": LCPOutlierDetector(30, perplexity=12.5, metric="cosine", locality=0.25),
    "lcp equal weights": LCPOutlierDetector(5, perplexity=5.0),
    "kd": KernelDensityOutlierDetector(),
    "kd wide": KernelDensityOutlierDetector(2.5),
    "md": MahalanobisOutlierDetector(),
    "md empirical": MahalanobisOutlierDetector(covariance="empirical"),
    "md robust": MahalanobisOutlierDetector(covariance="mincovdet", random_state=0),
    "md normalised": MahalanobisOutlierDetector(normalize=True),
    "md relative": MahalanobisOutlierDetector(relative=True),
}
_STEPS = {
    "ColumnTransformer": ColumnTransformer(
        [("scaled", StandardScaler(), [0, 2]), ("others", MinMaxScaler(), [1])],
        remainder="passthrough",
    ),
    "FeatureUnion": FeatureUnion([("scaled", StandardScaler()), ("axes", PCA(2))]),
    "FunctionTransformer": FunctionTransformer(),
    "GaussianRandomProjection": GaussianRandomProjection(3, random_state=0),
    "MaxAbsScaler": MaxAbsScaler(),
    "MinMaxScaler": MinMaxScaler(clip=True),
    "NormalScoreTransformer": NormalScoreTransformer(min_kurtosis=None),
    "bounded NormalScoreTransformer": NormalScoreTransformer(0.0, outermost=None),
    "Normalizer": Normalizer(),
    "PCA": PCA(3, whiten=True),
    "PartialWhitener": PartialWhitener(0.5),
    "PartialWhitener of directions": PartialWhitener(0.5, length_power=1.0),
    "RobustScaler": RobustScaler(),
    "SelectKBest": SelectKBest(k=3),
    "SimpleImputer": SimpleImputer(),
    "StandardScaler": StandardScaler(),
    "TableScaler": TableScaler(),
    "TruncatedSVD": TruncatedSVD(3),
    "VarianceThreshold": VarianceThreshold(),
}
# Those that take any number of columns, leave three or more, and repeat none.
_PRODUCTS = ("GaussianRandomProjection", "PCA", "TruncatedSVD")
_NARROW = ("ColumnTransformer", "FeatureUnion", "SelectKBest")
_WIDE_STEPS = [name for name in _STEPS if name not in _NARROW]


def _rows(n: int = 300, d: int = 5, seed: int = 0, dtype: type = np.float64) -> NDArray:
    """Rows with heavy tails and columns of several units."""
    return (np.random.default_rng(seed).standard_t(4, size=(n, d)) * 3.0 ** np.arange(d)).astype(
        dtype
    )


def _labels(n: int = 300) -> NDArray:
    return np.arange(n) % 3


def run(model: Any, X: NDArray) -> tuple[NDArray, NDArray]:
    """Scores and decisions by onnxruntime."""
    session = onnxruntime.InferenceSession(
        model.SerializeToString(), providers=["CPUExecutionProvider"]
    )
    scores, decisions = session.run(["scores", "decisions"], {"X": X})
    assert scores.dtype == np.float64
    assert decisions.dtype == np.int64
    return scores, decisions


def assert_same(estimator: Any, X: NDArray) -> None:
    """The model has the scores and decisions of the estimator."""
    model = to_onnx(estimator)
    onnx.checker.check_model(model, full_check=True)
    scores, decisions = run(model, X)
    expected = estimator.score_samples(X)
    rounding = 1e-12 * np.abs(expected).max()
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=rounding)
    np.testing.assert_array_equal(decisions, estimator.predict(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", _DETECTORS)
def test_each_detector_alone(name, dtype):
    X, new = _rows(dtype=dtype), _rows(40, seed=1, dtype=dtype) * dtype(1.5)
    detector = clone(_DETECTORS[name]).fit(X, _labels() if "relative" in name else None)
    # training rows among them, also of equal rows
    assert_same(detector, np.vstack([new, X[:20]]))


@pytest.mark.parametrize("name", ["md", "md normalised", "md relative", "md robust"])
def test_classes_of_rows(name):
    X, y = _rows(), _labels()
    X[y == 1, :2] += 40.0
    X[0], y[0] = 500.0, 7  # a class of one row
    detector = clone(_DETECTORS[name]).fit(X, y)
    assert_same(detector, np.vstack([X[:30], _rows(20, seed=1), X[:20] + 1e-3]))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("name", _STEPS)
def test_each_step(name, dtype):
    X, new = _rows(dtype=dtype), _rows(40, seed=1, dtype=dtype)
    detector = make_outlier_pipeline(clone(_STEPS[name]), KNNOutlierDetector(5), random_state=0)
    detector.fit(X, _labels())
    assert_same(detector, np.vstack([new, X[:20]]))


@pytest.mark.parametrize("name", _DETECTORS)
def test_far_from_the_origin(name):
    X, new = _rows() + 1e7, _rows(40, seed=1) + 1e7
    y = _labels() if "relative" in name else None
    assert_same(clone(_DETECTORS[name]).fit(X, y), np.vstack([new, X[:20]]))
    if "cosine" not in name:  # directions from the centre
        pipeline = make_pipeline(StandardScaler(), clone(_DETECTORS[name])).fit(X, y)
        pipeline.offset_ = pipeline[-1].offset_
        assert_same(pipeline, np.vstack([new, X[:20]]))


@pytest.mark.parametrize("name", ["knn", "lcp", "lcp local", "kd"])
def test_dense_clusters_far_from_each_other(name):
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 4)) * 1e-3 + rng.choice([-1e8, 0.0, 1e8], size=(200, 1))
    new = X[:40] + rng.normal(size=(40, 4)) * 1e-3
    assert_same(clone(_DETECTORS[name]).fit(X), np.vstack([new, X[:40]]))


@pytest.mark.parametrize("kind", ["tabular", "tabular-fast", "auto", "embedding"])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_presets(kind, dtype):
    X, new = _rows(200, dtype=dtype), _rows(40, seed=1, dtype=dtype)
    detector = make_outlier_detector(kind).set_params(n_folds=2)
    assert_same(detector.fit(X), np.vstack([new, X[:20]]))


@pytest.mark.parametrize("combine", ["max", "sum", "softmax"])
def test_ensembles(combine):
    members = [
        ("kd", make_outlier_pipeline(StandardScaler(), KernelDensityOutlierDetector())),
        ("md", MahalanobisOutlierDetector()),
        ("known", FrozenEstimator(KNNOutlierDetector().fit(_rows(seed=3)))),
    ]
    ensemble = OutlierEnsemble(members, combine=combine, weights=[1.0, 2.0, 0.5], random_state=0)
    assert_same(ensemble.fit(_rows()), np.vstack([_rows(40, seed=1), _rows()[:20]]))


@pytest.mark.parametrize("by_class", [False, True])
@pytest.mark.parametrize("name", ["knn", "lcp", "md"])
def test_p_values(name, by_class):
    X = np.round(_rows(400), 1)
    inner = make_pipeline(StandardScaler(), clone(_DETECTORS[name]))
    detector = ConformalOutlierDetector(inner, class_conditional=by_class, random_state=0)
    detector.fit(X, _labels(400) if by_class else None)
    Q = np.vstack([_rows(40, seed=1), X[detector.training_indices_[:20]]])
    assert_same(detector, Q)
    model = to_onnx(detector)
    session = onnxruntime.InferenceSession(model.SerializeToString())
    (p_values,) = session.run(["p_values"], {"X": Q})
    np.testing.assert_allclose(p_values, detector.p_values(Q, random_ties=False), rtol=1e-12)


def test_steps_of_several_kinds():
    """Inner Pipelines, steps that do nothing, and fitted ones."""
    X = _rows()
    inner = make_pipeline(PCA(4), "passthrough", PartialWhitener(1.0))
    steps = (FrozenEstimator(StandardScaler().fit(X)), inner, MahalanobisOutlierDetector())
    assert_same(make_outlier_pipeline(*steps, random_state=0).fit(X), _rows(40, seed=1))


@pytest.mark.parametrize("seed", range(int(os.environ.get("SKOOD_EXPORTS", "12"))))
def test_pipelines_drawn_at_random(seed):
    """Up to three steps, a detector, a float type and a number of rows; copies are among them."""
    rng = np.random.default_rng(seed)
    names = rng.choice(_WIDE_STEPS, rng.integers(0, 4)).tolist()
    steps = [clone(_STEPS[name]) for name in names]
    name = rng.choice([name for name in _DETECTORS if "relative" not in name])
    dtype = np.float64 if rng.random() < 0.7 else np.float32
    X = _rows(int(rng.integers(40, 300)), int(rng.integers(3, 9)), seed, dtype)
    X += dtype(rng.choice([0.0, 1e3]) if dtype == np.float64 else 0.0)
    X[5:10] = X[:5]
    new = X[::3] + rng.normal(size=X[::3].shape).astype(dtype)
    pipeline = make_pipeline(*steps, clone(_DETECTORS[name]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        pipeline.fit(X)
    # Matrix products of scikit-learn round by the size of the batch, and float32 shows it: there
    # `score_samples` itself may not know a training row.
    knows_copies = dtype == np.float64 and not {*names} & {*_PRODUCTS}
    Q = np.vstack([new, X[:20]]) if knows_copies else new
    scores, decisions = run(to_onnx(pipeline), Q)
    expected = pipeline.score_samples(Q)
    np.testing.assert_allclose(scores, expected, rtol=1e-5, atol=1e-5 * np.median(np.abs(expected)))
    assert (decisions == pipeline.predict(Q)).mean() > (0.98 if dtype == np.float32 else 0.9999)


@pytest.mark.parametrize("name", _DETECTORS)
def test_one_equal_copy_is_left_out(name):
    rng = np.random.default_rng(0)
    X = np.repeat(rng.normal(size=(30, 3)), rng.integers(1, 4, 30), axis=0)
    y = np.arange(len(X)) % 2 if "relative" in name else None
    detector = clone(_DETECTORS[name]).set_params(contamination=0.3)
    if hasattr(detector, "perplexity"):
        detector.set_params(n_neighbors=5, perplexity=min(detector.perplexity, 5.0))
    assert_same(detector.fit(X, y), np.vstack([X, X + 0.1]))


@pytest.mark.parametrize("power", [-140, -30, 30, 140])
@pytest.mark.parametrize("name", ["knn", "knn cosine", "lcp", "md"])
def test_units_of_any_size(name, power):
    X, new = _rows() * 10.0**power, _rows(40, seed=1) * 10.0**power
    assert_same(clone(_DETECTORS[name]).fit(X), np.vstack([new, X[:20]]))


@pytest.mark.parametrize("n", [2, 3, 11])
@pytest.mark.parametrize("name", ["knn", "lcp", "kd", "md"])
def test_few_training_rows(name, n):
    X = _rows(n, d=3)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        detector = clone(_DETECTORS[name]).fit(X)
    model = to_onnx(detector)
    Q = np.vstack([X, _rows(5, d=3, seed=1)])
    np.testing.assert_allclose(run(model, Q)[0], detector.score_samples(Q), rtol=1e-5, atol=1e-300)


@pytest.mark.parametrize("name", _DETECTORS)
def test_rows_that_skood_refuses_have_no_score(name):
    X = _rows()
    detector = clone(_DETECTORS[name]).fit(X, _labels() if "relative" in name else None)
    model = to_onnx(make_pipeline(FrozenEstimator(FunctionTransformer().fit(X)), detector))
    Q = _rows(5, seed=1)
    expected, _ = run(model, Q)
    Q[1, 2], Q[3, 0], Q[4, 1] = np.nan, np.inf, -np.inf
    scores, decisions = run(model, Q)
    np.testing.assert_array_equal(np.isnan(scores), [False, True, False, True, True])
    np.testing.assert_array_equal(scores[[0, 2]], expected[[0, 2]])
    np.testing.assert_array_equal(decisions[[1, 3, 4]], -1)


@pytest.mark.parametrize("name", ["knn cosine", "lcp cosine", "md normalised"])
def test_a_row_of_zeros_has_no_direction(name):
    detector = clone(_DETECTORS[name]).fit(_rows())
    scores, decisions = run(to_onnx(detector), np.zeros((1, 5)))
    assert np.isnan(scores[0])
    assert decisions[0] == -1


@pytest.mark.parametrize("name", ["knn", "lcp", "kd", "md"])
def test_rows_alone_and_together(name):
    model = to_onnx(clone(_DETECTORS[name]).fit(_rows()))
    Q = _rows(20, seed=1)
    alone = [run(model, row[np.newaxis])[0][0] for row in Q[:5]]
    np.testing.assert_allclose(run(model, Q)[0][:5], alone, rtol=1e-12)
