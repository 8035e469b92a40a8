"""A bounded number of rows that stand for a stream."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.spatial.distance import cdist, pdist
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

from skood import KNNOutlierDetector, ReferenceStore, make_outlier_detector

from ..detectors import rows

STRATEGIES = ["reservoir", "recent", "coreset"]
each = pytest.mark.parametrize("strategy", STRATEGIES)


def seen_in_parts(store, X, cuts):
    for part in np.split(X, cuts):
        if len(part):
            store.partial_fit(part)
    return store


@each
def test_check_estimator(strategy):
    results = check_estimator(ReferenceStore(50, strategy=strategy), on_skip=None)
    # only asked of estimators that take array-API input, which skood's do not
    skipped = {r["check_name"] for r in results if r["status"] != "passed"}
    assert skipped <= {"check_array_api_input"}


@each
@given(data=st.data())
def test_what_is_held_does_not_depend_on_the_calls(strategy, data):
    draw = data.draw
    n, size = draw(st.integers(1, 200)), draw(st.integers(1, 60))
    rng = np.random.default_rng(draw(st.integers(0, 2**31)))
    X = np.round(rng.normal(size=(n, 2)), draw(st.sampled_from([0, 3]))).astype(np.float32)
    store = ReferenceStore(size, strategy=strategy, random_state=5)
    once = clone(store).fit(X)
    cuts = np.sort(rng.integers(0, n + 1, size=draw(st.integers(0, 8))))
    parts = seen_in_parts(store, X, cuts)
    np.testing.assert_array_equal(parts.positions_, once.positions_)
    np.testing.assert_array_equal(parts.rows_, X[once.positions_])
    assert (np.diff(parts.positions_) > 0).all()
    assert parts.n_seen_ == n
    assert parts.rows_.dtype == X.dtype
    assert len(parts.rows_) <= size
    if strategy != "coreset":
        assert len(parts.rows_) == min(n, size)


def test_recent_rows():
    X = rows(100)
    for calls in ([], [30], [3, 99], list(range(1, 100))):
        store = seen_in_parts(ReferenceStore(20, strategy="recent"), X, calls)
        np.testing.assert_array_equal(store.rows_, X[80:])


def test_the_reservoir_is_a_uniform_sample():
    X, n_draws, size = np.arange(60.0)[:, np.newaxis], 2000, 12
    counts, pairs = np.zeros(60), 0
    for seed in range(n_draws):
        store = ReferenceStore(size, random_state=seed)
        held = seen_in_parts(store, X, [7, 8, 31]).positions_
        counts[held] += 1
        pairs += {3, 50} <= set(held.tolist())
    share = size / 60
    # chi-squared with 59 degrees of freedom, less the share that is always drawn: 99.9 % is 98
    chi_squared = ((counts - n_draws * share) ** 2 / (n_draws * share * (1 - share))).sum()
    assert chi_squared < 98 * 60 / 59
    expected = n_draws * share * (size - 1) / 59  # early and late rows together
    assert abs(pairs - expected) < 4 * np.sqrt(expected)


def test_seeds():
    X = rows(300)
    first, again, other = (ReferenceStore(20, random_state=s).fit(X) for s in (0, 0, 1))
    np.testing.assert_array_equal(first.positions_, again.positions_)
    assert not np.array_equal(first.positions_, other.positions_)
    np.testing.assert_array_equal(first.fit(X).positions_, again.positions_)  # forgets the stream


@pytest.mark.parametrize("d", [1, 2, 8])
@pytest.mark.parametrize("seed", range(3))
def test_the_coreset_covers_all_there_has_been(d, seed):
    X = rows(800, d, seed=seed)
    X[100:200] = X[0]
    X[500] = 1e3  # far, and rare
    store = seen_in_parts(ReferenceStore(40, strategy="coreset"), X, [1, 300])
    covered = cdist(X, store.rows_).min(axis=1).max()
    assert covered <= store.radius_
    assert len(np.unique(store.rows_, axis=0)) == len(store.rows_)
    assert 500 in store.positions_
    # the greedy choice of farthest rows is at most twice as far as the best choice
    greedy, distances = [0], cdist(X, X[:1])[:, 0]
    while len(greedy) < 40:
        greedy.append(int(distances.argmax()))
        distances = np.minimum(distances, cdist(X, X[greedy[-1:]])[:, 0])
    assert distances.max() / 2 <= covered <= 12.5 * distances.max()
    assert pdist(store.rows_).min() > store.radius_ / 5 * (1 - 1e-12)


def test_the_coreset_of_few_different_rows_holds_each_once():
    X = np.tile(np.eye(5), (40, 1))
    store = ReferenceStore(5, strategy="coreset").fit(X)
    np.testing.assert_array_equal(store.positions_, np.arange(5))
    assert store.radius_ == 0.0


def test_a_detector_is_kept_current():
    rng = np.random.default_rng(0)
    store, detector = ReferenceStore(300, strategy="recent"), KNNOutlierDetector()
    for step in range(30):  # the stream drifts
        batch = rng.normal(loc=step, size=(50, 4))
        detector.fit(store.partial_fit(batch).rows_)
    assert detector.predict(np.full((1, 4), 29.0)) == 1
    assert detector.predict(np.zeros((1, 4))) == -1  # as it was at first


@each
def test_any_detector_or_pipeline_will_do(strategy):
    X = rows(500, 6)
    store = ReferenceStore(100, strategy=strategy, random_state=0).fit(X)
    for detector in (make_outlier_detector("tabular"), make_outlier_detector("embedding")):
        assert np.isfinite(detector.fit(store.rows_).score_samples(X)).all()


@each
def test_goes_on_after_a_pickle_and_with_rows_on_disk(strategy, tmp_path):
    X = rows(500, 6)
    np.save(tmp_path / "rows.npy", X)
    store = ReferenceStore(50, strategy=strategy, random_state=0).fit(X[:200])
    store = pickle.loads(pickle.dumps(store))  # noqa: S301
    store.partial_fit(np.load(tmp_path / "rows.npy", mmap_mode="r")[200:])
    once = ReferenceStore(50, strategy=strategy, random_state=0).fit(X)
    np.testing.assert_array_equal(store.rows_, once.rows_)


@each
def test_bad_rows_change_nothing(strategy):
    X = rows(100)
    store = ReferenceStore(20, strategy=strategy, random_state=0).fit(X)
    held = store.rows_.copy()
    for bad, message in (
        (np.full((2, 4), np.nan), "NaN"),
        (X[:, :3], "3 features"),
        (X[:0], r"0 sample\(s\)"),
    ):
        with pytest.raises(ValueError, match=message):
            store.partial_fit(bad)
    np.testing.assert_array_equal(store.rows_, held)
    assert store.n_seen_ == 100


@pytest.mark.parametrize("value", [0, 1.5, None, "many", True])
def test_bad_size(value):
    with pytest.raises(ValueError, match=r"'max_samples' parameter of ReferenceStore must be an"):
        ReferenceStore(value).fit(rows())


def test_bad_strategy():
    with pytest.raises(
        ValueError, match=r"'strategy' .* one of 'reservoir', 'recent', 'coreset'. Got 'oldest'"
    ):
        ReferenceStore(strategy="oldest").partial_fit(rows())
