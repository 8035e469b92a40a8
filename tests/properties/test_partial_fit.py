"""Rows fitted part by part give the estimates, scores and threshold of one fit on all rows."""

from __future__ import annotations

import copy
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.base import clone
from sklearn.covariance import OAS, LedoitWolf

from skood import (
    FSSDScorer,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
)
from skood.measures.row_moments import moments_of_rows, shrunk_covariance
from skood.neighbors import ExactIndex, KDTreeIndex
from skood.rows.sampling import priorities, uniform_sample

from ..detectors import rows

ESTIMATORS = {
    "kNN": KNNOutlierDetector(n_neighbors=5),
    "kNN-cosine": KNNOutlierDetector(metric="cosine", algorithm="exact"),
    "LCP": LCPOutlierDetector(),
    "LCP-locality": LCPOutlierDetector(locality=0.5, variance_weight=0.2),
    "LCP-locality-cosine": LCPOutlierDetector(locality=0.5, metric="cosine"),
    "LOF": LOFOutlierDetector(n_neighbors=8),
    "KD": KernelDensityOutlierDetector(),
    "MD": MahalanobisOutlierDetector(),
    "MD-oas": MahalanobisOutlierDetector(covariance="oas", normalize=True),
    "MD-empirical": MahalanobisOutlierDetector(covariance="empirical"),
    "FSSD": FSSDScorer(singularity=np.zeros(5), groups=[2, 3]),
    "FSSD-sum": FSSDScorer(singularity=np.zeros(5), groups=[2, 3], combine="sum"),
}
each = pytest.mark.parametrize("name", ESTIMATORS)


def in_parts(estimator, X, cuts, y=None, **more):
    """The estimator after one call for each part; every call returns the same object."""
    estimator = clone(estimator)
    with warnings.catch_warnings():
        # few rows in the first parts
        warnings.filterwarnings("ignore", message=".*(other training rows|is singular)")
        for part in np.split(np.arange(len(X)), cuts):
            fitted = estimator.partial_fit(X[part], None if y is None else y[part], **more)
            assert fitted is estimator
    return estimator


def check_same(grown, expected, Q):
    np.testing.assert_allclose(grown.score_samples(Q), expected.score_samples(Q), rtol=1e-6)
    np.testing.assert_array_equal(grown.training_indices_, expected.training_indices_)
    np.testing.assert_allclose(grown.training_scores_, expected.training_scores_, rtol=1e-6)
    np.testing.assert_allclose(grown.offset_, expected.offset_, rtol=1e-6)


@pytest.mark.arithmetic
@each
@given(data=st.data())
def test_any_parts_give_what_one_fit_gives(name, data):
    draw = data.draw
    n = draw(st.integers(30, 140))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    dtype = draw(st.sampled_from([np.float32, np.float64]))
    X = (rng.normal(size=(n, 5)) + draw(st.sampled_from([1, 30]))).astype(dtype)
    copies = rng.integers(0, n, size=(2, draw(st.integers(0, 10))))
    X[copies[0]] = X[copies[1]]
    Q = np.concatenate([rng.normal(size=(6, 5)).astype(dtype) + 5, X[::9]])
    cuts = np.unique(rng.integers(2, n, size=draw(st.integers(1, 5))))
    options = {"threshold_samples": draw(st.sampled_from([None, 20])), "random_state": 4}
    estimator = clone(ESTIMATORS[name]).set_params(**options)
    grown = in_parts(estimator, X, cuts)
    check_same(grown, clone(estimator).fit(X), Q)


@each
def test_labels(name):
    X, y = rows(120, 5), np.array(["c", "a", "b"])[np.arange(120) % 3]
    y[:30] = "b"  # the others come later, before and after it in order
    estimator = ESTIMATORS[name]
    grown, expected = in_parts(estimator, X, [30, 80], y), clone(estimator).fit(X, y)
    check_same(grown, expected, rows(20, 5, seed=1))
    np.testing.assert_array_equal(grown.classes_, expected.classes_)
    if hasattr(expected, "training_labels_"):
        np.testing.assert_array_equal(grown.training_labels_, y)
    for labels in (None, np.linspace(0.1, 0.9, 9)):
        with pytest.raises(ValueError, match=r"labels in every call or in none.* had labels"):
            grown.partial_fit(X[:9], labels)
    with pytest.raises(ValueError, match=r"in every call or in none.* had no labels"):
        in_parts(estimator, X, [30]).partial_fit(X, y)


@each
def test_what_fails_changes_nothing(name):
    X, Q = rows(80, 5), rows(10, 5, seed=1)
    grown = in_parts(ESTIMATORS[name], X, [40])
    before, offset = grown.score_samples(Q), grown.offset_
    bad = X[:3].copy()
    bad[1, 2] = np.nan
    for part, message in ((bad, "NaN"), (X[:, :4], "features"), (X[:0], r"0 sample\(s\)")):
        with pytest.raises(ValueError, match=message):
            grown.partial_fit(part)
    if "cosine" in name or name == "MD-oas":
        with pytest.raises(ValueError, match=r"not all zero"):
            grown.partial_fit(np.zeros((2, 5)))
    np.testing.assert_array_equal(grown.score_samples(Q), before)
    assert grown.offset_ == offset
    check_same(grown.partial_fit(X[:7]), clone(grown).fit(np.concatenate([X, X[:7]])), Q)


