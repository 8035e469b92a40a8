"""Full conformal ranks equal those of a plain rewrite: a fit with each new row among the others."""

from __future__ import annotations

import warnings

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from sklearn.base import clone

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
)

MEASURES = {
    "knn": KNNOutlierDetector(n_neighbors=3),
    "knn max": KNNOutlierDetector(n_neighbors=2, aggregation="max"),
    "knn exact": KNNOutlierDetector(n_neighbors=3, algorithm="exact"),
    "lcp": LCPOutlierDetector(n_neighbors=3, perplexity=2.0),
    "lcp spread": LCPOutlierDetector(n_neighbors=4, perplexity=2.0, variance_weight=0.5),
    "lof": LOFOutlierDetector(n_neighbors=3),
    "kd": KernelDensityOutlierDetector(),
    "kd narrow": KernelDensityOutlierDetector(bandwidth=0.3),
    "md": MahalanobisOutlierDetector(),
    "md plain": MahalanobisOutlierDetector(covariance="empirical"),
    "md oas": MahalanobisOutlierDetector(covariance="oas"),
}
ROUNDING = 1e-9


def refitted_counts(detector, X, x, *, y=None, label=None, among=None):
    """Lower and tied training scores once the row x is among the training rows."""
    labels = None if y is None else np.append(y, label)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        fitted = clone(detector).fit(np.vstack([X, x]), labels)
        alone = clone(detector).fit(X, y)
    scores = fitted.training_scores_
    size = np.median(np.abs(alone.training_scores_)) if fitted._score_is_distance else 1.0
    reach = ROUNDING * max(abs(scores[-1]), size)
    others = scores[:-1] if among is None else scores[:-1][among]
    lower = int((others < scores[-1] - reach).sum())
    return lower, int((others <= scores[-1] + reach).sum()) - lower


def full_counts(detector, X, Q, y=None, codes=None):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return clone(detector).fit(X, y).full_conformal(X).counts(Q, codes)


def grid_rows(n, d=2, most=3):
    return arrays(np.float64, (n, d), elements=st.integers(0, most).map(float))


@pytest.mark.parametrize("name", MEASURES)
@settings(max_examples=25, deadline=None)
@given(data=st.data())
def test_on_integer_grids_with_ties_and_copies(name, data):
    by_covariance = name.startswith("md")
    X = data.draw(st.integers(6 if by_covariance else 2, 14).flatmap(grid_rows))
    Q = data.draw(grid_rows(3, most=4))
    if by_covariance:  # rounding alone ranks rows that leave a singular covariance behind
        assume(all(np.linalg.matrix_rank(np.cov(np.delete(X, i, 0).T)) == 2 for i in range(len(X))))
        assume(np.linalg.matrix_rank(np.cov(X.T)) == 2)
    counts = full_counts(MEASURES[name], X, Q)
    expected = [refitted_counts(MEASURES[name], X, x) for x in Q]
    assert list(zip(counts.lower[:, 0], counts.ties[:, 0], strict=True)) == expected
    assert counts.sizes.tolist() == [len(X)]


@pytest.mark.parametrize("name", MEASURES)
@pytest.mark.parametrize("d", [2, 20])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_on_random_rows(name, d, dtype):
    rng = np.random.default_rng(0)
    X = (rng.normal(size=(60, d)) + 100.0).astype(dtype)
    Q = np.vstack([rng.normal(size=(10, d)) * 2 + 100.0, X[:2], [[1e30] * d]]).astype(dtype)
    counts = full_counts(MEASURES[name], X, Q)
    expected = [refitted_counts(MEASURES[name], X, x) for x in Q]
    assert list(zip(counts.lower[:, 0], counts.ties[:, 0], strict=True)) == expected


@pytest.mark.parametrize("name", [name for name in MEASURES if not name.startswith("md")])
@pytest.mark.parametrize("table", ["clusters", "integers"])
def test_on_many_rows(name, table):
    """Of many rows a new one changes only some: most ranks are decided by bounds."""
    rng = np.random.default_rng(4)
    if table == "integers":
        X, Q = rng.integers(0, 6, size=(700, 4)) * 1.0, rng.integers(0, 7, size=(8, 4)) * 1.0
    else:
        spread = np.exp(rng.normal(size=(708, 1)) * 1.5)
        X = rng.normal(size=(708, 4)) * spread + rng.integers(0, 3, size=(708, 1)) * 5.0
        X, Q = X[8:], X[:8]
    counts = full_counts(MEASURES[name], X, Q)
    expected = [refitted_counts(MEASURES[name], X, x) for x in Q]
    assert list(zip(counts.lower[:, 0], counts.ties[:, 0], strict=True)) == expected


