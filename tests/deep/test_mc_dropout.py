"""`MCDropoutScorer`: masks that hang on the seed, the draw and the layer alone."""

from __future__ import annotations

import copy
import threading

import numpy as np
import pytest
from scipy.stats import spearmanr

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402

from skood.deep import MCDropoutScorer, TorchFeatureTransformer, _fused_layers  # noqa: E402
from skood.deep._dropout_masks import dropped  # noqa: E402

from ..detectors import rows  # noqa: E402
from ..torch_nets import Sequences, images, lenet, seeded, sequences, state_of  # noqa: E402

MEASURES = ["max_softmax", "entropy", "mutual_information"]


def dropout_net(p=0.5):
    return seeded(
        lambda: nn.Sequential(nn.Linear(4, 32), nn.ReLU(), nn.Dropout(p), nn.Linear(32, 3))
    )


def test_scores_equal_thinned_networks():
    # Each draw is the network with some hidden units taken out, the same ones for all rows.
    net, X = dropout_net(0.25), rows().astype(np.float32)
    scorer = MCDropoutScorer(net, n_samples=6, random_state=0).fit(X)
    first, _, _, last = net
    probabilities = []
    for draw in range(6):
        kept = np.random.default_rng([scorer.seed_, draw, 0, 1]).random(32, np.float32) >= 0.25
        assert 0 < kept.sum() < 32
        with torch.no_grad():
            hidden = first(torch.from_numpy(X)).relu()[:, kept] / 0.75
            logits = hidden @ last.weight[:, kept].T + last.bias
        probabilities.append(logits.double().softmax(1).numpy())
    each, mean = np.array(probabilities), np.mean(probabilities, axis=0)
    np.testing.assert_allclose(scorer.score_samples(X), mean.max(1), rtol=1e-5)
    entropy = -(mean * np.log(mean)).sum(1)
    by_entropy = MCDropoutScorer(net, n_samples=6, measure="entropy", random_state=0).fit(X)
    np.testing.assert_allclose(by_entropy.score_samples(X), -entropy, rtol=1e-5)
    mutual = MCDropoutScorer(net, n_samples=6, measure="mutual_information", random_state=0).fit(X)
    shared = entropy + (each * np.log(each)).sum(2).mean(0)
    np.testing.assert_allclose(mutual.score_samples(X), -shared, rtol=1e-4)


@pytest.mark.parametrize(
    ("layer", "shape"),
    [
        (nn.Dropout(0.3), (3, 4000)),
        (nn.Dropout(0.8, inplace=True), (3, 40, 10, 10)),
        (nn.Dropout1d(0.3), (3, 4000, 5)),
        (nn.Dropout2d(0.3), (3, 4000, 2, 3)),
        (nn.Dropout3d(0.6), (3, 4000, 2, 3, 2)),
        (nn.AlphaDropout(0.3), (3, 4000)),
        (nn.FeatureAlphaDropout(0.3), (3, 4000, 2, 2)),
        (nn.Dropout(1.0), (3, 7)),
    ],
)
def test_each_kind_does_what_it_does_in_training(layer, shape):
    generator = torch.Generator().manual_seed(0)
    values = torch.randn((1, *shape[1:]), generator=generator).expand(shape).clone()
    outputs = dropped(layer, values.clone(), np.random.default_rng(0), 0)
    assert torch.equal(outputs[0], outputs[2])  # one mask for all samples
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        trained = layer.train()(values.clone())
    # where an entry is dropped by both, or kept by both, it is the same
    is_kept = [_kept(out, values) for out in (outputs, trained)]
    both = [is_kept[0] & is_kept[1], ~is_kept[0] & ~is_kept[1]]
    for where in both:
        torch.testing.assert_close(outputs[where], trained[where])
    if layer.p < 1:
        assert all(where.any() for where in both)
        share = is_kept[0][0].flatten(1)[:, 0] if len(shape) > 2 else is_kept[0][0]
        assert abs(share.float().mean() - (1 - layer.p)) < 0.13
    if len(shape) > 2 and not isinstance(layer, nn.Dropout):
        whole = is_kept[0].flatten(2)
        assert torch.equal(whole.all(2), whole.any(2))  # a channel as a whole


def _kept(out, values):
    """Dropped entries all have one value, which in values drawn from a density nothing else has."""
    constant = out.flatten().mode().values
    return out != constant


def test_many_draws_approach_dropout_in_training():
    net, X = dropout_net(), rows().astype(np.float32)
    scorer = MCDropoutScorer(net, n_samples=800, random_state=0, batch_size=60).fit(X)
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net.train()
        each = torch.stack([net(torch.from_numpy(X)).double().softmax(1) for _ in range(800)])
    error = (each.std(0).amax(1) * (2 / 800) ** 0.5).numpy()  # of the difference of two means
    expected = each.mean(0).amax(1).numpy()
    assert error.max() < 0.02
    assert (np.abs(scorer.score_samples(X) - expected) < 5 * error).all()


