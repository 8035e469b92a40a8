"""Accuracy on real sets, by the protocol of the benchmark."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skood import KNNOutlierDetector, LCPOutlierDetector
from skood.metrics import auroc


def _mean_auroc(path, detector, n_splits=3):
    with np.load(path) as file:
        X, y = file["X"].astype(np.float64), file["y"]
    aurocs = []
    for seed in range(n_splits):
        normal = np.random.default_rng(seed).permutation(np.flatnonzero(y == 0))
        n_train = int(0.7 * len(normal))
        test = np.r_[normal[n_train:], np.flatnonzero(y == 1)]
        pipeline = make_pipeline(StandardScaler(), detector).fit(X[normal[:n_train]])
        aurocs.append(auroc(np.where(y[test] == 1, -1, 1), pipeline.score_samples(X[test])))
    return 100 * np.mean(aurocs)


@pytest.mark.shared_data
@pytest.mark.parametrize(
    ("name", "least"),
    [("40_vowels", 98.5), ("6_cardio", 94.5), ("26_optdigits", 94.5), ("28_pendigits", 99.5)],
)
def test_lcp_on_tabular_sets(shared_data, name, least):
    path = shared_data / "adbench" / "Classical" / f"{name}.npz"
    assert _mean_auroc(path, LCPOutlierDetector()) >= least


@pytest.mark.shared_data
def test_lcp_beats_knn_where_the_rows_lie_on_a_curved_sheet(shared_data):
    path = shared_data / "adbench" / "Classical" / "40_vowels.npz"
    assert _mean_auroc(path, LCPOutlierDetector()) > _mean_auroc(path, KNNOutlierDetector())