@pytest.mark.parametrize(
    "detector",
    [
        KNNOutlierDetector(n_neighbors=3, metric="cosine"),
        LCPOutlierDetector(n_neighbors=4, perplexity=2.0, metric="cosine"),
        LOFOutlierDetector(n_neighbors=4, metric="cosine"),
        MahalanobisOutlierDetector(normalize=True),
    ],
)
def test_by_directions(detector):
    rng = np.random.default_rng(1)
    X, Q = rng.normal(size=(40, 4)) + 1.0, rng.normal(size=(8, 4))
    Q = np.vstack([Q, 2 * X[:2]])
    counts = full_counts(detector, X, Q)
    expected = [refitted_counts(detector, X, x) for x in Q]
    assert list(zip(counts.lower[:, 0], counts.ties[:, 0], strict=True)) == expected


@pytest.mark.parametrize("name", MEASURES)
def test_among_the_rows_of_each_class(name):
    rng = np.random.default_rng(2)
    codes = np.arange(40) % 3
    X = rng.normal(size=(40, 3)) + codes[:, np.newaxis]
    Q = rng.normal(size=(6, 3)) * 2
    counts = full_counts(MEASURES[name], X, Q, codes, codes)
    assert counts.sizes.tolist() == [14, 13, 13]
    for i, x in enumerate(Q):
        for code in range(3):
            expected = refitted_counts(
                MEASURES[name], X, x, y=codes, label=code, among=codes == code
            )
            assert (counts.lower[i, code], counts.ties[i, code]) == expected


def test_relative_distances_try_each_class():
    rng = np.random.default_rng(3)
    y = np.arange(40) % 2
    X, Q = rng.normal(size=(40, 3)) + y[:, np.newaxis], rng.normal(size=(5, 3))
    detector = MahalanobisOutlierDetector(relative=True)
    counts = full_counts(detector, X, Q, y)
    for i, x in enumerate(Q):
        for label in (0, 1):
            expected = refitted_counts(detector, X, x, y=y, label=label)
            assert (counts.lower[i, label], counts.ties[i, label]) == expected


@pytest.mark.parametrize("covariance", ["ledoit_wolf", "empirical", "oas"])
@pytest.mark.parametrize("n_classes", [1, 2])
@settings(max_examples=20, deadline=None)
@given(seed=st.integers(0, 2**32 - 1))
def test_rank_one_updates_equal_new_estimates(covariance, n_classes, seed):
    rng = np.random.default_rng(seed)
    n, d = int(rng.integers(12, 80)), int(rng.integers(1, 9))
    X = rng.normal(size=(n, d)) @ rng.normal(size=(d, d)) + 20.0
    detector = MahalanobisOutlierDetector(covariance=covariance)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        full = detector.fit(X, np.arange(n) % n_classes).full_conformal(X)
    for row in [X[0], X[1] + rng.normal(size=d), X[2] + 30.0 * rng.normal(size=d)]:
        for code in range(n_classes):
            anew = full._scores_of_new_estimates(row, code)
            size = float(np.median(np.abs(anew)))
            updated = full._scores_with(row, code)
            np.testing.assert_allclose(updated, anew, rtol=1e-9, atol=1e-9 * size)


def test_rank_one_updates_are_the_rule():
    X = np.random.default_rng(5).normal(size=(50, 4))
    full = MahalanobisOutlierDetector().fit(X).full_conformal(X)
    assert full._gaussians.distances(X[0] + 1.0, 0)[0] is not None
    assert full._gaussians.distances(X[0] * 1e9, 0)[0] is None


