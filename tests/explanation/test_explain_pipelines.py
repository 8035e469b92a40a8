"""Explanations through Pipelines and layer ensembles, and the object that they come in."""

from __future__ import annotations

import sys
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.feature_selection import VarianceThreshold
from sklearn.frozen import FrozenEstimator
from sklearn.naive_bayes import GaussianNB
from sklearn.neighbors import LocalOutlierFactor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    MaxAbsScaler,
    MinMaxScaler,
    PolynomialFeatures,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skood import (
    ActiveNeuronSelector,
    ConformalOutlierDetector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    OODGate,
    PartialWhitener,
    explain,
    make_outlier_detector,
)
from skood.explanation import LinearMap
from skood.explanation._linear_map import linear_steps

from ..detectors import rows

NAMES = ["length", "width", "height", "weight"]
LINEAR = [
    StandardScaler(),
    StandardScaler(with_std=False),
    MinMaxScaler((-1, 3)),
    RobustScaler(unit_variance=True),
    RobustScaler(with_scaling=False),
    MaxAbsScaler(),
    FunctionTransformer(),
    PartialWhitener(0.7),
    PCA(),
    PCA(whiten=True),
    IncrementalPCA(whiten=True),
]
LOSES_COLUMNS = [
    PCA(2, whiten=True),
    VarianceThreshold(5.0),
    ActiveNeuronSelector(3),
]
NOT_LINEAR = [
    QuantileTransformer(n_quantiles=10),
    MinMaxScaler(clip=True),
    PolynomialFeatures(2),
    FunctionTransformer(np.tanh),
]


def _rows(n=60, seed=0):
    return rows(n, seed=seed) @ (np.eye(4) + 0.2) * [1.0, 2.0, 0.5, 3.0]


def _frame(X):
    return pd.DataFrame(X, columns=NAMES)


def _sums(explanation):
    return explanation.base - explanation.shares.sum(axis=1)


@pytest.mark.parametrize("transformer", LINEAR, ids=str)
def test_differences_and_slopes_come_back_through_linear_transformers(transformer):
    X, slopes = _rows(), np.random.default_rng(1).normal(size=(30, 1, 4))
    fitted = clone(transformer).fit(X)
    through = LinearMap(linear_steps(fitted))
    before = (X[:30] - X[30:])[:, np.newaxis]
    after = (fitted.transform(X[:30]) - fitted.transform(X[30:]))[:, np.newaxis]
    differences, back = after, slopes
    for step in reversed(through.steps):
        differences, back = step.differences(differences), step.slopes(back)
    np.testing.assert_allclose(differences, before, rtol=1e-9, atol=1e-12)
    # the same change of the score, counted in what goes in and in what comes out
    np.testing.assert_allclose((back * before).sum(axis=2), (slopes * after).sum(axis=2), rtol=1e-9)
    shares = through.shares((after, slopes))
    np.testing.assert_allclose(shares.sum(axis=1), (slopes * after).sum(axis=(1, 2)), rtol=1e-9)


@pytest.mark.parametrize("transformer", LOSES_COLUMNS, ids=str)
def test_where_columns_are_lost_the_score_does_not_feel_what_is_missing(transformer):
    X = _rows()
    fitted = clone(transformer).fit(X)
    assert fitted.transform(X).shape[1] < 4
    after = (fitted.transform(X[:30]) - fitted.transform(X[30:]))[:, np.newaxis]
    (step,) = linear_steps(fitted)
    back = step.differences(after)
    assert back.shape == (30, 1, 4)
    lost = X[30:] + back[:, 0]
    np.testing.assert_allclose(fitted.transform(lost), fitted.transform(X[:30]), atol=1e-9)
    assert (np.linalg.norm(back[:, 0], axis=1) <= np.linalg.norm(X[:30] - X[30:], axis=1)).all()


@pytest.mark.parametrize("transformer", NOT_LINEAR, ids=str)
def test_other_transformers_are_not_taken_for_linear(transformer):
    assert linear_steps(clone(transformer).fit(_rows())) is None


