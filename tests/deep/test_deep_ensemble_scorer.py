"""`DeepEnsembleScorer`: means over networks, and the measures of their uncertainty."""

from __future__ import annotations

import numpy as np
import pytest

from skood.measures import max_mean_probability, mutual_information, predictive_entropy

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from skood.deep import DeepEnsembleScorer, MSPScorer  # noqa: E402

from ..detectors import rows  # noqa: E402
from ..torch_nets import images, lenet, seeded  # noqa: E402

MEASURES = ["max_softmax", "entropy", "mutual_information"]


class Fixed(nn.Module):
    """The same logits for every sample."""

    def __init__(self, *logits):
        super().__init__()
        self.logits = nn.Parameter(torch.tensor(logits))

    def forward(self, x):
        return self.logits.expand(len(x), -1)


def lenets(n=3):
    nets = [lenet() for _ in range(n)]
    for seed, net in enumerate(nets):
        generator = torch.Generator().manual_seed(seed)
        with torch.no_grad():
            for parameter in net.parameters():
                parameter += 0.3 * torch.randn(parameter.shape, generator=generator)
    return nets


def plain_scores(nets, X, measure):
    probabilities = []
    for net in nets:
        modes = [part.training for part in net.modules()]
        with torch.no_grad():
            probabilities.append(net.eval()(torch.from_numpy(X).clone()).double().softmax(1))
        for part, mode in zip(net.modules(), modes, strict=True):
            part.training = mode
    each = torch.stack(probabilities)
    mean = each.mean(0)
    entropy = -(mean * mean.log()).sum(1)
    return {
        "max_softmax": mean.amax(1),
        "entropy": -entropy,
        "mutual_information": -(entropy + (each * each.log()).sum(2).mean(0)),
    }[measure].numpy()


def test_values_by_hand():
    # probabilities 3/4, 1/4 and 1/4, 3/4: the mean knows nothing, each member is fairly sure
    modules = [Fixed(np.log(3.0), 0.0), Fixed(0.0, np.log(3.0))]
    sure = 0.75 * np.log(0.75) + 0.25 * np.log(0.25)
    expected = {
        "max_softmax": 0.5,
        "entropy": -np.log(2),
        "mutual_information": -(np.log(2) + sure),
    }
    for measure, value in expected.items():
        scorer = DeepEnsembleScorer(modules, measure=measure).fit(rows())
        np.testing.assert_allclose(scorer.score_samples(rows(3)), value, rtol=1e-6)


@pytest.mark.parametrize("measure", MEASURES)
def test_scores_equal_torch(measure):
    nets, X = lenets(), images(70)
    scorer = DeepEnsembleScorer(nets, measure=measure, batch_size=16).fit(X)
    expected = plain_scores(nets, X, measure)
    np.testing.assert_allclose(scorer.score_samples(X), expected, rtol=1e-4, atol=1e-8)
    assert len(np.unique(expected)) > 60


def test_equal_members_agree():
    net, X = lenet(), images()
    twins = nn.ModuleList([net, lenet()])
    scores = DeepEnsembleScorer(twins).fit(X).score_samples(X)
    np.testing.assert_allclose(scores, MSPScorer(net).fit(X).score_samples(X), rtol=1e-6)
    agreed = DeepEnsembleScorer(twins, measure="mutual_information").fit(X).score_samples(X)
    assert (agreed <= 0).all()
    np.testing.assert_allclose(agreed, 0, atol=1e-12)


def test_measures_of_certain_members():
    certain = np.eye(3)[[[0, 1], [0, 2], [0, 0]]]  # three members, two samples
    np.testing.assert_allclose(max_mean_probability(certain), [1, 1 / 3])
    np.testing.assert_allclose(predictive_entropy(certain), [0, np.log(3)], atol=1e-15)
    np.testing.assert_allclose(mutual_information(certain), [0, np.log(3)], atol=1e-15)


@pytest.mark.parametrize("step", [1e-12, 1e-9, 1e-5, 2e-3, 0.1])
def test_mutual_information_keeps_its_digits(step):
    # Members at 1/2 +- step; no difference of entropies can tell those of 1e-9 apart.
    members = np.array([[[0.5 + step, 0.5 - step]], [[0.5 - step, 0.5 + step]]])
    # log 2 - H(1/2 + step) as a series in the step, of which two terms are left out
    u = 2 * step
    expected = u**2 / 2 + u**4 / 12 + u**6 / 30
    np.testing.assert_allclose(mutual_information(members), expected, rtol=1e-4)


def test_members_of_other_precision_and_in_place():
    X = images(20)
    first = nn.Sequential(nn.ReLU(inplace=True), seeded(lenet))  # changes what it is given
    nets = [first, seeded(lenet, 1).double()]
    scores = DeepEnsembleScorer(nets).fit(X).score_samples(X)
    clipped = plain_scores([seeded(lenet)], np.maximum(X, 0), "max_softmax")
    assert scores.shape == clipped.shape
    alone = [plain_probabilities(net, X) for net in nets]
    np.testing.assert_allclose(scores, np.mean(alone, axis=0).max(1), rtol=1e-5)


def plain_probabilities(net, X):
    net = net.eval()
    with torch.no_grad():
        given = torch.from_numpy(X).clone().to(next(net.parameters()).dtype)
        return net(given).double().softmax(1).numpy()


def test_probabilities():
    nets, X = lenets(), images(40)
    ended = [nn.Sequential(net, nn.Softmax(1)) for net in nets]
    with pytest.raises(ValueError, match="'outputs' parameter of DeepEnsembleScorer must be 'prob"):
        DeepEnsembleScorer(ended).fit(X)
    scores = DeepEnsembleScorer(ended, outputs="probabilities").fit(X).score_samples(X)
    expected = DeepEnsembleScorer(nets).fit(X).score_samples(X)
    np.testing.assert_allclose(scores, expected, rtol=1e-5)
    with pytest.raises(ValueError, match=r"must be 'logits' for rows .* Got 'probabilities'"):
        DeepEnsembleScorer(nets, outputs="probabilities").fit(X)


NET = nn.Linear(4, 3)


@pytest.mark.parametrize(
    ("modules", "got"),
    [
        ([NET], "Got 1, of which 1 different instead"),
        ([], "Got 0, of which 0 different instead"),
        ([NET, NET], "Got 2, of which 1 different instead"),
        (NET, r"Got Linear\("),
        ([NET, "net"], "Got .*'net'"),
        (None, "Got None"),
    ],
)
def test_modules(modules, got):
    message = (
        "'modules' parameter of DeepEnsembleScorer must be a sequence of two or more different "
        rf"torch.nn.Module. {got}"
    )
    with pytest.raises(ValueError, match=message):
        DeepEnsembleScorer(modules).fit(rows())


def test_modules_of_other_classes():
    message = r"that give the same number of classes. Got \[3, 2\] instead"
    with pytest.raises(ValueError, match=message):
        DeepEnsembleScorer([NET, nn.Linear(4, 2)]).fit(rows())


def test_measure():
    with pytest.raises(
        ValueError, match="'measure' parameter of DeepEnsembleScorer must be one of"
    ):
        DeepEnsembleScorer([NET, nn.Linear(4, 3)], measure="variance").fit(rows())


def test_a_dataset_is_gone_through_once_for_all_members():
    seen = []

    class Noting(TensorDataset):
        def __getitem__(self, index):
            seen.append(index)
            return super().__getitem__(index)

    X = torch.from_numpy(images(40))
    DeepEnsembleScorer(lenets()).fit(Noting(X))
    assert sorted(seen) == list(range(40))
