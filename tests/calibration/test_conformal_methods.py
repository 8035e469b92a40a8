"""ConformalOutlierDetector without a split: full conformal p-values and CV+."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from scipy.stats import binom
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.mixture import GaussianMixture
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler

from skood import (
    ConformalOutlierDetector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    load,
    make_outlier_pipeline,
    save,
)

from ..detectors import rows

pytestmark = pytest.mark.arithmetic

FULL = [
    KNNOutlierDetector(n_neighbors=3),
    LCPOutlierDetector(n_neighbors=5, perplexity=3.0),
    LOFOutlierDetector(n_neighbors=4),
    KernelDensityOutlierDetector(),
    MahalanobisOutlierDetector(),
]


@pytest.mark.parametrize("detector", FULL, ids=lambda detector: type(detector).__name__)
def test_full_p_values_are_those_of_a_refit(detector):
    X, Q = rows(40), rows(6) + 0.5
    p = ConformalOutlierDetector(detector, method="full", alpha=0.2).fit(X).p_values(Q)
    for x, p_value in zip(Q, p, strict=True):
        scores = clone(detector).fit(np.vstack([X, x])).training_scores_
        assert p_value == pytest.approx((1 + (scores[:-1] < scores[-1]).sum()) / 41, abs=1e-9)


@pytest.mark.parametrize("pipeline", [make_pipeline, make_outlier_pipeline])
@pytest.mark.parametrize("class_conditional", [False, True])
def test_cv_plus_is_the_plain_rewrite(pipeline, class_conditional):
    X, Q, y = rows(60), rows(8) + 0.5, np.arange(60) % 2
    detector = ConformalOutlierDetector(
        pipeline(StandardScaler(), KNNOutlierDetector(n_neighbors=3)),
        method="cv+",
        n_folds=4,
        alpha=0.2,
        class_conditional=class_conditional,
        random_state=0,
    ).fit(X, y)
    lower = np.zeros((2, len(Q)))
    for fitted in detector._ranked.ranks.detectors:
        known = fitted.named_steps["knnoutlierdetector"].index_.training_rows_
        scaled = fitted[0].transform(X)
        fold = [i for i in range(60) if not (known == scaled[i]).all(axis=1).any()]
        assert len(fold) == 15
        assert type(fitted) is Pipeline  # it has cross-fitted nothing itself
        scores, is_odd = fitted.score_samples(X[fold]), y[fold] == 1
        is_lower = scores < fitted.score_samples(Q)[:, np.newaxis]
        lower += is_lower[:, ~is_odd].sum(axis=1), is_lower[:, is_odd].sum(axis=1)
    together, by_class = (1 + lower.sum(axis=0)) / 61, ((1 + lower) / 31).max(axis=0)
    np.testing.assert_array_equal(detector.p_values(Q), by_class if class_conditional else together)


@pytest.mark.parametrize(
    ("detector", "method"),
    [
        *((detector, "full") for detector in FULL),
        (LCPOutlierDetector(locality=0.5), "cv+"),
        (MahalanobisOutlierDetector(covariance="mincovdet"), "cv+"),
        (KNNOutlierDetector(algorithm="approximate"), "cv+"),
        (make_pipeline(StandardScaler(), KNNOutlierDetector()), "cv+"),
        (GaussianMixture(random_state=0), "cv+"),
        (FrozenEstimator(KNNOutlierDetector().fit(rows(20))), "split"),
    ],
    ids=lambda value: value if isinstance(value, str) else type(value).__name__,
)
def test_auto_takes_the_best_that_there_is(detector, method):
    fitted = ConformalOutlierDetector(detector, method="auto", alpha=0.2).fit(rows(40))
    assert fitted.method_ == method
    if method != "full":
        with pytest.raises(ValueError, match="'method' parameter of ConformalOutlierDetector"):
            clone(fitted).set_params(method="full").fit(rows(40))


@pytest.mark.parametrize("method", ["full", "cv+"])
@pytest.mark.parametrize("class_conditional", [False, True])
def test_decisions_scores_and_p_values_agree(method, class_conditional):
    X, y = rows(80), np.arange(80) % 2
    Q = np.vstack([rows(40) + 1.0, X[:5], rows(3) * 1e6])
    for detector in FULL:
        fitted = ConformalOutlierDetector(
            detector, method=method, alpha=0.2, class_conditional=class_conditional, random_state=0
        ).fit(X, y)
        flagged = fitted.p_values(Q, random_ties=False) <= 0.2
        assert flagged.any()
        assert not flagged.all()
        np.testing.assert_array_equal(fitted.predict(Q) == -1, flagged)
        np.testing.assert_array_equal(fitted.decision_function(Q) < 0, flagged)
        alone = np.concatenate([fitted.p_values(row[np.newaxis]) for row in Q])
        np.testing.assert_array_equal(alone, fitted.p_values(Q))


@pytest.mark.parametrize("method", ["full", "cv+"])
def test_copies_pickles_and_files(method, tmp_path):
    X, Q = rows(40), rows(9) + 0.5
    for detector in FULL:
        fitted = ConformalOutlierDetector(detector, method=method, alpha=0.2, random_state=0)
        expected = fitted.fit(X).p_values(Q)
        save(fitted, tmp_path / "detector.skood")
        for other in (
            copy.deepcopy(fitted),
            pickle.loads(pickle.dumps(fitted)),  # noqa: S301
            load(tmp_path / "detector.skood"),
        ):
            np.testing.assert_array_equal(other.p_values(Q), expected)


def test_groups_stay_in_one_fold():
    X, groups = rows(60), np.arange(60) // 6
    detector = ConformalOutlierDetector(
        KNNOutlierDetector(n_neighbors=3), method="auto", alpha=0.2, random_state=0
    ).fit(X, groups=groups)
    assert detector.method_ == "cv+"
    for fitted in detector._ranked.ranks.detectors:
        is_known = (X[:, np.newaxis] == fitted.index_.training_rows_).all(axis=2).any(axis=1)
        assert all(len(set(is_known[groups == group])) == 1 for group in range(10))
    for method in ("full", "split"):
        with pytest.raises(ValueError, match=r"'method' parameter .* must be 'cv\+'"):
            clone(detector).set_params(method=method).fit(X, groups=groups)


@pytest.mark.parametrize("method", ["full", "cv+"])
def test_batches_are_tested_by_simes(method):
    detector = ConformalOutlierDetector(
        KNNOutlierDetector(n_neighbors=3), method=method, alpha=0.2, random_state=0
    ).fit(rows(60))
    p = np.sort(detector.p_values(rows(10), random_ties=False))
    assert detector.conformal_test(rows(10)).p_value == np.min(p * 10 / np.arange(1, 11))
    with pytest.raises(ValueError, match=r"'simes' or 'auto' with .* without a split"):
        detector.conformal_test(rows(10), method="rank_sum")


def test_e_values_flag_where_a_tenth_of_the_rows_is_far():
    X = rows(199)
    detector = ConformalOutlierDetector(
        KNNOutlierDetector(n_neighbors=3), method="full", control="fdr-e", alpha=0.1
    ).fit(X)
    inside, outside = rows(18) * 0.1, rows(2) + 50.0
    mixed = np.vstack([inside, outside])
    assert detector.predict(mixed).tolist() == [1] * 18 + [-1] * 2
    assert (detector.predict(mixed[:-1]) == 1).all()


@pytest.mark.parametrize("method", ["full", "cv+"])
@pytest.mark.parametrize("class_conditional", [False, True])
def test_flagged_share_of_new_rows(method, class_conditional):
    n_flagged, n_tested = 0, {"full": 300, "cv+": 100}[method]  # CV+ fits six times
    for seed in range(n_tested):
        rng = np.random.default_rng([seed, 5])
        y = rng.integers(2, size=60)
        X = rng.normal(size=(60, 3)) + 3.0 * y[:, np.newaxis]
        detector = ConformalOutlierDetector(
            KNNOutlierDetector(n_neighbors=3),
            method=method,
            alpha=0.1,
            class_conditional=class_conditional,
            random_state=seed,
        ).fit(X, y)
        n_flagged += int(detector.predict(rng.normal(size=(1, 3)) + 3.0 * rng.integers(2))[0] < 0)
    assert n_flagged <= binom.ppf(0.999, n_tested, 0.1)