@each
def test_partial_fit_continues_after_a_pickle_and_fit_begins_anew(name):
    X, Q = rows(120, 5), rows(10, 5, seed=1)
    grown = in_parts(ESTIMATORS[name], X[:70], [40])
    again = pickle.loads(pickle.dumps(grown))  # noqa: S301
    copied = copy.deepcopy(grown)
    for copied_estimator in (again, copied):
        check_same(copied_estimator.partial_fit(X[70:]), clone(grown).fit(X), Q)
    check_same(grown.fit(X[:50]), clone(grown).fit(X[:50]), Q)


@pytest.mark.parametrize("name", ["kNN", "LCP-locality", "LOF", "KD", "FSSD"])
def test_partial_fit_continues_after_fit(name):
    X, Q = rows(120, 5), rows(10, 5, seed=1)
    estimator = clone(ESTIMATORS[name]).set_params(threshold_samples=30, random_state=0)
    grown = clone(estimator).fit(X[:70]).partial_fit(X[70:])
    check_same(grown, clone(estimator).fit(X), Q)


def test_mahalanobis_after_fit_has_exact_scores_and_says_what_sets_the_threshold():
    X, Q = rows(120, 5), rows(10, 5, seed=1)
    grown = MahalanobisOutlierDetector().fit(X[:70])
    with pytest.warns(UserWarning, match=r"only rows given to partial_fit set its threshold"):
        grown.partial_fit(X[70:100])
    grown.partial_fit(X[100:])
    expected = MahalanobisOutlierDetector().fit(X)
    np.testing.assert_allclose(grown.score_samples(Q), expected.score_samples(Q), rtol=1e-6)
    np.testing.assert_array_equal(grown.training_indices_, np.arange(70, 120))
    np.testing.assert_allclose(grown.training_scores_, expected.training_scores_[70:], rtol=1e-6)


def test_relative_mahalanobis_by_parts():
    X, y = rows(120, 5), np.arange(120) % 3
    estimator = MahalanobisOutlierDetector(relative=True)
    grown, expected = in_parts(estimator, X, [40, 41], y), clone(estimator).fit(X, y)
    Q = rows(20, 5, seed=1)
    np.testing.assert_allclose(grown.score_samples(Q), expected.score_samples(Q), rtol=1e-6)


def test_robust_covariance_is_not_made_of_sums():
    X = rows(60)
    with pytest.raises(ValueError, match=r"'covariance' parameter .* it needs sums over rows"):
        MahalanobisOutlierDetector(covariance="mincovdet").partial_fit(X)
    fitted = MahalanobisOutlierDetector(covariance="mincovdet").fit(X).set_params(covariance="oas")
    with pytest.raises(ValueError, match=r"which the fit before it did not keep"):
        fitted.partial_fit(X)


