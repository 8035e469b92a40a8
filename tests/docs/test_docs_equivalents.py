"""The claims of the page "Coming from another package" about PyOD's scores hold."""

from __future__ import annotations

import importlib

import numpy as np
import pytest

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
)
from skood.measures import contamination_threshold

from ..detectors import rows

pytest.importorskip("pyod", reason="PyOD (extra 'bench') is not installed")
pytestmark = pytest.mark.filterwarnings("ignore")  # PyOD and its libraries warn
X, NEW = rows(300), 2.0 * rows(50, seed=1)


def _pyod(name: str, **params):
    module = importlib.import_module(f"pyod.models.{name.lower()}")
    return getattr(module, name)(**params).fit(X)


@pytest.mark.parametrize(
    ("name", "params", "ours"),
    [
        ("KNN", {"n_neighbors": 7}, KNNOutlierDetector(7, aggregation="max")),
        ("KNN", {"n_neighbors": 7, "method": "mean"}, KNNOutlierDetector(7)),
        ("LOF", {"n_neighbors": 20}, LOFOutlierDetector(20)),
        # with smaller leaves the tree's bounds lose digits where the density is small
        ("KDE", {"bandwidth": 0.5, "leaf_size": 300}, KernelDensityOutlierDetector(0.5)),
    ],
    ids=["knn", "knn-mean", "lof", "kde"],
)
def test_scores_are_minus_those_of_pyod(name, params, ours):
    theirs = _pyod(name, **params).decision_function(NEW)
    np.testing.assert_allclose(ours.fit(X).score_samples(NEW), -theirs, rtol=1e-6)


def test_mcd_gives_the_square():
    ours = MahalanobisOutlierDetector(covariance="mincovdet", random_state=0).fit(X)
    theirs = _pyod("MCD", random_state=0).decision_function(NEW)
    np.testing.assert_allclose(ours.score_samples(NEW) ** 2, theirs, rtol=1e-6)


def test_training_scores_threshold_and_labels():
    theirs = _pyod("KNN", n_neighbors=7, contamination=0.1)
    ours = KNNOutlierDetector(7, aggregation="max", contamination=0.1).fit(X)
    np.testing.assert_allclose(ours.training_scores_, -theirs.decision_scores_, rtol=1e-6)
    n = len(X)  # the same share by the other rank
    ours_by_their_rank = contamination_threshold(
        ours.training_scores_, (0.1 * (n - 1) + 1) / (n + 1)
    )
    np.testing.assert_allclose(ours_by_their_rank, -theirs.threshold_, rtol=1e-6)
    np.testing.assert_array_equal(ours.fit_predict(X), np.where(theirs.labels_ == 1, -1, 1))
    assert (theirs.decision_function(X) <= theirs.decision_scores_ + 1e-9).all()
    assert (theirs.decision_function(X) < theirs.decision_scores_ - 1e-9).any()
    np.testing.assert_array_equal(ours.score_samples(X), ours.training_scores_)


@pytest.mark.parametrize("name", ["ECOD", "COPOD", "SOS"])
def test_scores_that_depend_on_the_batch(name):
    theirs = _pyod(name)
    assert not np.isclose(theirs.decision_function(NEW)[0], theirs.decision_function(NEW[:2])[0])