class Lookalike(TransformerMixin, BaseEstimator):
    """Has what a scaler has, and is none."""

    def fit(self, X, y=None):  # noqa: ARG002
        self.scale_ = np.ones(X.shape[1])
        return self

    def transform(self, X):
        return np.asarray(X) ** 3


Lookalike.__name__ = "StandardScaler"


def test_a_transformer_is_not_known_by_its_name_alone():
    assert linear_steps(Lookalike().fit(_rows())) is None


@pytest.mark.parametrize(
    "detector", [KNNOutlierDetector(), KernelDensityOutlierDetector(), MahalanobisOutlierDetector()]
)
def test_scalers_change_no_share(detector):
    X, Q = _rows(), _rows(9, seed=1)
    scaler = StandardScaler().fit(X)
    inside = clone(detector).fit(scaler.transform(X)).explain(scaler.transform(Q))
    through = explain(make_pipeline(StandardScaler(), clone(detector)).fit(X), Q)
    np.testing.assert_array_equal(through.shares, inside.shares)


def test_columns_that_a_selector_drops_have_no_share():
    X, Q = _rows(), _rows(9, seed=1)
    detector = make_pipeline(ActiveNeuronSelector(3), LCPOutlierDetector()).fit(_frame(X))
    explanation = explain(detector, _frame(Q))
    kept = detector[0].get_support()
    assert (explanation.shares[:, ~kept] == 0).all()
    assert (explanation.shares[:, kept] > 0).all()
    assert list(explanation.feature_names) == NAMES


