"""`outlier_exposure_loss`: values, gradients, and what training with it does."""

from __future__ import annotations

import numpy as np
import pytest

from skood.metrics import auroc

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from skood.deep import MSPScorer, outlier_exposure_loss  # noqa: E402


def logits(n=7, classes=4, seed=0):
    return 3 * torch.randn(n, classes, generator=torch.Generator().manual_seed(seed)).double()


def test_value_by_hand():
    # p = (3/4, 1/4) for class 0, and an outlier at (1/2, 1/2)
    inside, outside = torch.tensor([[np.log(3.0), 0.0]]), torch.zeros(1, 2)
    loss = outlier_exposure_loss(inside, torch.tensor([0]), outside)
    assert loss.shape == ()
    np.testing.assert_allclose(loss, -np.log(0.75) + 0.5 * np.log(2))
    # an outlier at (3/4, 1/4): the mean of -log 3/4 and -log 1/4
    sure = outlier_exposure_loss(inside, torch.tensor([0]), inside, weight=2.0)
    np.testing.assert_allclose(sure, -np.log(0.75) - np.log(0.75 * 0.25))


@pytest.mark.parametrize("weight", [0.0, 0.5, 3.0])
def test_value_is_the_cross_entropy_to_the_uniform_distribution(weight):
    inside, outside = logits(), logits(11, seed=1)
    labels = torch.arange(7) % 4
    uniform = torch.full((11, 4), 0.25).double()
    expected = functional.cross_entropy(inside, labels)
    expected = expected + weight * functional.cross_entropy(outside, uniform)
    loss = outlier_exposure_loss(inside, labels, outside, weight=weight)
    np.testing.assert_allclose(loss, expected, rtol=1e-12)


def test_gradients_equal_differences_and_vanish_at_the_uniform_distribution():
    inside, outside = logits().requires_grad_(), logits(5, seed=1).requires_grad_()
    labels = torch.arange(7) % 4
    assert torch.autograd.gradcheck(
        lambda a, b: outlier_exposure_loss(a, labels, b, weight=0.7), (inside, outside)
    )
    level = torch.full((5, 4), 2.0).double().requires_grad_()
    outlier_exposure_loss(inside.detach(), labels, level).backward()
    np.testing.assert_allclose(level.grad, 0, atol=1e-15)


def test_large_logits():
    large = torch.tensor([[1e4, -1e4]])
    loss = outlier_exposure_loss(large, torch.tensor([0]), large)
    np.testing.assert_allclose(loss, 0.5 * 1e4)


def test_training_with_it_lowers_the_max_softmax_of_outliers():
    generator = torch.Generator().manual_seed(0)

    def around(n):
        directions = torch.randn(n, 2, generator=generator)
        radius = 4 + 4 * torch.rand(n, 1, generator=generator)
        return radius * directions / directions.norm(dim=1, keepdim=True)

    labels = torch.arange(300) % 3
    X = torch.randn(300, 2, generator=generator) * 0.4
    X += torch.tensor([[2.0, 0.0], [-1.0, 1.7], [-1.0, -1.7]])[labels]
    exposed, other = around(300), around(300)  # scored on outliers that were not shown

    def trained(weight):
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Linear(64, 3))
        optimiser = torch.optim.Adam(net.parameters(), lr=0.02)
        for _ in range(150):
            optimiser.zero_grad()
            both = net(torch.cat([X, exposed]))
            outlier_exposure_loss(both[:300], labels, both[300:], weight=weight).backward()
            optimiser.step()
        return net

    plain, taught = trained(0.0), trained(0.5)
    scores = {}
    for name, net in (("plain", plain), ("taught", taught)):
        with torch.no_grad():
            assert (net(X).argmax(1) == labels).float().mean() > 0.97
        scorer = MSPScorer(net).fit(X)
        scores[name] = scorer.score_samples(X), scorer.score_samples(other)
    assert scores["plain"][1].mean() > 0.9  # sure of itself far away
    assert scores["taught"][1].mean() < 0.5
    truth = np.r_[np.ones(300), -np.ones(300)].astype(int)
    ranked = {name: auroc(truth, np.concatenate(pair)) for name, pair in scores.items()}
    assert ranked["taught"] > 0.99
    assert ranked["taught"] > ranked["plain"] + 0.2


LABELS = torch.zeros(3, dtype=torch.int64)


@pytest.mark.parametrize(
    ("args", "weight", "message"),
    [
        ((logits(3), LABELS, logits(2, 5)), 0.5, r"'outlier_logits' .* shape \(n, 4\) .* \(2, 5\)"),
        ((logits(3), LABELS, logits(0)), 0.5, r"'outlier_logits' .* one or more rows .* \(0, 4\)"),
        ((logits(3)[0], LABELS, logits(2)), 0.5, r"'logits' .* Got \(4,\) instead"),
        ((logits(3, 1), LABELS, logits(2, 1)), 0.5, r"'logits' .* two or more classes. Got \(3, 1"),
        (([[1.0]], LABELS, logits(2)), 0.5, r"'logits' .* Got \[\[1.0\]\] instead"),
        ((logits(3), LABELS[:2], logits(2)), 0.5, r"'labels' .* shape \(3,\).* Got \(2,\)"),
        ((logits(3), LABELS, logits(2)), -1.0, r"'weight' .* a float in \[0, inf\). Got -1.0"),
    ],
)
def test_bad_arguments(args, weight, message):
    with pytest.raises(ValueError, match=message) as raised:
        outlier_exposure_loss(*args, weight=weight)
    assert "parameter of outlier_exposure_loss must be a" in str(raised.value)
