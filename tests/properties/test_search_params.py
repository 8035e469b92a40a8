"""A search over parameters really searches."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skood.metrics import auroc

from ..detectors import CALIBRATED, DETECTORS, RAW_INPUTS, rows

PAIRS = [
    pytest.param(c, name, id=f"{c}-{name}")
    for c in DETECTORS + CALIBRATED + RAW_INPUTS
    for name in c.changes
]


def _adjusted(case, name):
    """Other parameters that a change needs."""
    if name == "algorithm" and case.neighbors:
        return {"metric": case.changes["algorithm"].metric}
    return case.together.get(name, {})


@pytest.mark.parametrize("case", DETECTORS + CALIBRATED + RAW_INPUTS, ids=str)
def test_the_table_names_every_parameter(case):
    assert set(case.changes) == set(case.make().get_params(deep=False))


@pytest.mark.parametrize(("case", "name"), PAIRS)
def test_set_params_then_fit_equals_a_new_estimator(case, name):
    X, Q = rows(), rows(15, seed=1)
    y = np.resize(case.labels, 60) if name in case.needs_labels else None
    value = {**_adjusted(case, name), name: case.changes[name]}
    draws = "random_state" in case.changes and name != "random_state"
    fixed = {"random_state": 0} if draws else {}
    default = case.make(**fixed)
    by_set = clone(default).fit(X, y).set_params(**value).fit(X, y)
    fresh = case.make(**fixed, **value).fit(X, y)
    np.testing.assert_array_equal(by_set.score_samples(Q), fresh.score_samples(Q))
    assert by_set.offset_ == fresh.offset_
    if name not in case.silent:
        changed = by_set.score_samples(Q)
        assert not np.allclose(changed, default.fit(X, y).score_samples(Q))


@pytest.mark.parametrize("case", DETECTORS + RAW_INPUTS, ids=str)
def test_contamination_moves_the_threshold(case):
    low, high = (case.make(contamination=c).fit(rows()).offset_ for c in (0.05, 0.3))
    assert low < high


def _auroc_scorer(estimator, X, y):
    return auroc(y, estimator.score_samples(X))


@pytest.mark.parametrize("case", DETECTORS + CALIBRATED + RAW_INPUTS, ids=str)
def test_grid_search_in_a_pipeline_finds_different_scores(case):
    inner, outer = rows(120), np.random.default_rng(0).normal(size=(40, 4)) * 2
    X, y = np.vstack([inner, outer]), np.r_[np.ones(120), -np.ones(40)].astype(int)
    fold = np.r_[np.full(80, -1), np.zeros(80)]  # the first 80 ID rows train, the rest test
    name, values = case.search
    pipeline = Pipeline([("scale", StandardScaler()), ("detect", case.make())])
    search = GridSearchCV(
        pipeline,
        {f"detect__{name}": values},
        scoring=_auroc_scorer,
        cv=PredefinedSplit(fold),
        refit=False,
    ).fit(X, y)
    scores = search.cv_results_["mean_test_score"]
    assert len(np.unique(scores)) == len(values)
    for value, score in zip(values, scores, strict=True):
        by_hand = clone(pipeline).set_params(**{f"detect__{name}": value}).fit(X[:80])
        assert score == _auroc_scorer(by_hand, X[80:], y[80:])