def test_of_rows_divided_by_a_power_of_their_length_the_columns_have_shares():
    X, Q = _rows() + 2.0, _rows(9, seed=1)

    def divided(Z):
        return Z / np.linalg.norm(Z, axis=1, keepdims=True) ** 0.5

    explanation = explain(
        make_pipeline(PartialWhitener(0.7, length_power=0.5), LCPOutlierDetector()).fit(X), Q
    )
    expected = explain(
        make_pipeline(PartialWhitener(0.7), LCPOutlierDetector()).fit(divided(X)), divided(Q)
    )
    np.testing.assert_allclose(explanation.shares, expected.shares, rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(_sums(explanation), explanation.scores, rtol=1e-9)


@pytest.mark.parametrize("kind", ["tabular", "embedding"])
def test_the_recommended_pipelines_name_the_shifted_column(kind):
    detector = make_outlier_detector(kind).fit(_frame(_rows(200)))
    Q = _frame(_rows(20, seed=1))
    Q["height"] += 12.0
    explanation = explain(detector, Q)
    assert list(explanation.feature_names) == NAMES
    assert (explanation.shares.argmax(axis=1) == NAMES.index("height")).mean() >= 0.95


def _cubes(X):
    return np.asarray(X) ** 3


def test_shares_stay_where_a_transformer_is_not_linear():
    X, Q = _frame(_rows()), _frame(_rows(9, seed=1))
    detector = make_pipeline(
        StandardScaler(),
        PolynomialFeatures(2, include_bias=False),
        StandardScaler(),
        KNNOutlierDetector(),
    ).fit(X)
    explanation = explain(detector, Q)
    assert explanation.shares.shape == (9, 14)
    assert "length width" in explanation.feature_names
    np.testing.assert_allclose(_sums(explanation), detector.score_samples(Q), rtol=1e-9)
    nameless = make_pipeline(FunctionTransformer(_cubes), KNNOutlierDetector()).fit(X)
    assert list(explain(nameless, Q).feature_names) == ["x0", "x1", "x2", "x3"]


def test_nested_frozen_and_passed_through():
    X, Q = _rows(), _rows(9, seed=1)
    plain = make_pipeline(StandardScaler(), PartialWhitener(), LCPOutlierDetector()).fit(X)
    scaler = FrozenEstimator(make_pipeline(StandardScaler()).fit(X))
    inner = Pipeline([("a", "passthrough"), ("b", PartialWhitener()), ("c", LCPOutlierDetector())])
    nested = FrozenEstimator(make_pipeline(scaler, inner).fit(X))
    expected, explanation = explain(plain, Q), explain(nested, Q)
    np.testing.assert_allclose(explanation.shares, expected.shares, rtol=1e-9)
    np.testing.assert_array_equal(explanation.neighbors.indices, expected.neighbors.indices)
    alone = explain(plain[-1], plain[:-1].transform(Q))
    np.testing.assert_allclose(alone.scores, expected.scores)


def test_a_matrix_of_ones_own():
    X, Q = _rows(), _rows(9, seed=1)
    matrix = np.random.default_rng(2).normal(size=(4, 4))
    detector = LCPOutlierDetector().fit(X @ matrix)
    explanation = detector.explain(Q @ matrix, linear_map=LinearMap.of_matrix(matrix))
    np.testing.assert_allclose(_sums(explanation), detector.score_samples(Q @ matrix), rtol=1e-9)
    near = explanation.neighbors
    residual = Q - np.einsum("ik,ikj->ij", near.weights, X[near.indices])
    expected = residual * (residual @ matrix @ matrix.T) / -explanation.scores[:, np.newaxis]
    np.testing.assert_allclose(explanation.shares, expected, rtol=1e-6, atol=1e-9)


def test_estimators_without_explanation():
    X = _rows()
    message = r"^The 'estimator' parameter of explain must be a detector with `explain`, .* Got "
    for detector in (LocalOutlierFactor(novelty=True), StandardScaler()):
        with pytest.raises(ValueError, match=message):
            explain(make_pipeline(detector).fit(X), X)
    cubes = make_pipeline(FunctionTransformer(_cubes), KNNOutlierDetector()).fit(X)
    with pytest.raises(ValueError, match=r"^The 'linear_map' parameter of explain must be None, b"):
        explain(cubes, X, linear_map=LinearMap.of_matrix(np.eye(4)))


def test_estimators_around_a_detector_are_explained_by_it():
    X, Q = _frame(_rows(200)), _frame(_rows(9, seed=1))
    inner = make_pipeline(StandardScaler(), KNNOutlierDetector())
    conformal = ConformalOutlierDetector(inner, random_state=0).fit(X)
    gate = OODGate(GaussianNB(), inner).fit(X, np.arange(200) % 2)
    for estimator in (conformal, gate):
        explanation, expected = explain(estimator, Q), explain(estimator.detector_, Q)
        np.testing.assert_array_equal(explanation.shares, expected.shares)
        assert list(explanation.feature_names) == NAMES


GROUPS = {"outer": [0, 3], "inner": slice(1, 3)}


@pytest.mark.parametrize(
    "detector",
    [
        KNNOutlierDetector(),
        KernelDensityOutlierDetector(),
        LCPOutlierDetector(locality=0.5),
        MahalanobisOutlierDetector(),
        make_pipeline(StandardScaler(), PartialWhitener(), LCPOutlierDetector()),
    ],
)
@pytest.mark.parametrize("combine", ["sum", "logistic"])
def test_layer_ensemble(detector, combine):
    X, Q = _rows(90), _rows(12, seed=1)
    X[60:] += 4.0
    y = np.repeat([1, -1], [60, 30]) if combine == "logistic" else None
    ensemble = LayerEnsemble(detector, groups=GROUPS, combine=combine).fit(_frame(X), y)
    explanation = ensemble.explain(_frame(Q))
    np.testing.assert_array_equal(explanation.scores, ensemble.score_samples(_frame(Q)))
    np.testing.assert_allclose(_sums(explanation), explanation.scores, rtol=1e-9)
    assert (explanation.base == getattr(ensemble, "intercept_", 0.0)).all()
    assert list(explanation.feature_names) == NAMES
    layers = explanation.by_group()
    assert list(layers.feature_names) == ["outer", "inner"]
    weights = getattr(ensemble, "coef_", 1.0)
    np.testing.assert_allclose(layers.shares, -weights * ensemble.layer_scores(_frame(Q)))
    np.testing.assert_allclose(explanation.by_group(GROUPS).shares, layers.shares, rtol=1e-9)
    inner = explanation.layers["inner"]
    assert list(inner.feature_names) == ["width", "height"]
    np.testing.assert_allclose(
        inner.scores, ensemble.detectors_["inner"].score_samples(Q[:, 1:3]), rtol=1e-12
    )


def test_within_a_layer_shares_follow_those_of_its_own_score():
    X, Q = _rows(), _rows(30, seed=1)
    ensemble = LayerEnsemble(KNNOutlierDetector(), groups=GROUPS).fit(X)
    explanation = ensemble.explain(Q)
    outer, layer = explanation.shares[:, [0, 3]], explanation.layers["outer"].shares
    further = explanation.group_shares["outer"] > 0
    assert 0 < further.sum() < 30
    np.testing.assert_allclose(
        outer[further, 0] / outer[further, 1], layer[further, 0] / layer[further, 1]
    )
    assert (outer[~further, 0] == outer[~further, 1]).all()


def test_columns_in_several_layers_or_in_none():
    ensemble = LayerEnsemble(KNNOutlierDetector(), groups=[[0, 1], [1, 2]]).fit(_rows())
    explanation = ensemble.explain(_rows(9, seed=1))
    assert (explanation.shares[:, 3] == 0).all()
    np.testing.assert_allclose(_sums(explanation), explanation.scores, rtol=1e-9)


def test_layer_ensemble_after_linear_transformers():
    X, Q = _frame(_rows()), _frame(_rows(9, seed=1))
    ensemble = LayerEnsemble(make_pipeline(StandardScaler(), KNNOutlierDetector()), groups=GROUPS)
    scaled = make_pipeline(StandardScaler(), clone(ensemble)).fit(X)
    rotated = make_pipeline(PartialWhitener(), clone(ensemble)).fit(X)
    for detector in (scaled, rotated):
        explanation = explain(detector, Q)
        np.testing.assert_allclose(_sums(explanation), detector.score_samples(Q), rtol=1e-9)
        assert list(explanation.feature_names) == NAMES
        assert list(explanation.by_group().feature_names) == ["outer", "inner"]
    Q["height"] += 20.0
    assert (explain(rotated, Q).shares.argmax(axis=1) == 2).all()


def test_layers_stand_as_features_where_a_layer_is_not_linear():
    X, Q = _rows(), _rows(9, seed=1)
    detector = make_pipeline(QuantileTransformer(n_quantiles=10), KNNOutlierDetector())
    explanation = LayerEnsemble(detector, groups=GROUPS).fit(X).explain(Q)
    assert list(explanation.feature_names) == ["outer", "inner"]
    np.testing.assert_allclose(_sums(explanation), explanation.scores, rtol=1e-9)


def test_layer_ensemble_with_a_feature_extractor():
    X, Q = _rows(), _rows(9, seed=1)
    extractor = PolynomialFeatures(2, include_bias=False)
    ensemble = LayerEnsemble(KNNOutlierDetector(), feature_extractor=extractor, groups=[4, 10])
    explanation = ensemble.fit(X).explain(Q)
    assert explanation.shares.shape == (9, 14)
    assert explanation.feature_names[4] == "x0^2"
    np.testing.assert_allclose(_sums(explanation), ensemble.score_samples(Q), rtol=1e-9)


def test_layer_ensemble_of_other_detectors_has_no_explanation():
    ensemble = LayerEnsemble(LocalOutlierFactor(novelty=True), groups=GROUPS).fit(_rows())
    with pytest.raises(ValueError, match=r"^The 'estimator' parameter of explain must be a detec"):
        ensemble.explain(_rows())


def test_traces_of_a_network_have_the_layers_as_groups():
    torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
    from skood.deep import TorchFeatureTransformer

    with torch.random.fork_rng():
        torch.manual_seed(0)
        net = torch.nn.Sequential(
            torch.nn.Conv2d(1, 4, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(144, 5)
        )
    X = np.random.default_rng(0).normal(size=(60, 1, 8, 8)).astype(np.float32)
    detector = make_pipeline(
        TorchFeatureTransformer(net, ["0", "3"]),
        ActiveNeuronSelector(),
        PartialWhitener(),
        LCPOutlierDetector(),
    ).fit(X)
    explanation = explain(detector, X[:7])
    assert explanation.shares.shape == (7, 9)
    assert list(explanation.feature_names) == list(detector[0].get_feature_names_out())
    layers = explanation.by_group()
    assert list(layers.feature_names) == ["0", "3"]
    np.testing.assert_allclose(layers.shares[:, 0], explanation.shares[:, :4].sum(axis=1))
    np.testing.assert_allclose(_sums(layers), detector.score_samples(X[:7]), rtol=1e-6)


@pytest.fixture
def explanation():
    y = np.array(["cat", "dog"])[np.arange(60) % 2]
    detector = make_pipeline(StandardScaler(), KNNOutlierDetector(3)).fit(_frame(_rows()), y)
    return explain(detector, _frame(_rows(7, seed=1)))


def test_parts_of_an_explanation(explanation):
    assert len(explanation) == 7
    for rows_, expected in (
        (3, [3]),
        (-1, [6]),
        (slice(2, 5), [2, 3, 4]),
        ([4, 1], [4, 1]),
        (explanation.scores < np.median(explanation.scores), None),
    ):
        part = explanation[rows_]
        expected = np.flatnonzero(rows_) if expected is None else expected
        np.testing.assert_array_equal(part.scores, explanation.scores[expected])
        np.testing.assert_array_equal(part.shares, explanation.shares[expected])
        np.testing.assert_array_equal(
            part.neighbors.classes, explanation.neighbors.classes[expected]
        )
    assert [len(row_part) for row_part in explanation] == [1] * 7
    with pytest.raises(IndexError):
        explanation[7]


def test_tables(explanation):
    table = explanation.to_frame()
    assert len(table) == 7 * 4
    of_heights = table[table["feature"] == "height"]
    np.testing.assert_array_equal(of_heights["share"], explanation.shares[:, 2])
    np.testing.assert_array_equal(of_heights["value"], _rows(7, seed=1)[:, 2])
    near = explanation[2].neighbors.to_frame()
    assert list(near.columns) == ["row", "position", "distance", "weight", "class"]
    np.testing.assert_array_equal(near["position"], explanation.neighbors.indices[2])
    assert len(explanation.neighbors) == 7
    assert "class" not in replace(explanation.neighbors, classes=None).to_frame()


def test_tables_without_pandas(explanation, monkeypatch):
    monkeypatch.setitem(sys.modules, "pandas", None)
    message = r"needs the module 'pandas', .*: run python -m pip install .* \(the extra 'io'\)\.$"
    with pytest.raises(ImportError, match=r"^Explanation.to_frame " + message):
        explanation.to_frame()
    with pytest.raises(ImportError, match=r"^ExplainedNeighbors.to_frame " + message):
        explanation.neighbors.to_frame()


def test_what_an_explanation_says_of_itself(explanation):
    lines = repr(explanation).splitlines()
    assert lines[0] == "Explanation of 7 rows by 4 features"
    assert lines[-1] == "  ..."
    assert sum(line.startswith("  ") and ": score " in line for line in lines) == 5
    top = explanation.feature_names[explanation.shares[0].argmax()]
    assert lines[1] == f"  0: score {explanation.scores[0]:.3g}"
    assert lines[2].startswith(f"     {top} = ")
    assert repr(explanation[0]).splitlines()[0] == "Explanation of 1 row by 4 features"


def test_groups_of_ones_own(explanation):
    grouped = explanation.by_group({"size": ["length", "width", "height"], "mass": [3]})
    assert list(grouped.feature_names) == ["size", "mass"]
    np.testing.assert_allclose(grouped.shares[:, 0], explanation.shares[:, :3].sum(axis=1))
    np.testing.assert_array_equal(grouped.shares[:, 1], explanation.shares[:, 3])
    with pytest.raises(ValueError, match=r"^The 'groups' parameter of by_group must be given"):
        explanation.by_group()
    for wrong in (["depth"], [4]):
        with pytest.raises(ValueError, match=r"must be features that exist among the 4\. Got {'a'"):
            explanation.by_group({"a": wrong})
