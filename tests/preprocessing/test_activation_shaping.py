"""ReAct, ASH and SCALE: the papers' formulas, by hand and against plain rewrites."""

from __future__ import annotations

import numpy as np
import pytest

from skood import ASHTransformer, ReActTransformer, SCALETransformer


def _activations(n=40, d=11, seed=0):
    return np.maximum(np.random.default_rng(seed).normal(size=(n, d)), 0.0)


def _ash(row, variant, percentile):
    n_kept = max(1, len(row) - round(len(row) * percentile / 100))
    kept = sorted(range(len(row)), key=lambda j: (-row[j], j))[:n_kept]
    before, after = sum(row), sum(row[j] for j in kept)
    new = {"p": lambda v: v, "b": lambda _: before / n_kept}
    new["s"] = lambda v: v * np.exp(before / after)
    return [new[variant](v) if j in kept else 0.0 for j, v in enumerate(row)]


@pytest.mark.parametrize("variant", ["s", "p", "b"])
@pytest.mark.parametrize("percentile", [0.0, 30.0, 65.0, 90.0, 99.9])
def test_ash_equals_a_plain_rewrite(variant, percentile):
    X = _activations()
    kept = X.copy()
    shaped = ASHTransformer(variant, percentile=percentile).fit_transform(X)
    np.testing.assert_allclose(shaped, [_ash(row, variant, percentile) for row in X], rtol=1e-12)
    np.testing.assert_array_equal(X, kept)


@pytest.mark.parametrize("percentile", [0.0, 30.0, 85.0, 99.9])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_scale_equals_a_plain_rewrite(percentile, dtype):
    X = _activations().astype(dtype)
    n_kept = max(1, 11 - round(11 * percentile / 100))
    largest = [sum(sorted(row, reverse=True)[:n_kept]) for row in X.astype(float)]
    expected = [row * np.exp(row.sum() / part) for row, part in zip(X, largest, strict=True)]
    shaped = SCALETransformer(percentile).fit_transform(X)
    assert shaped.dtype == dtype
    np.testing.assert_allclose(shaped, expected, rtol=1e-12 if dtype is np.float64 else 1e-5)
    # ASH-S is SCALE without the other activations
    ash = ASHTransformer(percentile=percentile).fit_transform(X)
    np.testing.assert_allclose(ash[ash > 0], shaped[ash > 0], rtol=1e-6)


def test_ash_by_hand():
    X = [[2.0, 6.0, 0.0, 4.0]]  # of four, half is removed: 0 and 2; the sums are 12 and 10
    for variant, expected in (
        ("s", [0.0, 6 * np.exp(1.2), 0.0, 4 * np.exp(1.2)]),
        ("p", [0.0, 6.0, 0.0, 4.0]),
        ("b", [0.0, 6.0, 0.0, 6.0]),
    ):
        shaped = ASHTransformer(variant, percentile=50.0).fit_transform(X)
        np.testing.assert_allclose(shaped, [expected])


def test_ash_of_equal_activations_keeps_the_first():
    shaped = ASHTransformer("p", percentile=50.0).fit_transform([[1.0, 3.0, 3.0, 3.0]])
    np.testing.assert_array_equal(shaped, [[0.0, 3.0, 3.0, 0.0]])


@pytest.mark.parametrize("variant", ["s", "p", "b"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_ash_of_zeros_negative_and_huge_values_is_finite(variant, dtype):
    largest = np.finfo(dtype).max
    X = np.array([[0, 0, 0, 0], [-5, -1, -2, -3], [1e-30, -9, -9, 0], [1, 1, 1, 1]], dtype=dtype)
    X = np.vstack([X, np.full((1, 4), largest / 8)])
    shaped = ASHTransformer(variant, percentile=75.0).fit_transform(X)
    assert shaped.dtype == dtype
    assert np.isfinite(shaped).all()
    np.testing.assert_array_equal(shaped[0], np.zeros(4))
    if variant == "s":
        np.testing.assert_array_equal(shaped[1], [0, -1, 0, 0])  # no sum above 0: as it is
        assert shaped[4].max() == largest


def test_react_cuts_off_at_the_percentile_of_all_activations():
    X, Q = _activations(), 3.0 * _activations(seed=1)
    transformer = ReActTransformer(80.0).fit(X)
    assert transformer.threshold_ == pytest.approx(np.percentile(X.ravel(), 80))
    expected = np.where(transformer.threshold_ < Q, transformer.threshold_, Q)
    np.testing.assert_array_equal(transformer.transform(Q), expected)
    narrow = ReActTransformer(80.0).fit(X.astype(np.float32)).transform(Q.astype(np.float32))
    assert narrow.dtype == np.float32
    np.testing.assert_allclose(narrow, expected, rtol=1e-6)
    np.testing.assert_array_equal(ReActTransformer(100.0).fit_transform(X), X)


@pytest.mark.parametrize("value", [-1.0, 100.1, np.nan, "most", None, True])
def test_bad_percentile(value):
    with pytest.raises(
        ValueError, match=r"'percentile' parameter of ReActTransformer .*\(0, 100\]"
    ):
        ReActTransformer(value).fit(_activations())
    with pytest.raises(ValueError, match=r"'percentile' parameter of ASHTransformer .*\[0, 100\)"):
        ASHTransformer(percentile=value).fit(_activations())
    with pytest.raises(ValueError, match=r"'percentile' parameter of SCALETransformer .*\[0, 100"):
        SCALETransformer(value).fit(_activations())


@pytest.mark.parametrize("value", ["S", "x", None, 1])
def test_bad_variant(value):
    message = "'variant' parameter of ASHTransformer must be one of 's', 'p', 'b'. Got"
    with pytest.raises(ValueError, match=message):
        ASHTransformer(value).fit(_activations())