def rows_of(table, n, m, dtype=np.float64):
    """Training rows and new rows of a hard table."""
    rng = np.random.default_rng(7)
    X, Q = rng.normal(size=(n, 6)), rng.normal(size=(m, 6)) * 1.3
    if table == "integers":
        X, Q = np.round(X[:, :3]) + 9.0, np.round(Q[:, :3]) + 9.0
    elif table == "heaps":
        spread = np.exp(2.0 * rng.normal(size=(n + m, 1)))
        X = X * spread[:n] + rng.integers(0, 3, size=(n, 1)) * 50.0
        Q = Q * spread[n:] + rng.integers(0, 3, size=(m, 1)) * 50.0
        X[:40], Q[:3] = X[40], X[40]
    elif table == "outliers":
        X[::9] *= 1e4
        Q[:5] *= 1e4
        X[0], Q[5] = 1e12, 1e12
    elif table == "far":
        X, Q = X + 1e5, Q + 1e5
    return X.astype(dtype), Q.astype(dtype)


NEIGHBORS = {
    "knn": KNNOutlierDetector(),
    "knn cosine": KNNOutlierDetector(metric="cosine"),
    "lcp": LCPOutlierDetector(),
    "lcp cosine": LCPOutlierDetector(metric="cosine"),
    "lcp equal weights": LCPOutlierDetector(n_neighbors=6, perplexity=6.0),
    "lof": LOFOutlierDetector(n_neighbors=8),
    "lof cosine": LOFOutlierDetector(n_neighbors=8, metric="cosine"),
}


@pytest.mark.parametrize("name", NEIGHBORS)
@pytest.mark.parametrize("table", ["normal", "integers", "heaps", "outliers", "far"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_one_row_is_ranked_as_among_many(name, table, dtype):
    """Many rows take other ways than one: products in another order of rows, and bounds."""
    X, Q = rows_of(table, 600, 50, dtype)
    full = clone(NEIGHBORS[name]).fit(X).full_conformal(X)
    together, alone = full.counts(Q), [full.counts(row[np.newaxis]) for row in Q]
    np.testing.assert_array_equal(np.concatenate([c.lower for c in alone]), together.lower)
    np.testing.assert_array_equal(np.concatenate([c.ties for c in alone]), together.ties)


@pytest.mark.parametrize("table", ["normal", "integers", "heaps", "outliers", "far"])
def test_nearly_all_lcp_beside_new_rows_are_known_to_a_bound(table):
    X, Q = rows_of(table, 900, 150)
    full = LCPOutlierDetector().fit(X).full_conformal(X)
    changed = full.lists.changes(Q)[1]
    neighbors = full.lists.with_new(changed)
    rows, distances = changed.rows, neighbors.distances
    exact, _ = full._weighed(rows, distances, changed.distances)
    weights, moved = full._nearly_weighed(rows, distances, changed.distances)
    bounded = np.flatnonzero(np.isfinite(moved))
    if table in ("normal", "far"):
        assert len(bounded) > 0.9 * len(rows)
    lcp = []
    for some in (exact, weights):
        vectors = np.concatenate([X, Q])
        columns = np.where(
            neighbors.indices < 0, (900 + changed.queries)[:, None], neighbors.indices
        )
        offset = (some[:, :, None] * (vectors[columns] - X[rows][:, None])).sum(axis=1)
        lcp.append(np.linalg.norm(offset, axis=1))
        approximate, rounding = full._by_product(rows, changed.queries, neighbors, some, Q)
        good = np.isfinite(some).all(axis=1)
        assert (np.abs(approximate - lcp[-1]) <= rounding)[good].all()
    assert (np.abs(lcp[0] - lcp[1]) <= moved)[bounded].all()


@pytest.mark.parametrize("name", ["kd", "kd narrow"])
@pytest.mark.parametrize("table", ["normal", "integers"])
def test_one_density_is_ranked_as_among_many(name, table):
    rng = np.random.default_rng(6)
    X, Q = rng.normal(size=(90, 3)) + 9.0, rng.normal(size=(30, 3)) * 3 + 9.0
    if table == "integers":
        X, Q = np.round(X), np.round(Q)
    Q = np.vstack([Q, X[:3], [[1e30] * 3], [[-1e200] * 3]])
    full = clone(MEASURES[name]).fit(X).full_conformal(X)
    together, alone = full.counts(Q), [full.counts(row[np.newaxis]) for row in Q]
    np.testing.assert_array_equal(np.concatenate([c.lower for c in alone]), together.lower)
    np.testing.assert_array_equal(np.concatenate([c.ties for c in alone]), together.ties)
