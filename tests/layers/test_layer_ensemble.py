"""LayerEnsemble against its formula, the forms of groups, the learnt weights, and its errors."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA
from sklearn.ensemble import IsolationForest
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.neighbors import KernelDensity, LocalOutlierFactor
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skood import (
    ActiveNeuronSelector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
)
from skood.metrics import auroc

from ..detectors import rows

GROUPS = {"first": [0, 1], "last": slice(2, 6)}
DISTANCES = [
    KNNOutlierDetector(),
    LOFOutlierDetector(),
    LCPOutlierDetector(),
    MahalanobisOutlierDetector(),
    make_pipeline(StandardScaler(), PartialWhitener(), LCPOutlierDetector()),
]
AS_THEY_ARE = [
    KernelDensityOutlierDetector(),
    LCPOutlierDetector(locality=0.5),
    Pipeline(
        [("scale", StandardScaler()), ("inner", make_pipeline(KernelDensityOutlierDetector()))]
    ),
    LocalOutlierFactor(novelty=True),
]


def _data(seed=0, n=120):
    X = rows(n, 6, seed=seed)
    X[:, 2:] *= 1000.0
    return X


def _by_hand(detector, layers, X, Q, *, logarithm):
    """The sum of standardised logarithms, straight from the definition."""
    total = 0.0
    for columns in layers:
        fitted = clone(detector).fit(X[:, columns])
        training = fitted.score_samples(X[:, columns])
        scores = fitted.score_samples(Q[:, columns])
        if logarithm:
            epsilon = 1e-3 * np.median(-training[training != 0])
            training, scores = -np.log(-training + epsilon), -np.log(-scores + epsilon)
        total = total + (scores - training.mean()) / training.std()
    return total


@pytest.mark.parametrize("detector", DISTANCES + AS_THEY_ARE, ids=lambda d: type(d).__name__)
def test_the_sum_is_that_of_the_definition(detector):
    X, Q = _data(), _data(1, 30)
    ensemble = LayerEnsemble(detector, groups=GROUPS).fit(X)
    expected = _by_hand(
        detector, [[0, 1], [2, 3, 4, 5]], X, Q, logarithm=any(detector is d for d in DISTANCES)
    )
    np.testing.assert_allclose(ensemble.score_samples(Q), expected, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(ensemble.layer_scores(Q).sum(axis=1), expected, atol=1e-9)


def test_three_points_by_hand():
    # distances to the nearest other row: 1, 1, 3 in the first layer; 2, 2, 2 in the second
    X = np.array([[0.0, 0.0], [1.0, 2.0], [4.0, 4.0]])
    ensemble = LayerEnsemble(KNNOutlierDetector(1), groups=[1, 1]).fit(X)
    logs = -np.log(np.array([1.0, 1.0, 3.0]) + 1e-3)
    first = (logs - logs.mean()) / logs.std()
    np.testing.assert_allclose(ensemble.training_scores_, first, rtol=1e-12)
    # equal values have no spread: the second layer counts in plain logarithms
    new = ensemble.layer_scores([[6.0, 8.0]])[0]
    np.testing.assert_allclose(new[0], (-np.log(2.001) - logs.mean()) / logs.std(), rtol=1e-12)
    np.testing.assert_allclose(new[1], np.log(2.002) - np.log(4.002), rtol=1e-12)


def _with_a_layer_of_noise(n, seed):
    """Four correlated columns, and four of noise; strange rows break the correlation."""
    rng = np.random.default_rng(seed)
    known = rng.normal(size=(n, 1)) + 0.1 * rng.normal(size=(n, 4))
    strange = rng.normal(size=(n, 4))
    return [np.hstack([part, rng.normal(size=(n, 4))]) for part in (known, strange)]


def test_a_layer_of_noise_gets_hardly_any_weight():
    X, Q = _with_a_layer_of_noise(300, 0)[0], np.vstack(_with_a_layer_of_noise(300, 1))
    y = np.repeat([1, -1], 300)
    plain = LayerEnsemble(KNNOutlierDetector(), groups=[4, 4], random_state=0).fit(X)
    weighed = clone(plain).set_params(weights="auto").fit(X)
    assert weighed.coef_[1] < 0.15 < 0.3 < weighed.coef_[0]
    np.testing.assert_allclose(weighed.score_samples(Q), weighed.layer_scores(Q) @ weighed.coef_)
    alone = auroc(y, weighed.layer_scores(Q)[:, 0])
    assert auroc(y, weighed.score_samples(Q)) > max(alone - 0.01, auroc(y, plain.score_samples(Q)))
    explanation = weighed.explain(Q[:5])
    np.testing.assert_allclose(explanation.scores, -explanation.shares.sum(axis=1), atol=1e-9)
    np.testing.assert_array_equal(weighed.coef_, clone(weighed).fit(X).coef_)


def test_given_weights_and_an_estimator_of_before():
    X = _data()
    ensemble = LayerEnsemble(KNNOutlierDetector(), groups=GROUPS, weights=[2.0, 0.5]).fit(X)
    np.testing.assert_allclose(
        ensemble.score_samples(X), ensemble.layer_scores(X) @ [2.0, 0.5], rtol=1e-12
    )
    before = LayerEnsemble(KNNOutlierDetector(), groups=GROUPS).fit(X)
    expected = before.score_samples(X)
    del before.__dict__["weights"]
    np.testing.assert_array_equal(before.score_samples(X), expected)
    assert clone(before).weights is None


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"weights": "all"}, "'weights' parameter"),
        ({"weights": [1.0]}, "2 positive numbers, one for each layer"),
        ({"weights": "auto", "combine": "logistic"}, "None for combine='logistic'"),
    ],
)
def test_bad_weights(changes, message):
    with pytest.raises(ValueError, match=message):
        LayerEnsemble(KNNOutlierDetector(), groups=GROUPS, **changes).fit(_data())


def test_training_rows_give_mean_scale_and_threshold():
    X = _data()
    ensemble = LayerEnsemble(KNNOutlierDetector(), groups=GROUPS, contamination=0.1).fit(X)
    values = ensemble.layer_scores(X)
    np.testing.assert_allclose(values.mean(axis=0), 0, atol=1e-12)
    np.testing.assert_allclose(values.std(axis=0), 1, rtol=1e-12)
    np.testing.assert_allclose(ensemble.score_samples(X), ensemble.training_scores_, rtol=1e-9)
    assert ensemble.offset_ == np.quantile(ensemble.training_scores_, 0.1, method="weibull")


@pytest.mark.parametrize("random_state", [None, 5])
def test_the_scores_found_by_fit_are_those_of_score_samples(random_state):
    # with a seed both draw the same rows, and the detector's own scores are used again
    X = _data()
    ensemble = LayerEnsemble(
        KNNOutlierDetector(threshold_samples=40),
        groups=GROUPS,
        threshold_samples=40,
        random_state=random_state,
    ).fit(X)
    rows = ensemble.training_indices_
    np.testing.assert_allclose(
        ensemble.score_samples(X[rows]), ensemble.training_scores_, rtol=1e-9
    )
    drawn_alike = [np.array_equal(d.training_indices_, rows) for d in ensemble.detectors_.values()]
    assert drawn_alike == [random_state is not None] * 2


def test_a_seed_reaches_what_has_none_of_its_own():
    X = _data()
    forest = make_pipeline(StandardScaler(), IsolationForest(n_estimators=10))
    features = ColumnTransformer(
        [("all", PCA(2, svd_solver="randomized"), slice(0, 6)), ("kept", "passthrough", [0, 1])]
    )
    ensemble = LayerEnsemble(
        forest, feature_extractor=features, groups=[[0, 1], [2, 3]], random_state=3
    )
    first, same, other = (
        clone(ensemble).set_params(random_state=seed).fit(X).score_samples(X) for seed in (3, 3, 4)
    )
    np.testing.assert_array_equal(first, same)
    assert not np.array_equal(first, other)
    assert forest[-1].random_state is None
    ensemble.set_params(detector__isolationforest__random_state=8).fit(X)
    assert {d[-1].random_state for d in ensemble.detectors_.values()} == {8}
    assert ensemble.feature_extractor_.named_transformers_["all"].random_state == 3


def _frame(X):
    names = ["conv.0__0", "conv.0__1", "fc__0", "fc__1", "fc__2", "fc__3"]
    return pd.DataFrame(X, columns=names)


@pytest.mark.parametrize(
    "groups",
    [
        {"a": slice(0, 2), "b": slice(2, None)},
        {"a": (1, 0), "b": np.arange(2, 6)},
        {"a": [-6, -5], "b": [False, False, True, True, True, True]},
        [2, 4],
        np.array([2, 4]),
        [slice(2), range(2, 6)],
        ([0, 1], [5, 4, 3, 2]),
    ],
    ids=str,
)
def test_forms_of_groups_agree(groups):
    X, Q = _data(), _data(1, 20)
    expected = LayerEnsemble(KNNOutlierDetector(), groups=GROUPS).fit(X).score_samples(Q)
    ensemble = LayerEnsemble(KNNOutlierDetector(), groups=groups).fit(X)
    np.testing.assert_allclose(ensemble.score_samples(Q), expected, rtol=1e-9)
    assert ensemble.layer_names_ == (
        list(groups) if isinstance(groups, dict) else ["layer0", "layer1"]
    )


def test_names_of_columns_make_layers():
    X, Q = _data(), _data(1, 20)
    expected = LayerEnsemble(KNNOutlierDetector(), groups=GROUPS).fit(X).score_samples(Q)
    by_prefix = LayerEnsemble(KNNOutlierDetector()).fit(_frame(X))
    assert by_prefix.layer_names_ == ["conv.0", "fc"]
    np.testing.assert_allclose(by_prefix.score_samples(_frame(Q)), expected, rtol=1e-12)
    names = _frame(X).columns
    by_name = LayerEnsemble(KNNOutlierDetector(), groups={"x": names[:2], "y": list(names[2:])})
    np.testing.assert_allclose(
        by_name.fit(_frame(X)).score_samples(_frame(Q)), expected, rtol=1e-12
    )


@pytest.mark.parametrize("names", [list("abcdef"), ["a__x", "a__y", "a__z", "b__x", "b__y", "_"]])
def test_one_layer_where_nothing_tells_them_apart(names):
    X, Q = _data(), _data(1, 20)
    whole = LayerEnsemble(KNNOutlierDetector()).fit(pd.DataFrame(X, columns=names))
    assert whole.layer_names_ == ["layer0"]
    order = np.argsort(KNNOutlierDetector().fit(X).score_samples(Q))
    scores = whole.score_samples(pd.DataFrame(Q, columns=names))
    np.testing.assert_array_equal(np.argsort(scores), order)


def test_columns_in_no_layer_change_nothing():
    X, Q = _data(), _data(1, 20)
    ensemble = LayerEnsemble(KNNOutlierDetector(), groups=[[0, 1], [1, 2]])
    expected = ensemble.fit(X).score_samples(Q)
    X[:, 3:], Q[:, 3:] = 7.0, 1e9
    np.testing.assert_array_equal(ensemble.fit(X).score_samples(Q), expected)


BAD_GROUPS = [
    ("all", "None, a dict of layer names"),
    (3, "None, a dict of layer names"),
    ({}, "of at least one layer"),
    ([], "of at least one layer"),
    ([2, 3], "widths of at least 1 that sum to the 6 columns"),
    ([6, 0], "widths of at least 1 that sum to the 6 columns"),
    ({"a": [0, 6]}, "columns that exist among the 6"),
    ({"a": slice(0, 9)}, "columns that exist among the 6"),
    ({"a": slice(3, 3)}, "at least one for each layer"),
    ({"a": []}, "at least one for each layer"),
    ({"a": [0.5]}, "columns that exist among the 6"),
    ({"a": 0}, "columns that exist among the 6"),
    ({"a": ["conv"]}, "columns that exist among the 6"),
    ({"a": [True, False]}, "columns that exist among the 6"),
    ([[0, 1], 2], "columns that exist among the 6"),
]


@pytest.mark.parametrize(("groups", "message"), BAD_GROUPS, ids=str)
def test_bad_groups(groups, message):
    with pytest.raises(
        ValueError, match=rf"'groups' parameter of LayerEnsemble must be .*{message}"
    ):
        LayerEnsemble(KNNOutlierDetector(), groups=groups).fit(_data())


def test_half_of_the_columns_named_for_layers():
    frame = _frame(_data()).rename(columns={"fc__3": "price"})
    with pytest.raises(ValueError, match="given, because only some of the columns are named"):
        LayerEnsemble(KNNOutlierDetector()).fit(frame)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"detector": None}, "'detector' parameter of LayerEnsemble must be a detector"),
        ({"detector": KNNOutlierDetector}, "must be a detector"),
        ({"detector": LocalOutlierFactor()}, "must be a detector"),
        ({"feature_extractor": PCA}, "'feature_extractor' .* must be a transformer or None"),
        ({"feature_extractor": KNNOutlierDetector()}, "must be a transformer or None"),
        ({"combine": "mean"}, "'combine' .* must be one of 'sum', 'logistic'. Got 'mean'"),
        ({"combine": None}, "'combine' .* must be one of 'sum', 'logistic'"),
        ({"n_jobs": 0}, "'n_jobs' .* must be an int"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        LayerEnsemble(**{"detector": KNNOutlierDetector(), **params}).fit(_data())


def test_scores_that_are_not_finite():
    X = np.zeros((20, 2))
    X[0] = 1e6  # no other row within reach of the kernel
    ensemble = LayerEnsemble(KernelDensity(kernel="tophat", bandwidth=0.1), groups=[1, 1])
    fitted = ensemble.fit(X)
    assert np.isfinite(fitted.score_samples([[50.0, 0.0]])).all()

    class Broken(KNNOutlierDetector):
        def score_samples(self, X):
            return np.full(len(X), -np.inf)

    with pytest.raises(ValueError, match="layer 'b' must be finite"):
        LayerEnsemble(Broken(threshold_samples=10), groups={"b": [0]}).fit(_data())


def test_a_detector_gets_the_class_labels():
    X, y = _data(), np.resize([0, 1], 120)
    X[y == 1] += 5000.0
    labelled = LayerEnsemble(MahalanobisOutlierDetector(), groups=GROUPS).fit(X, y)
    assert {len(d.location_) for d in labelled.detectors_.values()} == {2}
    np.testing.assert_array_equal(labelled.classes_, [0, 1])
    assert len(labelled.training_scores_) == 120
    middle = X.mean(axis=0, keepdims=True)
    assert labelled.predict(middle) == -1
    assert LayerEnsemble(MahalanobisOutlierDetector(), groups=GROUPS).fit(X).predict(middle) == 1


def _with_strange_rows():
    X = np.vstack([_data(), _data(1, 40)])
    X[120:, 3] += 4000.0  # in the last layer alone
    y = np.r_[np.ones(120), -np.ones(40)].astype(int)
    order = np.random.default_rng(0).permutation(160)
    return X[order], y[order]


@pytest.mark.parametrize("detector", [KNNOutlierDetector(), KernelDensityOutlierDetector()])
def test_logistic_is_a_regression_on_the_layer_scores(detector):
    X, y = _with_strange_rows()
    learnt = LayerEnsemble(detector, groups=GROUPS, combine="logistic").fit(X, y)
    plain = LayerEnsemble(detector, groups=GROUPS).fit(X[y == 1])
    values = plain.layer_scores(X)  # the rows labelled -1 have no part in detectors and scale
    np.testing.assert_allclose(learnt.layer_scores(X), values, rtol=1e-9, atol=1e-9)
    model = LogisticRegression(class_weight="balanced", max_iter=1000).fit(values, y)
    # the order of the rows decides where the solver stops
    np.testing.assert_allclose(learnt.coef_, model.coef_[0], rtol=1e-2, atol=1e-2)
    expected = values @ learnt.coef_ + learnt.intercept_
    np.testing.assert_allclose(learnt.score_samples(X), expected, rtol=1e-9, atol=1e-9)
    assert abs(learnt.coef_[1]) > abs(learnt.coef_[0])
    np.testing.assert_array_equal(X[learnt.training_indices_], X[y == 1])
    assert learnt.offset_ == np.quantile(learnt.score_samples(X[y == 1]), 0.05, method="weibull")
    Q, q = np.vstack([_data(2, 50), _data(3, 50)]), np.repeat([1, -1], 50)
    Q[50:, 3] += 4000.0
    assert auroc(q, learnt.score_samples(Q)) > auroc(q, plain.score_samples(Q))


def test_threshold_samples_with_logistic_are_in_distribution_rows():
    X, y = _with_strange_rows()
    learnt = LayerEnsemble(
        KNNOutlierDetector(),
        groups=GROUPS,
        combine="logistic",
        threshold_samples=30,
        random_state=0,
    ).fit(X, y)
    assert len(np.unique(learnt.training_indices_)) == 30
    assert (y[learnt.training_indices_] == 1).all()
    np.testing.assert_allclose(
        learnt.score_samples(X[learnt.training_indices_]), learnt.training_scores_, rtol=1e-9
    )


@pytest.mark.parametrize("shift", [1e6, 1e100])
@pytest.mark.parametrize("detector", [KNNOutlierDetector(), KernelDensityOutlierDetector()])
def test_logistic_on_rows_that_are_far_away(detector, shift):
    X, y = _with_strange_rows()
    X[y == -1] += shift
    learnt = LayerEnsemble(detector, groups=GROUPS, combine="logistic").fit(X, y)
    assert (learnt.coef_ > 0).all()
    scores = learnt.score_samples(X)
    assert np.isfinite(scores).all()
    assert auroc(y, scores) == 1


def test_a_sum_forgets_the_weights_learnt_before():
    X, y = _with_strange_rows()
    ensemble = LayerEnsemble(KNNOutlierDetector(), groups=GROUPS, combine="logistic").fit(X, y)
    ensemble.set_params(combine="sum", feature_extractor=PCA(3), groups=None).fit(X)
    assert not hasattr(ensemble, "coef_")
    assert not hasattr(ensemble, "classes_")
    again = ensemble.set_params(feature_extractor=None, groups=GROUPS).fit(X)
    fresh = LayerEnsemble(KNNOutlierDetector(), groups=GROUPS).fit(X)
    assert set(vars(again)) == set(vars(fresh))
    np.testing.assert_array_equal(again.score_samples(X), fresh.score_samples(X))


@pytest.mark.parametrize(
    ("y", "message"),
    [
        (None, "Got None instead"),
        (np.ones(160), "Got 160 of .1 and 0 of -1 instead"),
        (-np.ones(160), "Got 0 of .1 and 160 of -1 instead"),
        (np.r_[-1, np.ones(159)], "Got 159 of .1 and 1 of -1 instead"),
        (np.resize([0, 1], 160), "Got the labels 0, 1 instead"),
        (np.resize([-1, 1, 2], 160), "Got the labels -1, 1, 2 instead"),
        (np.resize(["in", "out"], 160), "Got the labels 'in', 'out' instead"),
        (np.linspace(-1, 1, 160), r"Got the labels -1.0, .*, \.\.\. instead"),
        (np.resize([-1, 1], 159), "inconsistent numbers of samples"),
    ],
)
def test_bad_labels_for_logistic(y, message):
    X, _ = _with_strange_rows()
    with pytest.raises(ValueError, match=message):
        LayerEnsemble(KNNOutlierDetector(), combine="logistic").fit(X, y)


def test_a_feature_extractor_is_cloned_and_fitted_on_in_distribution_rows():
    X, y = _with_strange_rows()
    pca = PCA(4)
    plain = LayerEnsemble(KNNOutlierDetector(), feature_extractor=pca, groups=[1, 3]).fit(X)
    assert not hasattr(pca, "components_")
    by_hand = LayerEnsemble(KNNOutlierDetector(), groups=[1, 3]).fit(PCA(4).fit_transform(X))
    new = _data(5, 20)
    np.testing.assert_allclose(
        plain.score_samples(new), by_hand.score_samples(PCA(4).fit(X).transform(new)), rtol=1e-9
    )
    assert plain.n_features_in_ == 6
    learnt = clone(plain).set_params(combine="logistic").fit(X, y)
    np.testing.assert_allclose(learnt.feature_extractor_.mean_, X[y == 1].mean(axis=0), rtol=1e-12)


def test_names_that_an_extractor_gives_make_layers():
    X, Q = _data(), _data(1, 20)
    X[:, 3] = 0.0  # a dead neuron
    extractor = FunctionTransformer(
        _frame, validate=False, feature_names_out=lambda *_: _frame(X).columns.to_numpy(object)
    )
    ensemble = LayerEnsemble(
        KNNOutlierDetector(), feature_extractor=make_pipeline(extractor, ActiveNeuronSelector())
    ).fit(X)
    assert ensemble.layer_names_ == ["conv.0", "fc"]
    np.testing.assert_array_equal(ensemble.layer_columns_["fc"], [2, 3, 4])
    plain = LayerEnsemble(KNNOutlierDetector(), groups=[[0, 1], [2, 4, 5]]).fit(X)
    np.testing.assert_allclose(ensemble.score_samples(Q), plain.score_samples(Q), rtol=1e-12)


def test_features_that_are_not_finite():
    extractor = FunctionTransformer(np.sqrt)
    ensemble = LayerEnsemble(KNNOutlierDetector(), feature_extractor=extractor)
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match="extracted features cont"):
        ensemble.fit(_data())


@pytest.mark.parametrize("combine", ["sum", "logistic"])
def test_threads_change_nothing(combine):
    X, y = _with_strange_rows()
    in_turn = LayerEnsemble(LCPOutlierDetector(), groups=GROUPS, combine=combine).fit(X, y)
    for n_jobs in (2, -1):
        in_threads = clone(in_turn).set_params(n_jobs=n_jobs).fit(X, y)
        np.testing.assert_array_equal(in_threads.score_samples(X), in_turn.score_samples(X))


def _auroc(estimator, X, y):
    return auroc(y, estimator.score_samples(X))


def test_grid_search_over_parameters_of_the_detector():
    X, y = np.vstack([_data(), _data(1, 40) * 1.5]), np.r_[np.ones(120), -np.ones(40)].astype(int)
    fold = np.r_[np.full(80, -1), np.zeros(80)]  # the first 80 ID rows train, the rest test
    detector = make_pipeline(PartialWhitener(), LCPOutlierDetector())
    ensemble = LayerEnsemble(detector, groups=GROUPS)
    name = "detector__lcpoutlierdetector__perplexity"
    grid = {name: [2.0, 5.0, 14.0], "detector__partialwhitener__power": [0.0, 1.0]}
    search = GridSearchCV(ensemble, grid, scoring=_auroc, cv=PredefinedSplit(fold), refit=False)
    search.fit(X, y)
    results = search.cv_results_
    assert len(np.unique(results["mean_test_score"])) > 3
    for params, score in zip(results["params"], results["mean_test_score"], strict=True):
        by_hand = clone(ensemble).set_params(**params).fit(X[:80])
        assert score == _auroc(by_hand, X[80:], y[80:])
    assert ensemble.get_params()[name] == 5.0


def test_copies_of_a_learnt_ensemble():
    X, y = _with_strange_rows()
    ensemble = LayerEnsemble(
        KNNOutlierDetector(), feature_extractor=StandardScaler(), groups=GROUPS, combine="logistic"
    ).fit(X, y)
    for copied in (copy.deepcopy(ensemble), pickle.loads(pickle.dumps(ensemble))):  # noqa: S301
        np.testing.assert_array_equal(copied.score_samples(X), ensemble.score_samples(X))


def test_not_fitted():
    with pytest.raises(NotFittedError, match="is not fitted yet"):
        LayerEnsemble(KNNOutlierDetector()).layer_scores(_data())
