"""`ODINScorer`: temperature and the step against the gradient."""

from __future__ import annotations

import copy

import numpy as np
import pytest

from skood.measures import max_softmax

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from skood.deep import ODINScorer  # noqa: E402
from skood.deep._evaluation_mode import evaluation_mode  # noqa: E402

from ..detectors import rows  # noqa: E402
from ..torch_nets import (  # noqa: E402
    FunctionalNet,
    Named,
    Sequences,
    images,
    lenet,
    seeded,
    sequences,
)


def plain_odin(net, X, temperature, perturbation):
    """Equations 1 and 2, by autograd on each sample alone."""
    net = copy.deepcopy(net).eval()
    scores = []
    for x in torch.from_numpy(X).to(next(net.parameters()).dtype):
        batch = x[None].clone().requires_grad_()
        chosen = (net(batch.clone()) / temperature).softmax(1).max()
        (-chosen.log()).backward()
        with torch.no_grad():
            moved = batch - perturbation * batch.grad.sign()
            scores.append((net(moved).double() / temperature).softmax(1).max().item())
    return np.array(scores)


NETS = [
    (lenet, images(70)),
    (FunctionalNet, images(9)[:, :, :5, :5]),
    (Sequences, sequences(9, 3)),
    (lambda: Sequences(batch_first=False), sequences(9, 3)),
]


@pytest.mark.parametrize(("make", "X"), NETS)
@pytest.mark.parametrize("temperature", [1.0, 1000.0])
def test_scores_equal_the_equations(make, X, temperature):
    # double precision: a slope near 0 has a sign of its own there
    net = seeded(make).double()
    net(torch.from_numpy(X).double())
    scorer = ODINScorer(net, temperature=temperature, perturbation=0.02, batch_size=16).fit(X)
    expected = plain_odin(net, X, temperature, 0.02)
    np.testing.assert_allclose(scorer.score_samples(X), expected, rtol=1e-9)
    still = ODINScorer(net, temperature=temperature, perturbation=0.0).fit(X)
    assert not np.allclose(still.score_samples(X), expected, rtol=1e-7)


@pytest.mark.parametrize(("make", "X"), NETS)
def test_no_step_is_temperature_scaling_exactly(make, X):
    net = seeded(make)
    options = {"batch_size": len(X), "device": "cpu"}
    scorer = ODINScorer(net, temperature=7.0, perturbation=0.0, **options).fit(X)
    with torch.no_grad():
        plain = copy.deepcopy(net).eval()(torch.from_numpy(X).clone())
        with evaluation_mode(net):  # whose linear layers may round the last bit otherwise
            logits = net(torch.from_numpy(X).clone())
    np.testing.assert_allclose(logits, plain, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(
        scorer.score_samples(X), max_softmax(logits.numpy(), temperature=7.0)
    )


@pytest.mark.parametrize("temperature", [1.0, 1000.0])
def test_the_step_goes_where_differences_say(temperature):
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 3))).double()
    X, step, h = rows(12), 0.05, 1e-5

    def log_confidence(Z):
        with torch.no_grad():
            logits = net(torch.from_numpy(Z)).numpy()
        return temperature * np.log(max_softmax(logits, temperature=temperature))

    slope = np.column_stack(
        [(log_confidence(X + e) - log_confidence(X - e)) / (2 * h) for e in h * np.eye(4)]
    )
    assert np.abs(slope).min() > 1e-5
    with torch.no_grad():
        logits = net(torch.from_numpy(X + step * np.sign(slope))).numpy()
    scorer = ODINScorer(net, temperature=temperature, perturbation=step).fit(X)
    np.testing.assert_allclose(
        scorer.score_samples(X), max_softmax(logits, temperature=temperature), rtol=1e-12
    )


def test_a_small_step_makes_every_sample_more_certain():
    net, X = lenet(), images(40)
    still, moved = (
        ODINScorer(net, temperature=1.0, perturbation=e).fit(X).score_samples(X)
        for e in (0.0, 1e-3)
    )
    assert (moved > still).all()


def test_high_temperature_keeps_its_digits():
    # in single precision all scores would be one of a handful of numbers near 1 / 3
    net, X = lenet(), images(200)
    scores = ODINScorer(net, temperature=1e6).fit(X).score_samples(X)
    assert len(np.unique(scores)) > 150


def test_gradients_are_switched_on_and_the_parameters_get_none():
    net, X = lenet(), images(9)
    net.hidden.weight.requires_grad_(False)
    expected = ODINScorer(net).fit(X).score_samples(X)
    with torch.inference_mode():
        scores = ODINScorer(net).fit(torch.from_numpy(X)).score_samples(torch.from_numpy(X))
    np.testing.assert_array_equal(scores, expected)
    assert all(p.grad is None for p in net.parameters())
    assert [p.requires_grad for p in net.hidden.parameters()] == [False, True]


def test_inputs_in_place_and_whole_numbers():
    net = nn.Sequential(nn.ReLU(inplace=True), lenet())
    X = np.random.default_rng(0).integers(0, 9, size=(10, 1, 12, 12), dtype=np.uint8)
    kept = X.copy()
    scores = ODINScorer(net, perturbation=0.3, temperature=2.0).fit(X).score_samples(X)
    np.testing.assert_array_equal(X, kept)
    np.testing.assert_allclose(scores, plain_odin(net, X, 2.0, 0.3), rtol=1e-4)


def test_what_has_no_gradient():
    tokens = np.random.default_rng(0).integers(0, 11, size=(20, 5))
    with pytest.raises(ValueError, match="real numbers to have a gradient, not dicts or tokens"):
        ODINScorer(Named()).fit(tokens)
    assert ODINScorer(Named(), perturbation=0.0).fit(tokens).score_samples(tokens).shape == (20,)
    cut = nn.Sequential(nn.Linear(4, 3), Detached())
    with pytest.raises(ValueError, match="depend on the inputs in a differentiable way"):
        ODINScorer(cut).fit(rows())


class Detached(nn.Module):
    def forward(self, x):
        return x.detach()


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"temperature": 0},
            r"'temperature' parameter of ODINScorer must be a float in \(0, inf\)",
        ),
        ({"perturbation": -1e-3}, r"'perturbation' parameter of ODINScorer .*\[0, inf\). Got -0.0"),
        ({"perturbation": None}, "'perturbation' .* Got None instead"),
        ({"module": None}, "'module' parameter of ODINScorer must be a torch.nn.Module. Got None"),
    ],
)
def test_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        ODINScorer(**{"module": nn.Linear(4, 3), **params}).fit(rows())


def test_probabilities_are_no_logits():
    with pytest.raises(ValueError, match=r"ODINScorer must get logits.* Got probabilities"):
        ODINScorer(nn.Softmax(1)).fit(TensorDataset(torch.from_numpy(rows())))