def nested():
    """Dropout of several kinds, deep inside, one of them called twice; frozen parts."""

    class Inner(nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = nn.Conv2d(1, 8, 3)
            self.norm = nn.BatchNorm2d(8)
            self.drops = nn.ModuleDict({"channels": nn.Dropout2d(0.3), "units": nn.AlphaDropout()})

        def forward(self, x):
            x = self.drops["channels"](self.norm(self.conv(x)))
            x = self.drops["units"](torch.relu(x))
            return self.drops["channels"](x)

    net = nn.Sequential(Inner(), nn.Flatten(), nn.Linear(800, 3), nn.Dropout(0.0))
    net[0].norm.eval()
    return net


CASES = [
    (lenet, images(40)),
    (lambda: seeded(nested), images(40)),
    (lambda: seeded(Sequences), sequences(40)),
    (lambda: seeded(lambda: Sequences(batch_first=False)), sequences(40)),
]


@pytest.mark.parametrize(("make", "X"), CASES)
@pytest.mark.parametrize("measure", MEASURES)
def test_a_row_has_the_same_score_in_any_batch_order_or_chunk(make, X, measure):
    scorer = MCDropoutScorer(make(), n_samples=4, measure=measure, batch_size=16, random_state=0)
    whole = scorer.fit(X).score_samples(X)
    assert len(np.unique(whole)) == len(X)
    close = {"rtol": 1e-5, "atol": 1e-9}
    np.testing.assert_allclose(scorer.score_samples(X), whole, rtol=0)
    order = np.random.default_rng(0).permutation(len(X))
    np.testing.assert_allclose(scorer.score_samples(X[order]), whole[order], **close)
    cuts = np.split(np.arange(len(X)), [1, 2, 9, 30])
    parts = [scorer.score_samples(X[part]) for part in cuts]
    np.testing.assert_allclose(np.concatenate(parts), whole, **close)
    # in batches of another size too
    scorer.set_params(batch_size=5)
    np.testing.assert_allclose(scorer.score_samples(X), whole, rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("draws", [2, 30])
def test_same_seed_same_result_and_no_global_generator_is_touched(draws):
    net, X = lenet(), images()
    state, numpy_state = torch.get_rng_state(), np.random.get_state()[1].copy()  # noqa: NPY002
    scorer, same, other = (
        MCDropoutScorer(net, n_samples=draws, random_state=seed).fit(X) for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(scorer.score_samples(X), same.score_samples(X))
    assert not np.allclose(scorer.score_samples(X), other.score_samples(X))
    np.testing.assert_array_equal(scorer.training_scores_, scorer.score_samples(X))
    assert torch.equal(torch.get_rng_state(), state)
    np.testing.assert_array_equal(np.random.get_state()[1], numpy_state)  # noqa: NPY002
    torch.rand(1)
    np.testing.assert_array_equal(scorer.score_samples(X), same.score_samples(X))


def test_without_a_seed_a_fitted_scorer_repeats_itself():
    X = images()
    scorer = MCDropoutScorer(lenet(), n_samples=3).fit(X)
    np.testing.assert_array_equal(scorer.score_samples(X), scorer.training_scores_)


def test_more_draws_go_on_where_fewer_have_ended():
    net, X = dropout_net(), rows()
    few, more = (MCDropoutScorer(net, n_samples=n, random_state=0).fit(X) for n in (2, 3))
    difference = 3 * more.score_samples(X) - 2 * few.score_samples(X)
    # the third draw adds one probability between 0 and 1
    assert ((difference > -1e-9) & (difference < 1 + 1e-9)).mean() > 0.9
    assert few.seed_ == more.seed_


def test_all_else_is_in_evaluation_mode():
    seen = []

    class Noting(nn.BatchNorm1d):
        def forward(self, x):
            seen.append([part.training for part in net.modules()])
            return super().forward(x)

    net = nn.Sequential(nn.Linear(4, 8), Noting(8), nn.Dropout(), nn.Linear(8, 2))
    before = state_of(net)
    MCDropoutScorer(net, n_samples=2, device="cpu").fit(rows())
    assert seen
    assert not np.any(seen)
    assert state_of(net) == before


def test_an_encoder_layer_calls_its_dropout(monkeypatch):
    layer = seeded(lambda: nn.TransformerEncoderLayer(8, 2, 16, dropout=0.3, batch_first=True))
    net = nn.Sequential(layer, Last())
    X = sequences(30)
    scores = MCDropoutScorer(net, n_samples=3, random_state=0).fit(X).score_samples(X)
    still = net.eval()(torch.from_numpy(X)).detach().softmax(1).amax(1).numpy()
    assert not np.allclose(scores, still, rtol=1e-3)
    # torch 2.4 does not see that a part of it has a hook
    monkeypatch.setattr(_fused_layers, "_HOOKS_ARE_SEEN", False)
    again = MCDropoutScorer(net, n_samples=3, random_state=0).fit(X).score_samples(X)
    np.testing.assert_allclose(again, scores, rtol=1e-6)
    assert torch.backends.mha.get_fastpath_enabled()


class Last(nn.Module):
    def forward(self, x):
        return x[:, -1]


def test_dropout_by_a_function_stays_off():
    class Functional(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 3)

        def forward(self, x):
            return nn.functional.dropout(self.layer(x), training=self.training)

    X = rows()
    with pytest.raises(ValueError, match="not dropout as a function"):
        MCDropoutScorer(Functional()).fit(X)
    net = nn.Sequential(dropout_net(), nn.Linear(3, 4), Functional())
    scorer, same = (MCDropoutScorer(net, n_samples=2, random_state=0).fit(X) for _ in range(2))
    np.testing.assert_array_equal(scorer.score_samples(X), same.score_samples(X))


class Idle(nn.Module):
    """Has a dropout layer and does not call it."""

    def __init__(self):
        super().__init__()
        self.layer, self.dropout = nn.Linear(4, 3), nn.Dropout()

    def forward(self, x):
        return self.layer(x)


@pytest.mark.parametrize(
    "module",
    [
        nn.Linear(4, 3),
        nn.Sequential(nn.Linear(4, 3), nn.Dropout(0.0)),
        nn.Sequential(nn.LSTM(4, 3, 2, dropout=0.5)),
        Idle(),
        nn.Dropout(0.5),
    ],
)
def test_a_module_without_dropout(module):
    message = (
        r"'module' parameter of MCDropoutScorer must be a module that calls dropout layers with a "
        rf"probability above 0 .* Got '{type(module).__name__}' instead"
    )
    with pytest.raises(ValueError, match=message):
        MCDropoutScorer(module).fit(rows())


@pytest.mark.parametrize(
    ("params", "message"),
    [
        (
            {"n_samples": 1},
            r"'n_samples' parameter of MCDropoutScorer must be an int in \[2, inf\)",
        ),
        ({"n_samples": 2.0}, r"'n_samples' .* Got 2.0"),
        ({"measure": "std"}, "'measure' parameter of MCDropoutScorer must be one of 'max_softmax'"),
        ({"module": None}, "'module' parameter of MCDropoutScorer must be a torch.nn.Module"),
        ({"outputs": "scores"}, "'outputs' parameter of MCDropoutScorer must be one of 'logits'"),
    ],
)
def test_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        MCDropoutScorer(**{"module": dropout_net(), **params}).fit(rows())


def test_probabilities():
    net, X = dropout_net(), rows()
    ended = nn.Sequential(net, nn.Softmax(1))
    with pytest.raises(ValueError, match="'outputs' parameter of MCDropoutScorer must be 'prob"):
        MCDropoutScorer(ended).fit(X)
    scorer, expected = (
        MCDropoutScorer(module, n_samples=3, outputs=outputs, random_state=0).fit(X)
        for module, outputs in ((ended, "probabilities"), (net, "logits"))
    )
    np.testing.assert_allclose(scorer.score_samples(X), expected.score_samples(X), rtol=1e-5)


def test_threads_with_other_seeds_and_a_transformer_on_one_module():
    net, X = lenet(), images(40)
    before = state_of(net)
    scorers = [MCDropoutScorer(net, n_samples=20, random_state=seed).fit(X) for seed in (0, 1)]
    layers = TorchFeatureTransformer(net, ["dropout", "output"]).fit(X)
    jobs = [*(scorer.score_samples for scorer in scorers), layers.transform]
    alone = [job(X) for job in jobs]
    assert not np.allclose(alone[0], alone[1])
    barrier, thread_runs = threading.Barrier(3, timeout=20), [[], [], []]

    def work(number):
        barrier.wait()
        thread_runs[number] += [jobs[number](X) for _ in range(5)]

    threads = [threading.Thread(target=work, args=(number,)) for number in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for runs, expected in zip(thread_runs, alone, strict=True):
        assert len(runs) == 5
        for run in runs:
            np.testing.assert_array_equal(run, expected)
    assert state_of(net) == before


def test_a_copy_taken_during_a_call_drops_nothing():
    net, X = dropout_net(), rows().astype(np.float32)
    copies = []

    class Copying(nn.Module):
        def forward(self, x):
            copies.append(copy.deepcopy(net))
            return x

    MCDropoutScorer(nn.Sequential(net, Copying()), n_samples=2).fit(X)
    given = torch.from_numpy(X)
    with torch.no_grad():
        torch.testing.assert_close(copies[-1].eval()(given), copy.deepcopy(net).eval()(given))


def test_uncertainty_grows_away_from_the_training_rows():
    # what the score is for: a trained network, and rows further and further off between classes
    generator = torch.Generator().manual_seed(0)
    labels = torch.arange(400) % 2
    X = torch.randn(400, 2, generator=generator) + 4.0 * labels[:, None]
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Dropout(0.3), nn.Linear(64, 2))
        optimiser = torch.optim.Adam(net.parameters(), lr=0.05)
        for _ in range(60):
            optimiser.zero_grad()
            nn.functional.cross_entropy(net(X), labels).backward()
            optimiser.step()
    away = np.linspace(0, 2, 9)
    Q = np.column_stack([away, away]).astype(np.float32)  # from the first centre to the boundary
    for measure in MEASURES:
        scorer = MCDropoutScorer(net, measure=measure, random_state=0).fit(X)
        assert spearmanr(away, scorer.score_samples(Q)).statistic < -0.9
