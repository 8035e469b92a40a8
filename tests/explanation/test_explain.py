"""Shares of the features and neighbours: sums, independent rewrites, and who is blamed."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA, TruncatedSVD
from sklearn.exceptions import NotFittedError
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, RobustScaler, StandardScaler

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
    explain,
)

from ..detectors import rows

EXACT = {
    "LCP": LCPOutlierDetector(),
    "LCP-variance": LCPOutlierDetector(variance_weight=0.3),
    "LCP-locality": LCPOutlierDetector(locality=0.5, variance_weight=0.3),
    "LCP-cosine": LCPOutlierDetector(metric="cosine", locality=1.0),
    "KNN": KNNOutlierDetector(),
    "KNN-max": KNNOutlierDetector(aggregation="max"),
    "KNN-cosine": KNNOutlierDetector(metric="cosine"),
    "LOF": LOFOutlierDetector(),
    "LOF-cosine": LOFOutlierDetector(8, metric="cosine"),
    "KD": KernelDensityOutlierDetector(),
    "KD-narrow": KernelDensityOutlierDetector(0.05),
    "MD": MahalanobisOutlierDetector(),
    "MD-empirical": MahalanobisOutlierDetector(covariance="empirical"),
    "MD-robust": MahalanobisOutlierDetector(covariance="mincovdet", random_state=0),
    "MD-normalize": MahalanobisOutlierDetector(normalize=True),
    "MD-relative": MahalanobisOutlierDetector(relative=True),
}
# the base is 0: the shares sum to the score itself
WITHOUT_BASE = [
    "LCP",
    "LCP-variance",
    "KNN",
    "KNN-max",
    "KNN-cosine",
    "MD",
    "MD-empirical",
    "MD-robust",
    "MD-normalize",
    "MD-relative",
]
BEFORE = {
    "nothing": [],
    "scaled": [StandardScaler()],
    "whitened": [StandardScaler(), PartialWhitener(0.5)],
    "some components": [RobustScaler(), PCA(3, whiten=True)],
}
detectors = pytest.mark.parametrize("name", EXACT)


def _labels(n=120):
    return np.array(["a", "b", "c"])[np.arange(n) % 3]


def _rows(n=120, seed=0):
    """Rows of features in different units that go along with each other."""
    return rows(n, 6, seed=seed) @ (np.eye(6) + 0.3) * [1.0, 0.1, 10.0, 1.0, 3.0, 100.0] + 5.0


def _fitted(name, before="nothing"):
    steps = [clone(step) for step in BEFORE[before]]
    return make_pipeline(*steps, clone(EXACT[name])).fit(_rows(), _labels())


def _assert_sums(explanation, scores):
    np.testing.assert_allclose(explanation.scores, scores, rtol=1e-12)
    np.testing.assert_allclose(
        explanation.base - explanation.shares.sum(axis=1), scores, rtol=1e-9, atol=1e-12
    )


@detectors
@pytest.mark.parametrize("before", BEFORE)
def test_shares_sum_to_the_score(name, before):
    detector = _fitted(name, before)
    # new rows, training rows (scored with themselves left out), rows far away
    X = np.vstack([_rows(30, seed=1), _rows()[:20], _rows(5, seed=2) * 100])
    explanation = explain(detector, X)
    assert explanation.shares.shape == (55, 6)
    _assert_sums(explanation, detector.score_samples(X))
    if name in WITHOUT_BASE:
        assert not explanation.base.any()
    else:
        assert explanation.base.any() or name.startswith("LOF")


@detectors
def test_a_row_is_explained_the_same_in_any_batch_and_type(name):
    detector, X = _fitted(name), _rows(12, seed=3)
    whole = explain(detector, X)
    for i in (0, 7):
        alone = explain(detector, X[i : i + 1])
        np.testing.assert_allclose(alone.shares[0], whole.shares[i], rtol=1e-9, atol=1e-12)
        np.testing.assert_allclose(alone.base[0], whole.base[i], rtol=1e-9)
    small = clone(detector).fit(_rows().astype(np.float32), _labels())
    explanation = explain(small, X.astype(np.float32))
    _assert_sums(explanation, small.score_samples(X.astype(np.float32)))
    assert explanation.shares.dtype == np.float64


@pytest.mark.parametrize("name", [n for n in EXACT if not n.startswith("KD")])
@pytest.mark.parametrize("unit", [1e-150, 1e150])
def test_any_unit(name, unit):
    detector = clone(EXACT[name]).fit(_rows() * unit, _labels())
    plain = clone(EXACT[name]).fit(_rows(), _labels())
    Q = np.vstack([_rows(10, seed=1), _rows()[:5]])
    explanation, expected = detector.explain(Q * unit), plain.explain(Q)
    np.testing.assert_allclose(
        explanation.shares / explanation.shares.sum(axis=1, keepdims=True),
        expected.shares / expected.shares.sum(axis=1, keepdims=True),
        rtol=1e-6,
        atol=1e-9,
    )


@pytest.mark.parametrize("name", EXACT)
def test_far_and_equal_rows_have_finite_shares(name):
    X = _rows()
    X[:40] = X[0]  # a heap of equal rows
    detector = clone(EXACT[name]).fit(X, _labels())
    Q = np.vstack([X[:1], X[:1] + 1e-9, X[50:51] * 1e120, X[60:61]])
    explanation = detector.explain(Q)
    for part in (explanation.shares, explanation.base, explanation.scores):
        assert np.isfinite(part).all()
    near = [0, 1, 3]
    _assert_sums(explanation[near], detector.score_samples(Q)[near])


def _blamed(detector, n_sigma=6.0):
    """Share of rows whose shifted feature has the largest share."""
    rng = np.random.default_rng(7)
    mixing = np.eye(8) + 0.4 * rng.normal(size=(8, 8))
    X = rng.normal(size=(600, 8)) @ mixing * rng.uniform(1, 100, size=8)
    detector = detector.fit(X[:400])
    Q, shifted = X[400:].copy(), rng.integers(0, 8, size=200)
    signs = rng.choice([-1.0, 1.0], size=200)
    Q[np.arange(200), shifted] += n_sigma * signs * X.std(axis=0)[shifted]
    return np.mean(explain(detector, Q).shares.argmax(axis=1) == shifted)


@pytest.mark.parametrize("name", ["LCP", "LCP-locality", "KNN", "KNN-max", "LOF", "KD", "MD"])
@pytest.mark.parametrize("before", ["scaled", "whitened"])
def test_the_shifted_feature_has_the_largest_share(name, before):
    steps = [clone(step) for step in BEFORE[before]]
    assert _blamed(make_pipeline(*steps, clone(EXACT[name]))) >= 0.95


def test_the_shifted_feature_has_the_largest_share_of_rows_as_they_are():
    assert _blamed(clone(EXACT["MD"])) >= 0.95
    # distances want features of one unit
    for name in ("LCP", "KNN"):
        assert _blamed(make_pipeline(MinMaxScaler(), clone(EXACT[name]))) >= 0.95


@pytest.mark.parametrize("power", [0.0, 0.5, 1.0])
def test_lcp_through_a_whitener_is_difference_times_slope_of_the_input(power):
    X, Q = _rows(), _rows(20, seed=1)
    detector = make_pipeline(StandardScaler(), PartialWhitener(power), LCPOutlierDetector()).fit(X)
    explanation = explain(detector, Q)
    near = explanation.neighbors
    residual = Q - np.einsum("ik,ikj->ij", near.weights, X[near.indices])
    whitener = detector[1]
    matrix = (whitener.axes_ * whitener.scales_) / detector[0].scale_[:, np.newaxis]
    image = residual @ matrix
    slope = image @ matrix.T / np.linalg.norm(image, axis=1, keepdims=True)
    np.testing.assert_allclose(explanation.shares, residual * slope, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize("aggregation", ["mean", "max"])
def test_knn_through_principal_components_is_that_of_projected_differences(aggregation):
    X, Q = _rows(), _rows(20, seed=1)
    knn = KNNOutlierDetector(4, aggregation=aggregation)
    detector = make_pipeline(StandardScaler(), PCA(3), knn).fit(X)
    explanation = explain(detector, Q)
    near = explanation.neighbors
    components, scale = detector[1].components_, detector[0].scale_
    apart = (Q[:, np.newaxis] - X[near.indices]) / scale @ components.T @ components
    squares = apart**2 / near.distances[..., np.newaxis]
    expected = squares.mean(axis=1) if aggregation == "mean" else squares[:, -1]
    np.testing.assert_allclose(explanation.shares, expected, rtol=1e-6, atol=1e-9)


def test_mahalanobis_shares_of_a_training_row_are_those_without_it():
    X = _rows(40)
    detector = MahalanobisOutlierDetector(covariance="empirical").fit(X)
    explanation = detector.explain(X[[3]])
    others = np.delete(X, 3, axis=0)
    difference = X[3] - others.mean(axis=0)
    slope = np.linalg.solve(np.cov(others.T, bias=True), difference)
    expected = difference * slope / np.sqrt(difference @ slope)
    np.testing.assert_allclose(explanation.shares[0], expected, rtol=1e-6)


def test_mahalanobis_shares_are_of_the_nearest_class():
    X, y = _rows(), _labels()
    X[y == "b"] += 300.0
    detector = MahalanobisOutlierDetector().fit(X, y)
    Q = _rows(9, seed=4) + np.where(np.arange(9) % 2, 300.0, 0.0)[:, np.newaxis]
    explanation = detector.explain(Q)
    assert explanation.neighbors is None
    assert list(explanation.nearest_class == "b") == list(np.arange(9) % 2 == 1)
    mean = detector.location_[np.searchsorted(detector.classes_, explanation.nearest_class)]
    slope = (Q - mean) @ detector.precision_
    expected = (Q - mean) * slope / -explanation.scores[:, np.newaxis]
    np.testing.assert_allclose(explanation.shares, expected, rtol=1e-6, atol=1e-9)
    assert MahalanobisOutlierDetector().fit(X).explain(Q).nearest_class is None


def test_kernel_density_shares_are_weighted_squares_in_bandwidths():
    X, Q = rows(50, 3), rows(7, 3, seed=1)
    detector = KernelDensityOutlierDetector(0.7).fit(X)
    explanation = detector.explain(Q, n_neighbors=4)
    squares = ((Q[:, np.newaxis] - X) / 0.7) ** 2 / 2
    kernels = np.exp(-squares.sum(axis=2))
    weights = kernels / kernels.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(
        explanation.shares, np.einsum("in,inj->ij", weights, squares), rtol=1e-9
    )
    nearest = np.argsort(-weights, axis=1)[:, :4]
    np.testing.assert_array_equal(explanation.neighbors.indices, nearest)
    np.testing.assert_allclose(
        explanation.neighbors.weights, np.take_along_axis(weights, nearest, axis=1), rtol=1e-9
    )
    assert detector.explain(X[:1], n_neighbors=99).neighbors.indices.shape == (1, 49)
    with pytest.raises(ValueError, match=r"^The 'n_neighbors' parameter of Kernel.*\.explain must"):
        detector.explain(Q, n_neighbors=0)


def test_lof_base_is_the_part_of_equal_neighbors():
    X = np.array([[0.0, 0.0]] * 3 + [[1.0, 0.0], [0.0, 2.0], [3.0, 3.0], [4.0, 1.0]])
    detector = LOFOutlierDetector(3).fit(X)
    among = detector.explain(X[:1])  # two of its three neighbours equal it
    assert among.base[0] < 0
    assert among.neighbors.distances[0, 1] == 0 < among.neighbors.distances[0, 2]
    assert detector.explain([[9.0, 9.0]]).base[0] == 0
    _assert_sums(among, detector.score_samples(X[:1]))


def test_three_points_by_hand():
    X = np.array([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    explanation = KNNOutlierDetector(2).fit(X).explain([[3.0, 4.0]])
    # neighbours (0, 4) and (3, 0), 3 and 4 away along one feature each
    np.testing.assert_array_equal(explanation.neighbors.indices, [[2, 1]])
    np.testing.assert_allclose(explanation.shares, [[1.5, 2.0]])
    assert explanation.scores == pytest.approx(-3.5)


@pytest.mark.parametrize("name", [n for n in EXACT if not n.startswith("MD")])
def test_neighbors_have_positions_distances_weights_and_classes(name):
    X, y = _rows(), _labels()
    detector = clone(EXACT[name]).fit(X, y)
    near = detector.explain(X[[5, 9]]).neighbors
    assert not (near.indices == [[5], [9]]).any()
    np.testing.assert_array_equal(near.classes, y[near.indices])
    assert (np.diff(near.distances, axis=1) >= 0).all()
    if not name.endswith("cosine"):
        apart = np.linalg.norm(X[[5, 9], np.newaxis] - X[near.indices], axis=2)
        np.testing.assert_allclose(near.distances, apart, rtol=1e-9)
    assert (near.weights >= 0).all()
    if not name.startswith("KD"):  # whose weights are those of all training rows
        np.testing.assert_allclose(near.weights.sum(axis=1), 1.0, rtol=1e-12)
    detector.fit(X)
    assert detector.explain(X[:2]).neighbors.classes is None
    assert detector.fit(X, np.linspace(0, 1, 120)).training_labels_ is None


def test_weights_of_lcp_have_its_perplexity():
    weights = _fitted("LCP")[-1].explain(_rows(8, seed=1)).neighbors.weights
    entropy = -(weights * np.log2(weights)).sum(axis=1)
    np.testing.assert_allclose(2.0**entropy, 5.0, rtol=1e-8)


def test_weights_of_knn():
    X, Q = _rows(), _rows(3, seed=1)
    assert (KNNOutlierDetector(4).fit(X).explain(Q).neighbors.weights == 0.25).all()
    last = KNNOutlierDetector(4, aggregation="max").fit(X).explain(Q)
    np.testing.assert_array_equal(last.neighbors.weights, [[0, 0, 0, 1]] * 3)


def test_labels_are_a_copy():
    y = _labels()
    detector = KNNOutlierDetector().fit(_rows(), y)
    y[:] = "z"
    assert "z" not in detector.training_labels_


@detectors
def test_before_fit_and_wrong_width(name):
    with pytest.raises(NotFittedError):
        clone(EXACT[name]).explain(_rows())
    with pytest.raises(ValueError, match=r"X has 5 features, but .* is expecting 6"):
        _fitted(name)[-1].explain(_rows()[:, :5])


def test_truncated_svd_through_its_own_rows():
    X, Q = _rows(), _rows(6, seed=1)
    detector = make_pipeline(TruncatedSVD(2, random_state=0), KNNOutlierDetector(3)).fit(X)
    explanation = explain(detector, Q)
    assert explanation.shares.shape == (6, 6)
    _assert_sums(explanation, detector.score_samples(Q))
