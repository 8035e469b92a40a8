"""GEN and KL matching on arrays of logits and probabilities, without torch."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from scipy.special import log_softmax, softmax

from skood import GENScorer, KLMatchingScorer
from skood.measures import generalized_entropy

SCORERS = [GENScorer, KLMatchingScorer]
scorers = pytest.mark.parametrize("make", SCORERS)


def _logits(n=80, c=6, seed=0):
    rng = np.random.default_rng(seed)
    return rng.normal(size=(n, c)) + 5.0 * np.eye(c)[rng.integers(0, c - 1, n)]


def _gen(p, gamma, m):
    return [-sum(v**gamma * (1 - v) ** gamma for v in sorted(row, reverse=True)[:m]) for row in p]


def _kl_matching(train, p):
    predicted = train.argmax(axis=1)
    templates = [train[predicted == k].mean(axis=0) for k in np.unique(predicted)]
    divergences = [[sum(row * np.log(row / d)) for d in templates] for row in p]
    return -np.min(divergences, axis=1)


@pytest.mark.parametrize("outputs", ["logits", "probabilities"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_each_equals_a_plain_rewrite(outputs, dtype):
    X, Q = _logits().astype(dtype), _logits(20, seed=1).astype(dtype)
    p, q = (softmax(rows.astype(float), axis=1) for rows in (X, Q))
    given = (X, Q) if outputs == "logits" else (p.astype(dtype), q.astype(dtype))
    tolerance = 1e-9 if dtype is np.float64 else 1e-4
    for gamma, m in ((0.1, 100), (0.5, 3), (0.01, 1)):
        scorer = GENScorer(outputs, gamma=gamma, n_largest=m).fit(given[0])
        np.testing.assert_allclose(scorer.score_samples(given[1]), _gen(q, gamma, m), tolerance)
    matching = KLMatchingScorer(outputs).fit(given[0])
    assert len(matching.templates_) == 5  # no row is predicted to be of the last class
    expected = _kl_matching(p, q)
    np.testing.assert_allclose(matching.score_samples(given[1]), expected, tolerance, tolerance)


@scorers
def test_logarithms_of_probabilities_are_logits(make):
    X, Q = _logits(), _logits(9, seed=1)
    by_logits = make().fit(X).score_samples(Q)
    logs = log_softmax(X, axis=1), log_softmax(Q, axis=1)
    np.testing.assert_allclose(make().fit(logs[0]).score_samples(logs[1]), by_logits, rtol=1e-9)
    frame = pd.DataFrame(X).add_prefix("class ")
    assert list(make().fit(frame).feature_names_in_) == list(frame.columns)


def test_gen_separates_predictions_whose_probability_rounds_to_one():
    gaps = np.array([40.0, 80.0, 700.0])
    logits = np.column_stack([gaps, np.zeros(3)])
    entropies = generalized_entropy(logits)  # both classes: e^-gap, to the power
    np.testing.assert_allclose(entropies, 2 * np.exp(-0.1 * gaps), rtol=1e-9)


@scorers
def test_huge_logits_and_certain_predictions_are_finite(make):
    huge = np.array([[1.7e308, -1.7e308, 0], [0, 1e300, 0], [0, 0, 0], [-1e300, 0, 1]])
    assert np.isfinite(make().fit(huge).score_samples(huge)).all()
    certain = np.eye(3)[[0, 1, 1, 2, 0]]
    scorer = make("probabilities").fit(certain)
    scores = scorer.score_samples(np.vstack([certain, np.full((1, 3), 1 / 3)]))
    assert np.isfinite(scores).all()
    assert scores[-1] < scores[:-1].min()


@scorers
def test_the_other_kind_of_outputs(make):
    X = _logits()
    name = make.__name__
    with pytest.raises(ValueError, match=f"'outputs' parameter of {name} must be 'probabilities'"):
        make().fit(softmax(X, axis=1))
    wrong = f"'outputs' parameter of {name} must be 'logits' for rows with a negative number"
    with pytest.raises(ValueError, match=wrong):
        make("probabilities").fit(X)
    with pytest.raises(ValueError, match=wrong):
        make("probabilities").fit(softmax(X, axis=1)).score_samples(X)
    with pytest.raises(ValueError, match=r"one of 'logits', 'probabilities'\. Got 'softmax'"):
        make("softmax").fit(X)
    with pytest.raises(ValueError, match=f"2 or more columns of logits, .* for {name}. Got 1 feat"):
        make().fit(X[:, :1])


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [("gamma", 0, "a float in (0, 1)"), ("gamma", 1.0, "a float in (0, 1)")]
    + [("n_largest", value, "an int in [1, inf)") for value in (0, 2.5, None)],
)
def test_bad_parameters(name, value, allowed):
    message = re.escape(f"The '{name}' parameter of GENScorer must be {allowed}. Got {value}")
    with pytest.raises(ValueError, match=message):
        GENScorer(**{name: value}).fit(_logits())


@scorers
def test_logits_of_a_net_by_a_pipeline(make):
    torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")
    from sklearn.pipeline import make_pipeline

    from skood.deep import TorchFeatureTransformer

    net = torch.nn.Sequential(torch.nn.Linear(4, 7), torch.nn.ReLU(), torch.nn.Linear(7, 3))
    X = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    with torch.no_grad():
        logits = net(torch.from_numpy(X)).numpy()
    piped = make_pipeline(TorchFeatureTransformer(net, "output"), make()).fit(X)
    expected = make().fit(logits).score_samples(logits)
    np.testing.assert_allclose(piped.score_samples(X), expected, rtol=1e-4, atol=1e-6)
