"""Clone, pickle, copy and process pools."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pytest
from sklearn.base import clone

from ..detectors import CALIBRATED, DETECTORS, PIPELINES, RAW_INPUTS, VARIANTS, rows
from ..processes import another_process

everything = pytest.mark.parametrize(
    "case", DETECTORS + VARIANTS + CALIBRATED + PIPELINES + RAW_INPUTS, ids=str
)


@everything
def test_clone_is_unfitted_and_fits_the_same(case):
    X, Q = rows(), rows(9, seed=1)
    detector = case.make().fit(X)
    copied = clone(detector)
    assert not hasattr(copied, "offset_")
    np.testing.assert_array_equal(copied.fit(X).score_samples(Q), detector.score_samples(Q))


@everything
def test_pickle_joblib_and_deepcopy_give_the_same_scores(case, tmp_path):
    detector = case.make().fit(rows())
    Q = rows(9, seed=1)
    joblib.dump(detector, tmp_path / "detector.joblib")
    for other in (
        pickle.loads(pickle.dumps(detector)),  # noqa: S301
        joblib.load(tmp_path / "detector.joblib"),
        copy.deepcopy(detector),
    ):
        np.testing.assert_array_equal(other.score_samples(Q), detector.score_samples(Q))
        assert other.offset_ == detector.offset_


@pytest.mark.parametrize("case", DETECTORS + VARIANTS + RAW_INPUTS, ids=str)
def test_a_pickle_holds_the_rows_once(case):
    X = rows(2000, 32)
    size = len(pickle.dumps(case.make(threshold_samples=100).fit(X)))
    # a cosine index keeps the given rows and the same rows with length 1
    copies = 2 if getattr(case.make(), "metric", "") == "cosine" else 1
    assert size < (copies + 0.5) * X.nbytes


def _fit_and_score(task):
    detector, X, Q = task
    return detector.fit(X).score_samples(Q)


def test_process_pool():
    X, Q = rows(), rows(9, seed=1)
    tasks = [(case.make(), X, Q) for case in DETECTORS + VARIANTS + CALIBRATED + RAW_INPUTS]
    scores_of_tasks = list(another_process().map(_fit_and_score, tasks))
    for (detector, _, _), scores in zip(tasks, scores_of_tasks, strict=True):
        np.testing.assert_array_equal(scores, detector.fit(X).score_samples(Q))


@everything
def test_threads_share_a_detector(case):
    X = rows(400, 6)
    detector = case.make().fit(X)
    batches = [rows(100, 6, seed=s) for s in range(8)]
    expected = [detector.score_samples(Q) for Q in batches]
    with ThreadPoolExecutor(4) as pool:
        for scores, alone in zip(pool.map(detector.score_samples, batches), expected, strict=True):
            np.testing.assert_allclose(scores, alone, rtol=1e-9)
