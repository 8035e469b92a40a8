"""The posterior deviation of a Gaussian process, against a dense rewrite of its definition."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import spearmanr

from skood import GaussianProcessScorer

from ..detectors import rows


def _dense_variance(Q, X, noise):
    """k(q, q) - k(q, X) (k(X, X) + noise)^-1 k(X, q) of the linear kernel."""
    cross = Q @ X.T
    solved = np.linalg.solve(X @ X.T + noise * np.eye(len(X)), cross.T)
    return (Q * Q).sum(axis=1) - (cross * solved.T).sum(axis=1)


@pytest.mark.parametrize("n", [5, 200])  # fewer and more rows than features
@pytest.mark.parametrize("noise", [1e-3, 0.1, 10.0])
def test_variance_equals_the_dense_definition(n, noise):
    X, Q = rows(n, 12), 3 * rows(50, 12, seed=1)
    scorer = GaussianProcessScorer(noise=noise).fit(X)
    assert scorer.noise_variance_ == pytest.approx(noise * (X * X).sum() / n)
    expected = _dense_variance(Q, X, scorer.noise_variance_)
    np.testing.assert_allclose(scorer.score_samples(Q) ** 2, expected, rtol=1e-6)


def test_a_training_row_is_left_out_at_the_same_noise():
    X = rows(40, 6)
    scorer = GaussianProcessScorer().fit(X)
    for i in (0, 17, 39):
        others = np.delete(X, i, axis=0)
        expected = _dense_variance(X[i : i + 1], others, scorer.noise_variance_)
        assert scorer.training_scores_[i] ** 2 == pytest.approx(expected[0], rel=1e-9)
    np.testing.assert_allclose(scorer.score_samples(X), scorer.training_scores_, rtol=1e-9)


def test_a_large_noise_ranks_by_length():
    X, Q = rows(60, 5), rows(30, 5, seed=1)
    scores = GaussianProcessScorer(noise=1e6).fit(X).score_samples(Q)
    assert spearmanr(scores, -np.linalg.norm(Q, axis=1)).statistic == pytest.approx(1.0)


def test_rows_of_zeros_have_no_uncertainty_and_do_not_break_a_fit():
    scorer = GaussianProcessScorer().fit(np.zeros((10, 3)))
    assert scorer.score_samples([[0.0, 0.0, 0.0]]) == 0.0
    assert scorer.score_samples([[1.0, 0.0, 0.0]]) < 0.0


def test_far_rows_have_finite_scores():
    scorer = GaussianProcessScorer().fit(rows(60, 4))
    far, further = scorer.score_samples(np.array([[1e150] * 4, [1e300] * 4]))
    assert np.isfinite([far, further]).all()
    assert further < far
