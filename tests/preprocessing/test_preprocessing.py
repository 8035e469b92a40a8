"""The transformers: what they compute, and the contract of a step in a Pipeline."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.covariance import EmpiricalCovariance, LedoitWolf
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skood import ActiveNeuronSelector, KNNOutlierDetector, PartialWhitener
from skood.metrics import auroc

from ..detectors import TRANSFORMERS, rows

transformers = pytest.mark.parametrize("case", TRANSFORMERS, ids=str)
PAIRS = [pytest.param(c, name, id=f"{c}-{name}") for c in TRANSFORMERS for name in c.changes]


@transformers
def test_check_estimator(case):
    results = check_estimator(case.make(), on_fail="raise", on_skip=None)
    skipped = {r["check_name"] for r in results if r["status"] != "passed"}
    # Array-API input is not asked for.
    assert skipped <= {"check_array_api_input"}


@transformers
def test_the_table_names_every_parameter(case):
    assert set(case.changes) == set(case.make().get_params(deep=False))


@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_set_params_then_fit_equals_a_new_estimator(case, name):
    X = rows() * [1.0, 3.0, 9.0, 0.3]
    value = {name: case.changes[name]}
    by_set = case.make().fit(X).set_params(**value).fit(X).transform(X)
    np.testing.assert_array_equal(by_set, case.make(**value).fit(X).transform(X))
    default = case.make().fit(X).transform(X)
    if case.name != "ActiveNeuronSelector" or name == "n_neurons":
        assert by_set.shape != default.shape or not np.allclose(by_set, default)


@transformers
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_comes_out_the_same_in_any_batch(case, dtype):
    X, Q = rows(300, 37, dtype=dtype), rows(150, 37, seed=1, dtype=dtype)
    transformer = case.make().fit(X)
    whole = transformer.transform(Q)
    assert whole.dtype == dtype
    order = np.random.default_rng(0).permutation(150)
    np.testing.assert_array_equal(transformer.transform(Q[order]), whole[order])
    np.testing.assert_array_equal(np.vstack([transformer.transform(q[None]) for q in Q]), whole)


@transformers
def test_clone_pickle_and_copy(case):
    X = rows()
    transformer = case.make().fit(X)
    expected = transformer.transform(X)
    for other in (pickle.loads(pickle.dumps(transformer)), copy.deepcopy(transformer)):  # noqa: S301
        np.testing.assert_array_equal(other.transform(X), expected)
    np.testing.assert_array_equal(clone(transformer).fit(X).transform(X), expected)


@transformers
def test_names_and_frames(case):
    frame = pd.DataFrame(rows(), columns=list("abcd"))
    transformer = case.make().set_output(transform="pandas").fit(frame)
    out = transformer.transform(frame)
    assert list(out.columns) == list(transformer.get_feature_names_out())
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        transformer.transform(frame[["b", "a", "c", "d"]])


@transformers
def test_training_rows_are_known_again_after_the_step(case):
    X = rows(150, 20)
    pipeline = make_pipeline(case.make(), KNNOutlierDetector()).fit(X)
    expected = pipeline[-1].training_scores_
    alone = np.concatenate([pipeline.score_samples(row[np.newaxis]) for row in X])
    np.testing.assert_allclose(alone, expected, rtol=1e-9)
    np.testing.assert_allclose(pipeline.score_samples(X[::-1])[::-1], expected, rtol=1e-9)


@transformers
@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_any_unit(case, unit):
    X = rows()
    out, plain = case.make().fit_transform(X * unit), case.make().fit_transform(X)
    assert np.isfinite(out).all()
    ratio = np.linalg.norm(out[1:] - out[0], axis=1) / np.linalg.norm(plain[1:] - plain[0], axis=1)
    np.testing.assert_allclose(ratio, ratio[0], rtol=1e-9)


def test_whitener_of_three_points_by_hand():
    # Covariance (divided by n) of (-3, 0), (3, 0), (0, 3), (0, -3), (0, 0) along the axes: 18 / 5
    # for both columns. To the power 0.5, each axis is divided by (18 / 5) ** 0.25.
    X = np.array([[-3.0, 0], [3, 0], [0, 6], [0, -6], [0, 0]])
    whitener = PartialWhitener(0.5, covariance="empirical").fit(X)
    np.testing.assert_allclose(whitener.variances_, [72 / 5, 18 / 5])
    np.testing.assert_allclose(
        np.abs(whitener.transform([[3.0, 6.0]])), [[6 / 14.4**0.25, 3 / 3.6**0.25]]
    )


@pytest.mark.parametrize("power", [0.0, 0.3, 1.0])
def test_whitener_equals_a_plain_rewrite(power):
    X, Q = rows(200, 6) * [1, 2, 4, 8, 16, 32], rows(9, 6, seed=1)
    covariance = LedoitWolf().fit(X).covariance_
    values, vectors = np.linalg.eigh(covariance)
    factor = vectors @ np.diag(values ** (-power / 2)) @ vectors.T
    plain = (Q - X.mean(axis=0)) @ factor
    whitened = PartialWhitener(power).fit(X).transform(Q)
    # up to a rotation: distances say all that a detector sees
    np.testing.assert_allclose(whitened @ whitened.T, plain @ plain.T, rtol=1e-8, atol=1e-8)


def test_power_one_gives_mahalanobis_distances_and_power_zero_keeps_them():
    X = rows(300, 5)
    deviations = PartialWhitener(1.0, covariance="empirical").fit_transform(X)
    np.testing.assert_allclose(
        (deviations**2).sum(axis=1), EmpiricalCovariance().fit(X).mahalanobis(X), rtol=1e-8
    )
    np.testing.assert_allclose(np.cov(deviations.T, bias=True), np.eye(5), atol=1e-9)
    kept = PartialWhitener(0.0).fit_transform(X)
    np.testing.assert_allclose(
        np.linalg.norm(kept, axis=1), np.linalg.norm(X - X.mean(axis=0), axis=1), rtol=1e-9
    )


@given(st.integers(0, 2**16), st.floats(0, 1), st.sampled_from(["ledoit_wolf", "oas", "empirical"]))
def test_inverse_transform_gives_the_rows_back(seed, power, covariance):
    X = rows(40, 5, seed=seed)
    whitener = PartialWhitener(power, covariance=covariance).fit(X)
    np.testing.assert_allclose(whitener.inverse_transform(whitener.transform(X)), X, atol=1e-8)


def test_constant_columns_and_equal_rows_stay_finite():
    X = np.hstack([rows(), np.full((60, 2), 0.1)])
    for power in (0.5, 1.0):
        out = PartialWhitener(power, covariance="empirical").fit(X).transform(X)
        assert np.abs(out).max() < 100
    equal = np.ones((9, 3))
    np.testing.assert_array_equal(PartialWhitener().fit_transform(equal), np.zeros((9, 3)))


@pytest.mark.parametrize("length_power", [0.5, 1.0])
def test_length_power_equals_rows_divided_before(length_power):
    X, Q = rows(200, 6) + 3.0, rows(9, 6, seed=1)

    def divided(Z):
        return Z / np.linalg.norm(Z, axis=1, keepdims=True) ** length_power

    whitener = PartialWhitener(0.7, length_power=length_power).fit(X)
    plain = PartialWhitener(0.7).fit(divided(X))
    np.testing.assert_allclose(whitener.transform(Q), plain.transform(divided(Q)), rtol=1e-9)
    np.testing.assert_allclose(whitener.mean_, divided(X).mean(axis=0))
    back = whitener.inverse_transform(whitener.transform(Q))
    np.testing.assert_allclose(back, Q if length_power < 1 else divided(Q), rtol=1e-8)


def test_directions_alone_count_for_length_power_one():
    X, Q = rows(200, 6), rows(9, 6, seed=1)
    whitener = PartialWhitener(length_power=1.0).fit(X)
    np.testing.assert_allclose(whitener.transform(Q * 7.0), whitener.transform(Q), atol=1e-12)
    half = PartialWhitener(length_power=0.5).fit(X)
    assert (np.abs(half.transform(Q * 7.0) - half.transform(Q)).max(axis=1) > 0.1).all()


@pytest.mark.parametrize("size", [1e-150, 1.0, 1e150])
@pytest.mark.parametrize("length_power", [0.5, 1.0])
def test_lengths_that_cannot_be_squared_and_rows_of_zeros(size, length_power):
    X = rows(60, 4)
    X[7] = 0.0
    expected = PartialWhitener(1.0, length_power=length_power).fit_transform(X)
    whitened = PartialWhitener(1.0, length_power=length_power).fit_transform(X * size)
    np.testing.assert_allclose(whitened, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("name", ["power", "length_power"])
@pytest.mark.parametrize("value", [-0.1, 1.1, "half", None])
def test_bad_powers(name, value):
    with pytest.raises(
        ValueError, match=rf"'{name}' parameter of PartialWhitener .* \[0, 1\]. Got"
    ):
        PartialWhitener(**{name: value}).fit(rows())


def test_bad_covariance():
    with pytest.raises(
        ValueError, match=r"'covariance' parameter .* 'ledoit_wolf', 'oas', 'empirical'"
    ):
        PartialWhitener(covariance="mincovdet").fit(rows())


TRACE = np.array(
    [[0.0, 5.0, 0.1, 1.0, 7.0], [0.0, 5.2, -0.3, 9.0, 7.0], [0.0, 4.8, 0.2, -9.0, 7.0]]
)


def test_dead_neurons_are_dropped():
    selector = ActiveNeuronSelector().fit(TRACE)
    np.testing.assert_array_equal(selector.get_support(), [False, True, True, True, False])
    np.testing.assert_array_equal(selector.transform(TRACE), TRACE[:, 1:4])
    np.testing.assert_allclose(selector.activity_, [0, 5, 0.2, 19 / 3, 0])
    back = selector.inverse_transform(selector.transform(TRACE))
    np.testing.assert_array_equal(back[:, 1:4], TRACE[:, 1:4])
    np.testing.assert_array_equal(back[:, [0, 4]], 0)


@pytest.mark.parametrize(("criterion", "kept"), [("mean_abs", [1, 3]), ("variance", [2, 3])])
def test_most_active_neurons(criterion, kept):
    trace = TRACE.copy()
    trace[:, 2] *= 2 if criterion == "variance" else 1
    selector = ActiveNeuronSelector(2, criterion=criterion).fit(trace)
    np.testing.assert_array_equal(selector.get_support(indices=True), kept)


@pytest.mark.parametrize("n_neurons", [0, 4, 1.5, "all"])
def test_bad_n_neurons(n_neurons):
    with pytest.raises(ValueError, match="'n_neurons' parameter of ActiveNeuronSelector must be"):
        ActiveNeuronSelector(n_neurons).fit(TRACE)


def test_bad_criterion_and_dead_traces():
    with pytest.raises(ValueError, match=r"'criterion' parameter .* one of 'mean_abs', 'variance'"):
        ActiveNeuronSelector(criterion="max").fit(TRACE)
    with pytest.raises(ValueError, match="All 3 columns of X are constant"):
        ActiveNeuronSelector().fit(np.ones((5, 3)))


def test_grid_search_over_the_steps_of_a_pipeline():
    X = rows(160, 6) * [1, 1, 1, 5, 5, 5]
    outer = rows(40, 6, seed=1) * [3, 1, 1, 1, 1, 1]
    data, y = np.vstack([X, outer]), np.r_[np.ones(160), -np.ones(40)].astype(int)
    search = GridSearchCV(
        make_pipeline(PartialWhitener(), ActiveNeuronSelector(), KNNOutlierDetector()),
        {"partialwhitener__power": [0.0, 1.0], "activeneuronselector__n_neurons": [None, 3]},
        scoring=lambda estimator, rows, labels: auroc(labels, estimator.score_samples(rows)),
        cv=PredefinedSplit(np.r_[np.full(100, -1), np.zeros(100)]),
        refit=False,
    ).fit(data, y)
    assert len(np.unique(search.cv_results_["mean_test_score"])) == 4
