"""What the tests of calibration share: detectors whose scores are known."""

from __future__ import annotations

import numpy as np
from sklearn.base import BaseEstimator, OutlierMixin
from sklearn.frozen import FrozenEstimator

from skood import ConformalOutlierDetector


class FirstColumn(OutlierMixin, BaseEstimator):
    """The score is the first column: it learns nothing, so that scores can be chosen."""

    def __init__(self, threshold=0.0):
        self.threshold = threshold

    def fit(self, X, y=None):
        self.n_rows_ = len(X)
        self.labels_ = y
        return self

    def score_samples(self, X):
        return np.asarray(X, dtype=float).reshape(len(X), -1)[:, 0]

    def predict(self, X):
        return np.where(self.score_samples(X) >= self.threshold, 1, -1)


def calibrated(scores, y=None, **params):
    """A conformal detector with just these calibration scores."""
    frozen = FrozenEstimator(FirstColumn().fit([[0.0]]))
    return ConformalOutlierDetector(frozen, **params).fit(column(scores), y)


def column(scores):
    return np.asarray(scores, dtype=float)[:, np.newaxis]