@pytest.mark.parametrize("offset", [0.0, 1e5])  # in units of the spread
@pytest.mark.parametrize("scale", [1.0, 1e-150, 1e150])
@given(data=st.data())
def test_sums_give_the_covariances_of_scikit_learn(offset, scale, data):
    rng = np.random.default_rng(data.draw(st.integers(0, 2**31)))
    n, d = data.draw(st.integers(2, 60)), data.draw(st.integers(2, 6))
    X = (rng.normal(size=(n, d)) * rng.uniform(0.5, 4, size=d) + 1 + offset) * scale
    parts = np.split(X, np.unique(rng.integers(1, n, size=data.draw(st.integers(0, 4)))))
    moments = moments_of_rows(parts[0])
    for part in parts[1:]:
        moments = moments.merged(moments_of_rows(part))
    np.testing.assert_allclose(moments.mean, X.mean(axis=0), rtol=1e-9)
    unit = float(moments.scale.max())
    moments = moments.in_scale(np.full(d, unit))
    centred = (X - X.mean(axis=0)) / unit
    for rule, estimate in (("ledoit_wolf", LedoitWolf), ("oas", OAS)):
        expected = estimate(assume_centered=True).fit(centred)
        covariance, shrinkage = shrunk_covariance(moments, rule)
        np.testing.assert_allclose(shrinkage, expected.shrinkage_, rtol=1e-6, atol=1e-9)
        np.testing.assert_allclose(covariance, expected.covariance_, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("covariance", ["ledoit_wolf", "oas", "empirical"])
@pytest.mark.parametrize("length_power", [0.0, 0.5])
def test_whitener_by_parts(covariance, length_power):
    X = rows(200, 6)
    X[:, 2] = 7.0  # never varies
    parameters = {"covariance": covariance, "length_power": length_power}
    grown = in_parts(PartialWhitener(**parameters), X, [2, 3, 90])
    expected = PartialWhitener(**parameters).fit(X)
    np.testing.assert_allclose(grown.transform(X), expected.transform(X), rtol=1e-6, atol=1e-9)
    np.testing.assert_allclose(grown.variances_, expected.variances_, rtol=1e-6, atol=1e-12)


def test_noise_moves_the_singularity_to_the_mean_of_all_of_it():
    rng = np.random.default_rng(0)
    X, noise = rng.normal(3.0, 1.0, size=(90, 5)), rng.normal(size=(60, 5))
    for options in ({"combine": "sum"}, {"combine": "logistic"}):
        y = None if options["combine"] == "sum" else np.where(np.arange(90) % 4 == 0, -1, 1)
        if y is not None:
            y[30:60] = 1  # a part of one kind
        scorer = FSSDScorer(groups=[2, 3], threshold_samples=40, random_state=0, **options)
        grown = clone(scorer)
        for part in np.split(np.arange(90), [30, 60]):
            labels = None if y is None else y[part]
            features = noise[part[: len(part) // 3 * 2] * 60 // 90]
            grown.partial_fit(X[part], labels, noise_features=features)
        seen = np.concatenate([p[:20] * 60 // 90 for p in np.split(np.arange(90), [30, 60])])
        expected = clone(scorer).fit(X, y, noise_features=noise[seen])
        np.testing.assert_allclose(grown.singularity_, noise[seen].mean(axis=0), rtol=1e-12)
        check_same(grown, expected, rng.normal(size=(20, 5)))


def test_noise_that_comes_too_late():
    X = rows(60, 5)
    for scorer in (FSSDScorer(), FSSDScorer(combine="sum")):
        with pytest.raises(ValueError, match=r"'noise_features' parameter .* must be None after"):
            scorer.partial_fit(X).partial_fit(X, noise_features=X)
    with pytest.raises(ValueError, match=r"fitted by fit, which keeps no inputs for partial_fit"):
        FSSDScorer(combine="sum").fit(X).partial_fit(X)


@pytest.mark.parametrize("metric", ["euclidean", "cosine"])
def test_index_by_parts(metric):
    X, Q = rows(5000, 6), rows(50, 6, seed=1)
    X[4000:4100] = X[:100]
    X[300:] *= 1e3  # further out than the rows of the first centre
    grown = ExactIndex(metric=metric)
    for part in np.split(X, [1, 2, 300, 2048, 2049, 4500]):
        grown.partial_fit(part)
    expected = ExactIndex(metric=metric).fit(X)
    for answer, expected_answer in zip(grown.query(Q, 9), expected.query(Q, 9), strict=True):
        np.testing.assert_array_equal(answer, expected_answer)
    for answer, expected_answer in zip(
        grown.query_training(9), expected.query_training(9), strict=True
    ):
        np.testing.assert_array_equal(answer, expected_answer)
    np.testing.assert_array_equal(grown.find_equal(X), expected.find_equal(X))


def test_appending_leaves_a_shared_index_as_it_is():
    X = rows(300, 6)
    index = ExactIndex().fit(X[:200])
    detectors = [make(algorithm=index).fit(X[:200]) for make in (KNNOutlierDetector,) * 2]
    assert detectors[0].index_ is index
    detectors[0].partial_fit(X[200:250])
    detectors[1].partial_fit(X[250:])
    detectors[0].partial_fit(X[:1])
    assert index.n_samples_fit_ == 200
    expected = [X[:250], np.concatenate([X[:200], X[250:]])]
    np.testing.assert_array_equal(index.training_rows_, X[:200])
    np.testing.assert_array_equal(detectors[0].index_.training_rows_[:250], expected[0])
    np.testing.assert_array_equal(detectors[1].index_.training_rows_, expected[1])


def test_other_indexes_do_not_grow():
    X = rows(60, 3)
    assert isinstance(KNNOutlierDetector().fit(X).index_, KDTreeIndex)
    grown = KNNOutlierDetector().fit(X).partial_fit(X[:5] + 1)  # "auto" changes to an ExactIndex
    assert isinstance(grown.index_, ExactIndex)
    with pytest.raises(ValueError, match=r"'algorithm' parameter .* an ExactIndex of the metric"):
        KNNOutlierDetector(algorithm=KDTreeIndex()).fit(X).partial_fit(X)


def test_the_sample_of_more_rows_keeps_what_it_can_of_the_sample_before():
    small, large = uniform_sample(500, 50, seed=3), uniform_sample(5000, 50, seed=3)
    assert set(large[large < 500]) <= set(small)
    assert len(np.unique(large)) == 50
    parts = np.concatenate([priorities(i, j, 7) for i, j in ((0, 3), (3, 9), (9, 1000))])
    np.testing.assert_array_equal(parts, priorities(0, 1000, 7))
    # every row is in as many samples as any other: 1000 draws of a tenth, 5 standard deviations
    counts = np.bincount(
        np.concatenate([uniform_sample(200, 20, seed) for seed in range(1000)]), minlength=200
    )
    assert np.abs(counts - 100).max() < 5 * np.sqrt(1000 * 0.1 * 0.9)
