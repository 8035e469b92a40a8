"""Mahalanobis distance: by hand, against plain rewrites and refits, under maps of all rows."""

from __future__ import annotations

import math
import pickle
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import ortho_group
from sklearn.covariance import (
    OAS,
    EmpiricalCovariance,
    LedoitWolf,
    MinCovDet,
    shrunk_covariance,
)

from skood import MahalanobisOutlierDetector
from skood.measures import (
    left_out_mahalanobis_distance,
    mahalanobis_distance,
    whitening_matrix,
)
from skood.metrics import auroc
from skood.rows import fingerprints as _row_fingerprints
from skood.rows.fingerprints import RowFingerprints

from ..detectors import rows

MOMENTS = {"empirical": EmpiricalCovariance, "ledoit_wolf": LedoitWolf, "oas": OAS}
moments = pytest.mark.parametrize("covariance", MOMENTS)
every_covariance = pytest.mark.parametrize("covariance", [*MOMENTS, "mincovdet"])


def labelled(n=60, d=4, seed=0):
    """Rows of three classes, apart from each other."""
    y = np.random.default_rng(seed + 100).permutation(np.arange(n) % 3)
    return rows(n, d, seed=seed) + 4.0 * y[:, np.newaxis] * np.eye(d)[0], y


def plain_squared(X, y, q, covariance):
    """Smallest squared distance of one row from a class mean, class by class."""
    means = {c: X[y == c].mean(axis=0) for c in set(y.tolist())}
    residuals = np.array([x - means[c] for x, c in zip(X, y.tolist(), strict=True)])
    sigma = MOMENTS[covariance](assume_centered=True).fit(residuals).covariance_
    return min((q - mu) @ np.linalg.inv(sigma) @ (q - mu) for mu in means.values())


def plain_background_squared(X, y, q, covariance):
    """Squared distance of one row from all, which shrink by the share of the classes."""
    means = {c: X[y == c].mean(axis=0) for c in set(y.tolist())}
    residuals = np.array([x - means[c] for x, c in zip(X, y.tolist(), strict=True)])
    fitted = MOMENTS[covariance](assume_centered=True).fit(residuals)
    sigma = shrunk_covariance(
        np.cov(X.T, bias=True).reshape(X.shape[1], -1), getattr(fitted, "shrinkage_", 0.0)
    )
    return (q - X.mean(axis=0)) @ np.linalg.inv(sigma) @ (q - X.mean(axis=0))


def test_three_points_by_hand():
    # mean 0, variance 8/3; without 2: mean -1, variance 1; without 0: mean 0, variance 4
    detector = MahalanobisOutlierDetector(covariance="empirical").fit([[-2.0], [0.0], [2.0]])
    np.testing.assert_allclose(detector.training_scores_, [-3, 0, -3])
    np.testing.assert_allclose(detector.score_samples([[4.0], [2.0]]), [-math.sqrt(6), -3])
    # mean (2/3, 2/3), covariance 4/9 [[2, -1], [-1, 2]], its inverse 3/4 [[2, 1], [1, 2]]
    detector.fit([[0.0, 0.0], [2.0, 0.0], [0.0, 2.0]])
    np.testing.assert_allclose(detector.location_, [[2 / 3, 2 / 3]])
    np.testing.assert_allclose(detector.covariance_, np.array([[2, -1], [-1, 2]]) * 4 / 9)
    np.testing.assert_allclose(detector.precision_, np.array([[2, 1], [1, 2]]) * 3 / 4)
    np.testing.assert_allclose(detector.score_samples([[8 / 3, 2 / 3]]), [-math.sqrt(6)])


def test_relative_by_hand():
    # class means -3 and 3, variance 1 within; mean 0 and variance 10 overall
    X, y = [[-4.0], [-2.0], [2.0], [4.0]], ["a", "a", "b", "b"]
    detector = MahalanobisOutlierDetector(covariance="empirical", relative=True).fit(X, y)
    np.testing.assert_allclose(detector.score_samples([[0.0], [3.0], [10.0]]), [-9, 0.9, -39])


