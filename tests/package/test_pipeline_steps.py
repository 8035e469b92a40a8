"""The steps of a Pipeline, as all rooms take them apart."""

from __future__ import annotations

import pytest
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import MaxAbsScaler, StandardScaler

from skood import ConformalOutlierDetector, KNNOutlierDetector, LayerEnsemble
from skood._validation import last_step, pipeline_steps

from ..detectors import rows

A, B, C = StandardScaler(), MaxAbsScaler(), StandardScaler()
DETECTOR = KNNOutlierDetector()


@pytest.mark.parametrize(
    ("estimator", "transformers"),
    [
        (DETECTOR, []),
        (make_pipeline(DETECTOR), []),
        (make_pipeline(A, B, DETECTOR), [A, B]),
        (make_pipeline(A, make_pipeline(B, DETECTOR)), [A, B]),
        (make_pipeline(make_pipeline(A, B), C, DETECTOR), [A, B, C]),
        (make_pipeline(A, "passthrough", None, DETECTOR), [A]),
        (make_pipeline(Pipeline([("a", A), ("b", "passthrough")]), DETECTOR), [A]),
        (FrozenEstimator(make_pipeline(FrozenEstimator(A), FrozenEstimator(DETECTOR))), [A]),
    ],
)
def test_pipelines_are_taken_apart(estimator, transformers):
    steps, last = pipeline_steps(estimator)
    assert [id(step) for step in steps] == [id(step) for step in transformers]
    assert last is DETECTOR
    assert last_step(estimator) is DETECTOR


@pytest.mark.parametrize(
    "whole",
    [ConformalOutlierDetector(DETECTOR), GridSearchCV(DETECTOR, {}), LayerEnsemble(DETECTOR)],
)
def test_searches_and_wrappers_are_last_steps(whole):
    assert pipeline_steps(make_pipeline(A, whole)) == ([A], whole)


def test_frozen_ones_stay_whole_where_asked_for():
    frozen = FrozenEstimator(make_pipeline(A, DETECTOR))
    assert pipeline_steps(frozen, frozen=False) == ([], frozen)
    assert last_step(make_pipeline(A, frozen), frozen=False) is frozen


def test_an_ensemble_scores_its_own_rows_by_a_frozen_detector():
    """A frozen detector keeps the scores of its training rows, not those of the ensemble's."""
    X, others = rows(40), rows(40, seed=1)
    frozen = FrozenEstimator(KNNOutlierDetector().fit(others))
    ensemble = LayerEnsemble(frozen).fit(X)
    expected = frozen.score_samples(X)
    assert expected.std() > 0
    order = expected.argsort()
    assert (ensemble.training_scores_.argsort() == order).all()
