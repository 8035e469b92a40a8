"""Normal scores of columns with heavy tails: those of scikit-learn, and columns left alone."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy.stats import norm, rankdata
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler

import skood
from skood import LCPOutlierDetector, NormalScoreTransformer, TableScaler


def table(n=400, seed=0):
    """Normal, heavy-tailed, zero-inflated, of few values, of two values, constant."""
    rng = np.random.default_rng(seed)
    return np.column_stack(
        [
            rng.normal(size=n),
            rng.standard_t(2, size=n),
            np.maximum(rng.normal(-1, 1, size=n), 0.0),
            rng.geometric(0.4, size=n),
            rng.random(n) < 0.02,
            np.full(n, 7.0),
        ]
    )


@pytest.mark.parametrize("n", [30, 400, 5000])
def test_all_columns_get_the_scores_of_scikit_learn(n):
    X, new = table(n)[:, :4], np.vstack([table(200, seed=1), 50 * table(50, seed=2)])[:, :4]
    scores = NormalScoreTransformer(None).fit(X)
    theirs = QuantileTransformer(
        n_quantiles=min(n, 1000), output_distribution="normal", subsample=None
    ).fit(X)
    exact = slice(3)  # scikit-learn rounds quantiles of equal values apart
    np.testing.assert_allclose(
        scores.transform(new)[:, exact], theirs.transform(new)[:, exact], atol=1e-8
    )
    np.testing.assert_allclose(
        scores.inverse_transform(scores.transform(X)),
        theirs.inverse_transform(theirs.transform(X)),
        rtol=1e-4,
        atol=1e-6,
    )


@pytest.mark.parametrize("n", [30, 900])
def test_bounded_scores_are_those_of_mean_ranks(n):
    X = table(n)[:, :4]
    scores = NormalScoreTransformer(None, outermost=None).fit_transform(X)
    for column, given in zip(scores.T, X.T, strict=True):
        ranks = np.clip((rankdata(given) - 1) / (n - 1), 1 / (n + 1), n / (n + 1))
        np.testing.assert_allclose(column, norm.ppf(ranks), atol=1e-8)


def test_columns_without_heavy_tails_stay():
    X = table()
    transformer = NormalScoreTransformer().fit(X)
    np.testing.assert_array_equal(transformer.is_replaced_, [False, True, True, True, False, False])
    out = transformer.transform(X)
    np.testing.assert_array_equal(out[:, [0, 4, 5]], X[:, [0, 4, 5]])
    np.testing.assert_allclose(transformer.inverse_transform(out), X, rtol=1e-4, atol=1e-6)
    assert abs(transformer.kurtosis_[0]) < 1.0 < transformer.kurtosis_[1]
    assert transformer.kurtosis_[4] == transformer.kurtosis_[5] == 0.0
    alone = np.vstack([transformer.transform(row[np.newaxis]) for row in X])
    np.testing.assert_array_equal(alone, out)


@pytest.mark.parametrize("factor", [1e-300, 1.0, 1e300])
def test_any_unit_has_the_same_scores(factor):
    X = table()[:, 1:4]
    replaced = NormalScoreTransformer().fit(X * factor)
    assert replaced.is_replaced_.all()
    np.testing.assert_allclose(
        replaced.transform(X * factor), NormalScoreTransformer().fit_transform(X), atol=1e-6
    )


def test_a_table_of_heavy_tails_is_replaced_whole():
    X = table()[:, :3]
    assert NormalScoreTransformer(table_kurtosis=0.6).fit(X).is_replaced_.all()
    light = np.random.default_rng(0).normal(size=(400, 9))
    mostly = np.column_stack([light, X[:, 1]])
    found = NormalScoreTransformer(table_kurtosis=0.6).fit(mostly).is_replaced_
    np.testing.assert_array_equal(found, np.arange(10) == 9)
    assert not NormalScoreTransformer(table_kurtosis=0.0).fit(np.eye(2)).is_replaced_.any()


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_the_float_type_stays(dtype):
    X = table().astype(dtype)
    out = NormalScoreTransformer().fit_transform(X)
    assert out.dtype == dtype
    assert np.isfinite(out).all()


def test_categories_stay_with_and_without_gaps():
    rng = np.random.default_rng(0)
    frame = pd.DataFrame({"size": rng.standard_t(2, size=300)})
    frame["kind"] = rng.choice(["a", "b", "rare"], 300, p=[0.9, 0.08, 0.02])
    frame.loc[::7, "kind"] = None
    for missing in ("median", "expected"):
        scaled = TableScaler(missing=missing).fit_transform(frame)
        found = NormalScoreTransformer().fit(scaled).is_replaced_
        np.testing.assert_array_equal(np.flatnonzero(found), [0])


def test_one_odd_value_no_longer_hides_the_others():
    rng = np.random.default_rng(0)
    X = np.column_stack([rng.normal(20, 5, size=500), rng.normal(size=500)])
    X[0, 0] = 1e9
    odd = np.array([[90.0, 0.0]])
    ranked = make_pipeline(StandardScaler(), NormalScoreTransformer(), LCPOutlierDetector()).fit(X)
    plain = make_pipeline(StandardScaler(), LCPOutlierDetector()).fit(X)
    assert plain.predict(odd) == 1
    assert ranked.predict(odd) == -1


def test_explanations_name_values_of_the_column():
    frame = pd.DataFrame(table()[:, :3], columns=["a", "b", "c"])
    pipeline = make_pipeline(NormalScoreTransformer(), LCPOutlierDetector()).fit(frame)
    explanation = skood.explain(pipeline, pd.DataFrame({"a": [0.0], "b": [1e4], "c": [0.0]}))
    assert explanation.shares[0].argmax() == 1
    assert explanation.values[0, 1] == 1e4
    assert explanation.expected.high[0, 1] <= frame["b"].max()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"min_kurtosis": "high"}, "min_kurtosis"),
        ({"min_kurtosis": -3.0}, "min_kurtosis"),
        ({"table_kurtosis": -1.0}, "table_kurtosis"),
        ({"outermost": 0.5}, "outermost"),
        ({"n_quantiles": 2}, "n_quantiles"),
    ],
)
def test_bad_parameters(change, message):
    with pytest.raises(ValueError, match=rf"'{message}' parameter of NormalScoreTransformer"):
        NormalScoreTransformer(**change).fit(table())


def test_bad_rows():
    with pytest.raises(ValueError, match="NaN"):
        NormalScoreTransformer().fit([[np.nan, 1.0]])
    fitted = NormalScoreTransformer().fit(table())
    with pytest.raises(ValueError, match="6 features"):
        fitted.transform(np.ones((3, 2)))