@moments
@pytest.mark.parametrize("with_classes", [False, True])
def test_equals_a_plain_rewrite(covariance, with_classes):
    X, y = labelled()
    y = y if with_classes else np.zeros(60, dtype=int)
    Q = rows(20, seed=1) * 2
    detector = MahalanobisOutlierDetector(covariance=covariance)
    detector.fit(X, y if with_classes else None)
    expected = np.array([plain_squared(X, y, q, covariance) for q in Q])
    np.testing.assert_allclose(detector.score_samples(Q), -np.sqrt(expected), rtol=1e-9)
    if with_classes:
        overall = np.array([plain_background_squared(X, y, q, covariance) for q in Q])
        relative = MahalanobisOutlierDetector(covariance=covariance, relative=True).fit(X, y)
        np.testing.assert_allclose(
            relative.score_samples(Q), overall - expected, rtol=1e-9, atol=1e-9
        )


@pytest.mark.parametrize("covariance", ["ledoit_wolf", "oas"])
def test_relative_finds_rows_that_are_far_in_narrow_columns(covariance):
    rng, y = np.random.default_rng(0), np.arange(300) % 2

    def known():
        X = rng.normal(size=(300, 100)) * np.repeat([1.0, 0.3], 50)
        X[:, 0] += 8.0 * y
        return X

    detector = MahalanobisOutlierDetector(covariance=covariance, relative=True).fit(known(), y)
    far = known() * np.repeat([1.0, 3.0], 50)
    scores = detector.score_samples(np.vstack([known(), far]))
    assert auroc(np.repeat([1, -1], 300), scores) > 0.98


@pytest.mark.parametrize(
    ("with_classes", "relative"), [(False, False), (True, False), (True, True)]
)
def test_left_out_equals_a_refit_without_the_row(with_classes, relative):
    X, y = labelled(40)
    y[7] = 5  # alone in its class, which vanishes without it
    y = y if with_classes else None
    detector = MahalanobisOutlierDetector(covariance="empirical", relative=relative).fit(X, y)
    expected = []
    for i in range(40):
        others = None if y is None else np.delete(y, i)
        fresh = MahalanobisOutlierDetector(covariance="empirical", relative=relative)
        expected.append(fresh.fit(np.delete(X, i, axis=0), others).score_samples(X[[i]])[0])
    np.testing.assert_allclose(detector.training_scores_, expected, rtol=1e-8, atol=1e-8)
    np.testing.assert_allclose(detector.score_samples(X), expected, rtol=1e-8, atol=1e-8)


@pytest.mark.parametrize("covariance", ["ledoit_wolf", "oas"])
@pytest.mark.parametrize("d", [4, 50])  # more rows than features, and fewer
def test_left_out_of_a_shrunk_covariance_at_its_shrinkage(covariance, d):
    X, y = labelled(40, d)
    detector = MahalanobisOutlierDetector(covariance=covariance).fit(X, y)
    shrinkage = detector.shrinkage_
    expected = []
    for i in range(40):
        keep = np.arange(40) != i
        means = np.array([X[keep & (y == c)].mean(axis=0) for c in range(3)])
        left = X[keep] - means[y[keep]]
        target = shrinkage * (left**2).mean() * np.eye(d)
        precision = np.linalg.inv((1 - shrinkage) * left.T @ left / 39 + target)
        expected.append(-min(math.sqrt((X[i] - mu) @ precision @ (X[i] - mu)) for mu in means))
    np.testing.assert_allclose(detector.training_scores_, expected, rtol=1e-8)


def test_left_out_is_near_a_refit_of_everything():
    X = rows(60, 20)
    detector = MahalanobisOutlierDetector().fit(X)
    refit = [
        MahalanobisOutlierDetector().fit(np.delete(X, i, axis=0)).score_samples(X[[i]])[0]
        for i in range(60)
    ]
    np.testing.assert_allclose(detector.training_scores_, refit, rtol=0.02)


