"""The recommended Pipelines."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    NormalScoreTransformer,
    OutlierEnsemble,
    PartialWhitener,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.metrics import auroc

from ..detectors import rows

BY_HAND = {
    "tabular": lambda: make_outlier_pipeline(
        StandardScaler(),
        OutlierEnsemble(
            [
                ("units", LCPOutlierDetector()),
                ("ranks", make_pipeline(NormalScoreTransformer(), LCPOutlierDetector())),
                (
                    "ellipse",
                    make_pipeline(
                        NormalScoreTransformer(outermost=None), MahalanobisOutlierDetector()
                    ),
                ),
            ],
            combine="softmax",
            weights=[1.0, 1.0, 0.2],
        ),
        random_state=0,
    ),
    "tabular-fast": lambda: make_outlier_pipeline(
        StandardScaler(), LCPOutlierDetector(), random_state=0
    ),
    "embedding": lambda: make_outlier_pipeline(
        PartialWhitener(0.5, length_power=1.0), LCPOutlierDetector(locality=0.25), random_state=0
    ),
}


@pytest.mark.parametrize("kind", BY_HAND)
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_equals_the_pipeline_by_hand(kind, dtype):
    X, Q = rows(200, 12, dtype=dtype), rows(30, 12, seed=1, dtype=dtype)
    detector, by_hand = make_outlier_detector(kind).fit(X), BY_HAND[kind]().fit(X)
    np.testing.assert_array_equal(detector.score_samples(Q), by_hand.score_samples(Q))
    np.testing.assert_array_equal(detector.training_scores_, by_hand.training_scores_)
    assert detector.offset_ == detector[-1].offset_ == by_hand.offset_
    alone = np.concatenate([detector.score_samples(row[np.newaxis]) for row in X])
    np.testing.assert_allclose(alone, detector.score_samples(X), rtol=1e-6)


def test_a_plain_pipeline_of_the_steps_scores_alike_each_time():
    X = rows(100, 4)
    first, again = (make_outlier_detector()[:].fit(X).score_samples(X) for _ in range(2))
    np.testing.assert_array_equal(first, again)


def test_parameters_go_before_the_recommended_ones():
    detector = make_outlier_detector("embedding", locality=1.0, n_neighbors=30, contamination=0.1)
    chosen = detector[-1].get_params()
    assert (chosen["locality"], chosen["n_neighbors"], chosen["contamination"]) == (1.0, 30, 0.1)
    assert make_outlier_detector("tabular-fast")[-1].locality == 0
    members = dict(make_outlier_detector(n_neighbors=30, contamination=0.1)[-1].estimators)
    assert members["units"].n_neighbors == members["ranks"][-1].n_neighbors == 30
    assert members["ellipse"][-1].contamination == 0.1


def test_unknown_kind_and_parameter():
    with pytest.raises(
        ValueError,
        match=r"'kind' parameter of make_outlier_detector .* 'tabular-fast', 'auto', 'emb",
    ):
        make_outlier_detector("image")
    with pytest.raises(TypeError, match="unexpected keyword argument 'neighbours'"):
        make_outlier_detector("tabular", neighbours=3)


def test_strange_texts_with_short_mean_vectors_do_not_pass():
    # The vector of a text is the mean of its tokens' vectors. Tokens of strange texts agree less:
    # their mean is short, so it is near everything.
    rng = np.random.default_rng(0)
    topics = rng.normal(size=(5, 32))
    known = topics[rng.integers(5, size=500)] + rng.normal(size=(500, 32))
    strange = 0.5 * rng.normal(size=(200, 32))
    test, labels = np.vstack([known[300:], strange]), np.repeat([1, -1], 200)
    detectors = {
        "preset": make_outlier_detector("embedding", threshold_samples=50),
        "undivided": make_pipeline(PartialWhitener(0.5), LCPOutlierDetector()),
        "raw": KNNOutlierDetector(),
    }
    area = {
        name: auroc(labels, detector.fit(known[:300]).score_samples(test))
        for name, detector in detectors.items()
    }
    assert area["preset"] > 0.95
    assert area["undivided"] < 0.1
    assert area["raw"] < 0.5
