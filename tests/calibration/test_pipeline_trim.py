"""OutlierPipeline without the least typical training rows, and the robust presets."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import (
    FunctionTransformer,
    QuantileTransformer,
    RobustScaler,
    StandardScaler,
)

from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
    TrimmedOutlierDetector,
    explain,
    load,
    make_outlier_detector,
    make_outlier_pipeline,
    save,
)
from skood.metrics import auroc

KINDS = pytest.mark.parametrize("kind", ["tabular", "embedding"])
PRICE = ["weight", "price", "age"]


class Spy(TransformerMixin, BaseEstimator):
    """Records the first column of the rows that each fit and each transform has seen."""

    seen: list = []  # noqa: RUF012  # shared by all clones

    def fit(self, X, y=None):  # noqa: ARG002
        self.n_features_in_ = X.shape[1]
        self.fitted_ = set(X[:, 0])
        return self

    def transform(self, X):
        Spy.seen.append((frozenset(self.fitted_), frozenset(X[:, 0])))
        return X


def clean(n, seed, d=8):
    return np.random.default_rng(seed).normal(size=(n, d))


def odd_rows(n, seed):
    """Rows that a detector shall find: far in three of eight columns, and close to each other."""
    return np.random.default_rng(seed).normal([5.0] * 3 + [0.0] * 5, 0.3, size=(n, 8))


def prices(n, seed):
    """Rows of a table whose prices are about 20."""
    rng = np.random.default_rng(seed)
    columns = [rng.normal(70, 10, n), rng.normal(20, 3, n), rng.integers(18, 80, n)]
    return pd.DataFrame(dict(zip(PRICE, columns, strict=True)))


@pytest.fixture(scope="module")
def dirty():
    """3 % of the rows are odd, and scattered among the others; with their positions."""
    order = np.random.default_rng(0).permutation(500)
    return np.vstack([clean(485, 0), odd_rows(15, 1)])[order], np.flatnonzero(order >= 485)


def test_planted_rows_are_left_out_and_their_kind_is_found(dirty):
    X, odd = dirty
    new, labels = np.vstack([clean(300, 2), odd_rows(100, 3)]), np.repeat([1, -1], [300, 100])
    plain = make_outlier_detector().fit(X)
    robust = make_outlier_detector(robust=True).fit(X)
    assert len(robust.trimmed_indices_) == 25
    assert set(odd) <= set(robust.trimmed_indices_)
    assert auroc(labels, robust.score_samples(new)) > auroc(labels, plain.score_samples(new)) + 0.05
    assert (robust.predict(new[300:]) == -1).mean() > 0.9
    assert len(plain.trimmed_indices_) == 0


@pytest.mark.arithmetic
@KINDS
def test_clean_rows_lose_no_more_than_the_share_that_is_promised(kind):
    shares = []
    for seed in range(4):
        detector = make_outlier_detector(kind, robust=True).fit(clean(400, seed))
        shares.append((detector.predict(clean(2000, 50 + seed)) == -1).mean())
    assert 0.03 < np.mean(shares) < 0.07


@pytest.mark.parametrize("kind", ["tabular-fast", "embedding"])
def test_steps_are_those_fitted_by_hand_to_the_rows_kept(kind, dirty):
    X, _ = dirty
    detector = make_outlier_detector(kind, robust=True).fit(X)
    kept = np.delete(X, detector.trimmed_indices_, axis=0)
    by_hand = clone(Pipeline(detector.steps)).fit(kept)
    if kind == "embedding":
        by_hand[-1].replace_reference(detector[-1].training_lcp_)
    np.testing.assert_array_equal(detector.score_samples(X), by_hand.score_samples(X))
    np.testing.assert_array_equal(detector.training_indices_, np.arange(500))
    if kind == "tabular-fast":  # the rows left out count in the threshold
        low = np.argsort(detector.training_scores_)[:15]
        assert np.isin(low, detector.trimmed_indices_).mean() > 0.8
    assert detector[-1].offset_ == detector.offset_


def test_no_fit_but_the_first_sees_an_odd_row():
    Spy.seen.clear()
    X = clean(200, 0)
    detector = make_outlier_pipeline(Spy(), KNNOutlierDetector(), trim=0.1, random_state=0).fit(X)
    odd = frozenset(X[detector.trimmed_indices_, 0])
    (first, _), *others = Spy.seen
    assert first == frozenset(X[:, 0])
    assert len(odd) == 20
    scored = [(known, asked) for known, asked in others if len(known) < 180]
    assert all(not known & (asked | odd) for known, asked in scored if not known >= asked)
    assert {value for known, asked in scored if not known & asked for value in asked} == first


def test_the_last_step_is_never_fitted_to_an_odd_row(dirty):
    class Counted(KNNOutlierDetector):
        sizes: list = []  # noqa: RUF012  # shared by all clones

        def fit(self, X, y=None):
            self.sizes.append(len(X))
            return super().fit(X, y)

    X, _ = dirty
    make_outlier_pipeline(StandardScaler(), Counted(), trim=0.1, n_folds=5).fit(X)
    assert Counted.sizes[0] == 450  # then the folds, and the drift
    assert len(Counted.sizes) == 7


def test_the_rows_left_out_are_those_of_the_trimmed_detector(dirty):
    X, _ = dirty
    pipeline = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector(), trim=0.1).fit(X)
    trimmed = TrimmedOutlierDetector(KNNOutlierDetector(), trim=0.1).fit(X)
    np.testing.assert_array_equal(pipeline.trimmed_indices_, trimmed.trimmed_indices_)


def test_each_class_loses_its_share():
    X, y = np.vstack([clean(300, 0), clean(25, 1) * 5 + 20]), np.repeat(["big", "small"], [300, 25])
    detector = make_outlier_pipeline(StandardScaler(), MahalanobisOutlierDetector(), trim=0.05)
    assert (detector.fit(X).trimmed_indices_ >= 300).all()
    assert np.bincount(detector.fit(X, y).trimmed_indices_ >= 300).tolist() == [15, 1]


def test_rows_labelled_as_out_of_distribution_are_no_training_rows(dirty):
    X, odd = dirty
    y = np.ones(500, dtype=int)
    y[odd] = -1
    detector = make_outlier_detector(robust=True).fit(X, y)
    inside = np.flatnonzero(y == 1)
    by_hand = make_outlier_detector(robust=True).fit(X[inside])
    np.testing.assert_array_equal(detector.trimmed_indices_, inside[by_hand.trimmed_indices_])
    np.testing.assert_array_equal(detector.score_samples(X), by_hand.score_samples(X))


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
@pytest.mark.parametrize("cell", [1e12, 1e30])
def test_a_price_of_a_million_among_twenties_is_flagged(cell, dtype):
    X, new = prices(300, 0), prices(200, 1)
    X.loc[7, "price"] = cell
    detector = make_outlier_detector(robust=True).fit(X.astype(dtype))
    assert 7 in detector.trimmed_indices_
    assert (detector.predict(new.astype(dtype)) == -1).mean() < 0.1
    new = new[:25].assign(price=900_000.0)  # of 30 rows, TableScaler would tell the other range
    assert (detector.predict(new.astype(dtype)) == -1).all()
    p_values = ConformalOutlierDetector(make_outlier_detector(robust=True), random_state=0).fit(X)
    assert (p_values.p_values(new) < 0.05).all()


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_a_column_that_one_value_rules_is_named(dtype):
    X = prices(300, 0)
    X.loc[7, "price"] = 1e12
    detector = make_outlier_detector()
    with pytest.warns(UserWarning, match=r"rule the column\(s\) 'price': .* robust=True") as caught:
        detector.fit(X.astype(dtype))
    assert len(caught) == 1
    with pytest.warns(UserWarning, match=r"rule the column\(s\) 1: "):
        detector.fit(X.to_numpy(dtype=dtype))
    new = prices(1, 1).assign(price=900_000.0)
    assert detector.predict(new.to_numpy(dtype=dtype)) == 1  # so the warning is true


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("robust", [False, True])
def test_rows_divided_by_their_length_hide_no_column(robust):
    X, new = prices(300, 0), prices(200, 1)
    X.loc[7, "price"] = 1e12
    detector = make_outlier_detector("embedding", robust=robust).fit(X)
    assert (detector.predict(new) == -1).mean() < 0.1
    assert (detector.predict(new.assign(price=900_000.0)) == -1).all()


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize(
    "steps",
    [
        [RobustScaler()],
        [QuantileTransformer(n_quantiles=50)],
        [StandardScaler(with_mean=False, with_std=False)],
        [FunctionTransformer(np.arcsinh), StandardScaler()],
        [],
    ],
    ids=str,
)
def test_where_no_scale_hides_the_others_nothing_is_said(steps):
    X = prices(300, 0).to_numpy()
    X[7, 1] = 1e12
    make_outlier_pipeline(*steps, KNNOutlierDetector()).fit(X)


@pytest.mark.filterwarnings("error")
def test_columns_of_clean_tables_do_not_warn():
    rng = np.random.default_rng(0)
    columns = [
        rng.lognormal(0, 2, 1000),  # incomes
        rng.standard_t(2, 1000),
        rng.random(1000) < 0.001,  # a rare property
        np.where(rng.random(1000) < 0.03, rng.exponential(1000, 1000), 0),  # mostly 0
        rng.integers(0, 2, 1000),
        np.full(1000, 7.0),
    ]
    make_outlier_detector().fit(np.column_stack(columns))


def test_many_ruled_columns_are_counted():
    X = clean(200, 0, 9)
    X[np.arange(8), np.arange(8)] = 1e9
    with pytest.warns(UserWarning, match=r"0, 1, 2, 3, 4 and 3 more: "):
        make_outlier_detector().fit(X)


def test_few_rows():
    detector = make_outlier_detector(robust=True, perplexity=3.0, n_neighbors=5).fit(clean(19, 0))
    assert len(detector.trimmed_indices_) == 0
    detector = make_outlier_detector(robust=True, perplexity=3.0, n_neighbors=5).fit(clean(40, 0))
    assert len(detector.trimmed_indices_) == 2


def test_names_explanations_and_files(dirty, tmp_path):
    frame = pd.DataFrame(dirty[0], columns=list("abcdefgh"))
    detector = make_outlier_detector(robust=True).fit(frame)
    assert list(detector.explain(frame[:5]).feature_names) == list("abcdefgh")
    np.testing.assert_array_equal(
        explain(detector, frame[:5]).scores, detector.score_samples(frame[:5])
    )
    save(detector, tmp_path / "robust.skood")
    loaded = load(tmp_path / "robust.skood")
    np.testing.assert_array_equal(loaded.predict(frame), detector.predict(frame))
    np.testing.assert_array_equal(loaded.trimmed_indices_, detector.trimmed_indices_)


def test_partial_fit_is_there_without_trim_alone():
    detector = make_outlier_pipeline(StandardScaler(), KNNOutlierDetector())
    assert hasattr(detector, "partial_fit")
    assert not hasattr(detector.set_params(trim=0.05), "partial_fit")


def test_dask_collections(dirty):
    da = pytest.importorskip("dask.array", reason="dask (extra 'dask') is not installed")
    from skood.parallel import DaskOutlierDetector

    X, _ = dirty
    in_memory = make_outlier_detector(robust=True).fit(X)
    lazy = DaskOutlierDetector(make_outlier_detector(robust=True)).fit(da.from_array(X, (100, -1)))
    np.testing.assert_array_equal(lazy.detector_.trimmed_indices_, in_memory.trimmed_indices_)
    np.testing.assert_array_equal(
        lazy.predict(da.from_array(X, (130, -1))).compute(), in_memory.predict(X)
    )


def test_a_search_over_trim_and_the_steps(dirty):
    X = np.vstack([dirty[0], clean(100, 4), odd_rows(100, 5)])
    y, fold = np.repeat([1, -1], [600, 100]), np.repeat([-1, 0], [500, 200])
    search = GridSearchCV(
        make_outlier_detector(),
        {"trim": [0.0, 0.05], "outlierensemble__units__perplexity": [3.0, 5.0]},
        scoring=lambda fitted, rows, labels: auroc(labels, fitted.score_samples(rows)),
        cv=PredefinedSplit(fold),
        refit=False,
    ).fit(X, y)
    assert search.best_params_["trim"] == 0.05
    found = search.cv_results_["mean_test_score"].reshape(2, 2)  # by perplexity and trim
    assert (found[:, 1] > found[:, 0]).all()
    assert found[0, 0] != found[1, 0]


def test_a_frozen_step_stays_as_it_is(dirty):
    X, odd = dirty
    scaler = StandardScaler().fit(X * 2)
    detector = make_outlier_pipeline(FrozenEstimator(scaler), LCPOutlierDetector(), trim=0.05)
    assert set(odd) <= set(detector.fit(X).trimmed_indices_)
    assert detector[0].estimator is scaler


def test_fit_arguments_of_steps_are_divided(dirty):
    X, odd = dirty
    weights = np.ones(500)
    weights[odd] = 0.0
    detector = make_outlier_pipeline(StandardScaler(), LCPOutlierDetector(), trim=0.05)
    detector.fit(X, standardscaler__sample_weight=weights, groups=np.arange(500) // 2)
    kept = np.delete(np.arange(500), detector.trimmed_indices_)
    expected = StandardScaler().fit(X[kept], sample_weight=weights[kept])
    np.testing.assert_array_equal(detector[0].mean_, expected.mean_)


def test_whitened_rows_of_many_columns():
    X = clean(120, 0, 300)
    detector = make_outlier_pipeline(PartialWhitener(0.5), KNNOutlierDetector(), trim=0.05)
    assert len(detector.fit(X).trimmed_indices_) == 6
    assert 0.01 < (detector.predict(clean(500, 1, 300)) == -1).mean() < 0.1


@pytest.mark.parametrize("trim", [-0.1, 0.51, 1, np.nan, "auto", None, True])
def test_trim_out_of_range(trim):
    message = rf"'trim' parameter of \w+ must be a float in \[0, 0.5\]. Got {trim!r} instead"
    with pytest.raises(ValueError, match=message):
        make_outlier_pipeline(KNNOutlierDetector(), trim=trim).fit(clean(60, 0))


@pytest.mark.parametrize("robust", [1, "yes", None])
def test_robust_is_a_bool(robust):
    message = rf"'robust' parameter of make_outlier_detector must be a bool. Got {robust!r} instead"
    with pytest.raises(ValueError, match=message):
        make_outlier_detector(robust=robust)