@pytest.mark.parametrize("covariance", ["ledoit_wolf", "oas"])
@pytest.mark.parametrize(("n", "d"), [(150, 300), (150, 140), (400, 20)])
@pytest.mark.parametrize("normalize", [False, True])
def test_new_rows_are_flagged_as_often_as_contamination_says(covariance, n, d, normalize):
    rng = np.random.default_rng(0)
    # lengths alike, as with normalize, need the mean variance to be left out to the last digit
    scale = np.ones(d) if normalize else np.geomspace(1, 10, d)
    detector = MahalanobisOutlierDetector(covariance=covariance, normalize=normalize)
    detector.fit(rng.normal(size=(n, d)) * scale)
    fresh = rng.normal(size=(2000, d)) * scale
    assert 0.01 < (detector.predict(fresh) == -1).mean() < 0.15


@given(st.integers(0, 2**16), st.booleans(), st.floats(-100, 100))
def test_the_plain_distance_does_not_feel_an_invertible_map(seed, relative, shift):
    rng = np.random.default_rng(seed)
    X, y = labelled(40, 3, seed=seed)
    Q = rng.normal(size=(9, 3)) * 4
    turns = ortho_group.rvs(3, size=2, random_state=seed)
    linear = turns[0] @ np.diag(rng.choice([-1, 1], 3) * 10.0 ** rng.uniform(-2, 2, 3)) @ turns[1]
    detector = MahalanobisOutlierDetector(covariance="empirical", relative=relative)
    expected = detector.fit(X, y).score_samples(Q)
    detector.fit(X @ linear + shift, y)
    np.testing.assert_allclose(
        detector.score_samples(Q @ linear + shift), expected, rtol=1e-6, atol=1e-5
    )


@moments
@pytest.mark.parametrize("unit", [1e-150, 1e-20, 1e20, 1e150])
def test_any_unit(covariance, unit):
    X, y = labelled()
    Q = np.vstack([rows(9, seed=1), [[1e5, 0, 0, 0]]])
    detector = MahalanobisOutlierDetector(covariance=covariance)
    expected = detector.fit(X, y).score_samples(Q)
    np.testing.assert_allclose(detector.fit(X * unit, y).score_samples(Q * unit), expected)


def test_columns_of_very_different_units():
    X, Q = rows(), rows(9, seed=1)
    unit = np.array([1e-90, 1.0, 1e12, 1e50])
    for covariance in ("empirical", "mincovdet"):
        detector = MahalanobisOutlierDetector(covariance=covariance, random_state=0)
        expected = detector.fit(X).score_samples(Q)
        np.testing.assert_allclose(
            detector.fit(X * unit).score_samples(Q * unit), expected, rtol=1e-6
        )


@every_covariance
def test_an_offset_in_float32(covariance):
    X, Q = (A.astype(np.float32) for A in (rows(200) + 1e4, rows(20, seed=1) + 1e4))
    detector = MahalanobisOutlierDetector(covariance=covariance, random_state=0)
    near_zero = detector.fit(X.astype(np.float64) - 1e4).score_samples(Q.astype(np.float64) - 1e4)
    np.testing.assert_allclose(detector.fit(X).score_samples(Q), near_zero, rtol=1e-6)


@every_covariance
@pytest.mark.parametrize("noise", [0.0, 1e-13, 1e-9])
def test_a_column_that_follows_from_the_others(covariance, noise):
    def with_sum(A, seed):
        wobble = noise * np.random.default_rng(seed).normal(size=len(A))
        return np.column_stack([A, A[:, 0] - 2 * A[:, 1] + wobble])

    X, Q = with_sum(rows(), 3), with_sum(rows(9, seed=1), 4)
    detector = MahalanobisOutlierDetector(covariance=covariance, random_state=0).fit(X)
    near = detector.score_samples(Q)
    Q[:, -1] += 1.0  # off the plane of the training rows
    assert np.isfinite(detector.training_scores_).all()
    assert np.isfinite([near, detector.score_samples(Q)]).all()
    if covariance == "empirical":
        assert (near > -20).all()
        assert (detector.score_samples(Q) < -1e6).all()
        if noise == 0:
            plain = MahalanobisOutlierDetector(covariance="empirical").fit(rows())
            np.testing.assert_allclose(near, plain.score_samples(rows(9, seed=1)), rtol=1e-6)


@every_covariance
@pytest.mark.parametrize("unit", [1e-150, 1.0, 1e150])
def test_rows_that_leave_a_constant_column(covariance, unit):
    X, Q = (np.column_stack([A, np.full(len(A), 0.1)]) * unit for A in (rows(), rows(9, seed=1)))
    detector = MahalanobisOutlierDetector(covariance=covariance, random_state=0)
    plain = detector.fit(X[:, :-1]).score_samples(Q[:, :-1])
    detector.fit(X)
    np.testing.assert_allclose(detector.score_samples(Q), plain, rtol=1e-9)
    Q[:, -1] += unit
    assert (detector.score_samples(Q) < plain).all()


@moments
def test_covariance_and_precision_are_those_of_scikit_learn(covariance):
    X = rows()
    detector = MahalanobisOutlierDetector(covariance=covariance).fit(X)
    theirs = MOMENTS[covariance]().fit(X)
    np.testing.assert_allclose(detector.location_, [X.mean(axis=0)])
    np.testing.assert_allclose(detector.covariance_, theirs.covariance_, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(detector.precision_, theirs.precision_, rtol=1e-9, atol=1e-12)
    assert detector.shrinkage_ == pytest.approx(getattr(theirs, "shrinkage_", 0.0))


def test_mincovdet_is_that_of_scikit_learn():
    X, Q = rows(100), rows(20, seed=1)
    theirs = MinCovDet(random_state=0).fit(X)
    detector = MahalanobisOutlierDetector(covariance="mincovdet", random_state=0).fit(X)
    np.testing.assert_allclose(detector.score_samples(Q) ** 2, theirs.mahalanobis(Q), rtol=1e-6)
    np.testing.assert_allclose(detector.training_scores_**2, theirs.dist_, rtol=1e-6)
    np.testing.assert_allclose(detector.location_, [theirs.location_], rtol=1e-9)
    assert not hasattr(detector, "shrinkage_")
    assert hasattr(detector.set_params(covariance="oas").fit(X), "shrinkage_")
    assert not hasattr(detector.set_params(covariance="mincovdet").fit(X), "shrinkage_")


@pytest.mark.parametrize("far", [1e2, 1e9, 1e100])
def test_mincovdet_is_not_pulled_by_outliers(far):
    X, y = labelled(90)
    clean = MahalanobisOutlierDetector(covariance="mincovdet", random_state=0).fit(X, y)
    X[::9, 2] += far
    robust = MahalanobisOutlierDetector(covariance="mincovdet", random_state=0).fit(X, y)
    assert (
        robust.training_scores_[::9].max()
        < 5 * np.delete(robust.training_scores_, slice(None, None, 9)).min()
    )
    np.testing.assert_allclose(robust.location_, clean.location_, atol=0.8)
    Q = rows(9, seed=1)
    np.testing.assert_allclose(robust.score_samples(Q), clean.score_samples(Q), rtol=0.3)


def test_mincovdet_of_rows_half_of_which_are_equal():
    X = rows()
    X[:45] = X[0]
    with pytest.raises(ValueError, match="more than half of the rows to differ from each other"):
        MahalanobisOutlierDetector(covariance="mincovdet").fit(X)
    detector = MahalanobisOutlierDetector(covariance="mincovdet").fit(np.full((9, 2), 0.1))
    np.testing.assert_array_equal(detector.training_scores_, np.zeros(9))


def test_one_class_equals_no_classes():
    X, Q = rows(), rows(9, seed=1)
    plain = MahalanobisOutlierDetector().fit(X)
    for y in (np.ones(60, dtype=int), ["a"] * 60, np.linspace(0, 1, 60)):
        one = MahalanobisOutlierDetector().fit(X, y)
        np.testing.assert_array_equal(one.score_samples(Q), plain.score_samples(Q))
        np.testing.assert_array_equal(one.training_scores_, plain.training_scores_)


def test_classes_change_the_scores_and_a_refit_forgets_them():
    X, y = labelled()
    between = X[y == 0].mean(axis=0) + 2.0 * np.eye(4)[0]
    detector = MahalanobisOutlierDetector()
    plain = detector.fit(X).score_samples([between])
    by_class = detector.fit(X, np.array(["c", "a", "b"])[y])
    assert by_class.location_.shape == (3, 4)
    np.testing.assert_allclose(by_class.location_[0], X[y == 1].mean(axis=0))
    assert by_class.score_samples([between]) < plain
    np.testing.assert_array_equal(detector.fit(X).score_samples([between]), plain)
    assert not hasattr(detector, "classes_")
    assert detector.location_.shape == (1, 4)


def test_as_many_classes_as_rows():
    detector = MahalanobisOutlierDetector().fit(rows(20), np.arange(20))
    assert np.isfinite(detector.training_scores_).all()
    assert np.isfinite(detector.score_samples(rows(9, seed=1))).all()


def test_equal_rows_of_different_classes():
    X, y = labelled()
    X[1] = X[0]
    y[:2] = 0, 1
    detector = MahalanobisOutlierDetector().fit(X, y)
    np.testing.assert_allclose(detector.score_samples(X), detector.training_scores_, rtol=1e-12)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_normalize_is_the_distance_of_rows_of_length_one(dtype):
    X, Q = rows(80, 6, dtype=dtype), rows(9, 6, seed=1, dtype=dtype)
    unit = [
        A / np.linalg.norm(A, axis=1, keepdims=True) for A in (X.astype(float), Q.astype(float))
    ]
    detector = MahalanobisOutlierDetector(normalize=True).fit(X)
    plain = MahalanobisOutlierDetector().fit(unit[0])
    np.testing.assert_allclose(detector.score_samples(Q * dtype(8)), plain.score_samples(unit[1]))
    np.testing.assert_allclose(detector.training_scores_, plain.training_scores_)


def test_normalize_refuses_rows_of_zeros():
    X = rows()
    detector = MahalanobisOutlierDetector(normalize=True).fit(X)
    message = r"normalize=True of Maha.* 1 row\(s\) of zeros, the first at position 2"
    with pytest.raises(ValueError, match=message):
        detector.score_samples([[1, 1, 1, 1], [0, 1, 0, 0], [0, 0, 0, 0]])
    X[2] = 0
    with pytest.raises(ValueError, match=message):
        detector.fit(X)


@pytest.mark.parametrize("value", ["lw", None, 3, LedoitWolf])
def test_bad_covariance(value):
    with pytest.raises(
        ValueError, match=r"'covariance' parameter of \w+ must be one of 'ledoit_wo"
    ):
        MahalanobisOutlierDetector(covariance=value).fit(rows())


@pytest.mark.parametrize("name", ["normalize", "relative"])
@pytest.mark.parametrize("value", [None, 1, "yes"])
def test_bad_flags(name, value):
    message = rf"'{name}' parameter of Maha\w+ must be True or False. Got {value!r} instead"
    with pytest.raises(ValueError, match=message):
        MahalanobisOutlierDetector(**{name: value}).fit(rows())


@pytest.mark.parametrize("y", [None, np.ones(60), np.linspace(0, 1, 60)])
def test_relative_needs_classes(y):
    message = "'relative' parameter .* must be False unless y holds class labels of at least 2"
    with pytest.raises(ValueError, match=message):
        MahalanobisOutlierDetector(relative=True).fit(rows(), y)


@pytest.mark.parametrize("covariance", ["empirical", "mincovdet"])
def test_too_few_rows_warn_once(covariance):
    detector = MahalanobisOutlierDetector(covariance=covariance)
    with pytest.warns(UserWarning, match="for 12 rows .* 12 features; use 'ledoit_wolf'") as record:
        detector.fit(rows(12, 12))
    assert len(record) == 1
    assert np.isfinite(detector.training_scores_).all()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MahalanobisOutlierDetector(covariance="empirical").fit(rows(13, 12))
        MahalanobisOutlierDetector().fit(rows(12, 12))


def test_relative_scores_of_far_rows_are_finite():
    X, y = labelled()
    detector = MahalanobisOutlierDetector(relative=True).fit(X, y)
    scores = detector.score_samples([[0, 10.0**p, 0, 0] for p in (1, 5, 50, 150, 200, 300)])
    assert np.isfinite(scores).all()
    assert (np.diff(scores[:4]) < 0).all()


def test_a_pickle_holds_fingerprints_not_rows():
    X = rows(5000, 64)
    size = len(pickle.dumps(MahalanobisOutlierDetector(threshold_samples=100).fit(X)))
    assert size < 5000 * 48 + 5 * 64 * 64 * 8


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_fingerprints_find_equal_rows_and_no_others(dtype):
    X = rows(500, 3, dtype=dtype)
    X[100:110] = X[3]
    X[200] = [0.0, 1.0, -0.0]
    fingerprints = RowFingerprints(X)
    first = np.arange(500)
    first[100:110] = 3
    np.testing.assert_array_equal(fingerprints.find(X), first)
    assert (fingerprints.find(np.nextafter(X[:99], dtype(9))) == -1).all()
    found = fingerprints.find(np.array([[-0.0, 1.0, 0.0]], dtype=dtype))
    np.testing.assert_array_equal(found, [200])


def test_fingerprints_of_rows_with_one_first_hash(monkeypatch):
    whole = _row_fingerprints.row_hashes
    monkeypatch.setattr(
        _row_fingerprints,
        "row_hashes",
        lambda X, seed: whole(X, seed) % np.uint64(2) if seed == 0 else whole(X, seed),
    )
    X = np.arange(40.0).reshape(20, 2)
    np.testing.assert_array_equal(RowFingerprints(X).find(X[::-1]), np.arange(20)[::-1])
    assert (RowFingerprints(X).find(X + 100) == -1).all()


def test_no_two_lattice_rows_share_a_hash():
    lattice = np.stack(np.meshgrid(*[np.arange(-6.0, 6)] * 5), axis=-1).reshape(-1, 5)
    for seed in (0, 1):
        for dtype in (np.float32, np.float64):
            hashes = _row_fingerprints.row_hashes(lattice.astype(dtype), seed)
            assert len(np.unique(hashes)) == len(lattice)


@given(st.integers(0, 2**16), st.integers(-100, 250))
def test_measure_equals_a_plain_rewrite(seed, power):
    rng = np.random.default_rng(seed)
    root = rng.normal(size=(3, 3)) + 3 * np.eye(3)
    X, means = rng.normal(size=(5, 3)), rng.normal(size=(2, 3))
    inverse = np.linalg.inv(root @ root.T)
    expected = [[math.sqrt((x - m) @ inverse @ (x - m)) for m in means] for x in X]
    whitening = whitening_matrix(root @ root.T)
    np.testing.assert_allclose(whitening @ whitening.T, inverse, rtol=1e-6, atol=1e-9)
    unit = 10.0**power
    found = mahalanobis_distance(X * unit, means * unit, whitening)
    np.testing.assert_allclose(found / unit, expected, rtol=1e-6, atol=1e-9)


def test_left_out_measure_of_a_class_of_one_row():
    # rows -1 and 1 of one class and 6 of another: variance 2/3
    found = left_out_mahalanobis_distance(
        [[1.0], [6.0]], [0, 1], [[0.0], [6.0]], [[math.sqrt(3 / 2)]], [2, 1]
    )
    assert found[0, 0] > 1e6  # without 1 each row is its class's mean: no variance
    # without 6 its class is none, and the variance of -1 and 1 is 1
    np.testing.assert_allclose(found[1], [6, math.inf])
