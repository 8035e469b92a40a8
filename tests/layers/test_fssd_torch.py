"""FSSDScorer on the layers of a real network, with and without its gradients."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402

from skood import FSSDScorer  # noqa: E402
from skood.deep import TorchFeatureTransformer  # noqa: E402
from skood.layers.inputs import RawInputs  # noqa: E402
from skood.measures import singularity_distance  # noqa: E402

from ..processes import another_process  # noqa: E402
from ..torch_nets import Sequences, images, lenet, seeded, sequences  # noqa: E402

LAYERS = ["norm", "relu2", "hidden", "logits"]


def make(layers=LAYERS, dtype="float32", net=None, **options):
    net = lenet() if net is None else net
    features = TorchFeatureTransformer(net, layers, batch_size=16, dtype=dtype, device="cpu")
    return FSSDScorer(features, **{"n_noise": 20, "random_state": 0, **options})


@pytest.fixture(scope="module")
def double_net():
    """Weights of float64, so that differences say what a gradient is; smooth, so that one is."""

    def layers():
        convolutions = nn.Conv2d(1, 4, 3), nn.Tanh(), nn.Conv2d(4, 6, 3), nn.Tanh()
        return nn.Sequential(*convolutions, nn.Flatten(), nn.Linear(54, 5)).double()

    return seeded(layers)


def _by_hand(net, X):
    """Features of each layer by the modules themselves."""
    net = copy.deepcopy(net).eval()
    with torch.no_grad():
        norm = net.norm(net.conv1(torch.from_numpy(X)))
        second = torch.relu(net.conv2(torch.relu(norm)))
        hidden = net.hidden(net.flatten(net.pool(second)))
        logits = net.logits(torch.relu(hidden))
    maps = (norm.mean(dim=(2, 3)), second.mean(dim=(2, 3)))
    return [values.numpy() for values in (*maps, hidden, logits)]


def test_distances_are_from_the_mean_features_of_noise():
    X, Q = images(40), images(9, seed=1)
    net = lenet()
    scorer = make(net=net).fit(X)
    assert scorer.layer_names_ == LAYERS
    assert [len(columns) for columns in scorer.layer_columns_.values()] == [4, 6, 9, 3]
    low, high = float(X.min()), float(X.max())
    noise = np.random.RandomState(0).random_sample((144, 20)).T.reshape(20, 1, 12, 12)
    made = (low + (high - low) * noise).astype(np.float32)
    stars = [values.mean(axis=0) for values in _by_hand(net, made)]
    np.testing.assert_allclose(scorer.singularity_, np.concatenate(stars), rtol=1e-4, atol=1e-5)
    expected = [
        np.linalg.norm(values - star, axis=1)
        for values, star in zip(_by_hand(net, Q), stars, strict=True)
    ]
    np.testing.assert_allclose(scorer.layer_scores(Q), np.transpose(expected), rtol=1e-3)


def _slope_by_differences(scorer, X, columns, step=1e-5):
    """Gradient of each sample's distance in one layer, by central differences."""

    def distance(Z):
        features = scorer.feature_extractor_.transform(Z)
        return singularity_distance(features[:, columns], scorer.singularity_[columns])

    slope = np.empty_like(X)
    for place in np.ndindex(X.shape[1:]):
        at = (slice(None), *place)
        up, down = X.copy(), X.copy()
        up[at] += step
        down[at] -= step
        slope[at] = (distance(up) - distance(down)) / (2 * step)
    return slope


def _star(scorer, columns):
    return scorer.singularity_[columns]


@pytest.mark.parametrize("direction", ["ascend", "descend"])
@pytest.mark.parametrize("gradient", ["sign", "standardised"])
def test_perturbed_scores_equal_those_by_differences(double_net, gradient, direction):
    X, Q = (images(n, n)[:, :, :7, :7].astype(np.float64) for n in (30, 5))
    scorer = make(
        ["1", "3", "5"],
        dtype="float64",
        net=double_net,
        perturbation=0.01,
        gradient=gradient,
        direction=direction,
    ).fit(X)
    plain = clone(scorer).set_params(perturbation=0.0).fit(X)
    for i, columns in enumerate(scorer.layer_columns_.values()):
        slope = _slope_by_differences(scorer, Q, columns)
        move = np.sign(slope)
        if gradient == "standardised":
            centred = slope - slope.mean(axis=(1, 2, 3), keepdims=True)
            move = centred / slope.std(axis=(1, 2, 3), keepdims=True)
        moved = Q + (0.01 if direction == "ascend" else -0.01) * move
        moved_inputs = scorer._layers.moved(scorer.feature_extractor_, RawInputs(Q), columns)
        clear = np.abs(slope) > 1e-8  # of the others the differences don't tell the sign
        assert clear.mean() > 0.95
        np.testing.assert_allclose(moved_inputs.values[clear], moved[clear], rtol=1e-5, atol=1e-7)
        features = scorer.feature_extractor_.transform(moved_inputs.values)
        expected = singularity_distance(features[:, columns], _star(scorer, columns))
        np.testing.assert_allclose(scorer.layer_scores(Q)[:, i], expected, rtol=1e-12)
        # a small step along the gradient moves the distance the way it is meant to
        if gradient == "sign":
            change = scorer.layer_scores(Q)[:, i] - plain.layer_scores(Q)[:, i]
            first_order = 0.01 * np.abs(slope).sum(axis=(1, 2, 3))
            np.testing.assert_allclose(
                change, first_order if direction == "ascend" else -first_order, rtol=0.2
            )


@pytest.mark.parametrize("combine", ["profile", "sum"])
def test_no_perturbation_is_exactly_that(combine):
    X, Q = images(40), images(9, seed=1)
    zero = make(perturbation=0.0, gradient="standardised", combine=combine).fit(X)
    plain = make(combine=combine).fit(X)
    np.testing.assert_array_equal(zero.score_samples(Q), plain.score_samples(Q))
    tiny = make(perturbation=1e-30, combine=combine).fit(X)  # is lost in float32
    np.testing.assert_array_equal(tiny.score_samples(Q), plain.score_samples(Q))


def test_an_input_at_the_singularity_stays_finite():
    X = images(30)
    features = make().fit(X).feature_extractor_.transform(X)
    scorer = make(singularity=features[0], perturbation=0.01).fit(X)
    assert np.isfinite(scorer.layer_scores(X)).all()
    assert np.isfinite(scorer.training_scores_).all()


@pytest.mark.parametrize("perturbation", [0.0, 0.02])
def test_training_images_are_left_out_in_any_batch(perturbation):
    X = images(70)
    scorer = make(perturbation=perturbation).fit(X)
    for part in (slice(None), [7], [3, 69, 8], slice(20, 57)):
        np.testing.assert_allclose(
            scorer.score_samples(X[part]), scorer.training_scores_[part], rtol=1e-9
        )
    Q = images(30, seed=1)
    whole = scorer.score_samples(Q)
    order = np.random.default_rng(0).permutation(30)
    np.testing.assert_allclose(scorer.score_samples(Q[order]), whole[order], rtol=1e-6)
    np.testing.assert_allclose(scorer.score_samples(Q[4:5]), whole[4:5], rtol=1e-6)
    np.testing.assert_allclose(scorer.score_samples(torch.from_numpy(Q)), whole, rtol=1e-6)


def test_forward_passes_are_two_a_layer_and_batch():
    net = lenet()
    X, Q = images(40), images(160, seed=1)
    calls = []
    net.conv1.register_forward_hook(lambda *_: calls.append(1))
    for perturbation, expected in ((0.0, 10), (0.01, 2 * len(LAYERS) * 10)):
        scorer = make(net=net, perturbation=perturbation, combine="sum").fit(X)
        calls.clear()
        scorer.score_samples(Q)
        assert len(calls) == expected


@pytest.mark.parametrize("n_layers", [1, 4])
@pytest.mark.parametrize("perturbation", [0.0, 0.01])
def test_the_module_is_opened_once_for_all_layers_and_batches(monkeypatch, n_layers, perturbation):
    """Each opening puts one hook on each layer, and sets evaluation mode once."""
    net, layers = lenet(), LAYERS[:n_layers]
    scorer = make(layers, net=net, perturbation=perturbation).fit(images(40))
    hooked, modes = [], []
    for name in layers:
        part = net.get_submodule(name)
        register = part.register_forward_hook

        def counted(*args, name=name, register=register, **options):
            hooked.append(name)
            return register(*args, **options)

        monkeypatch.setattr(part, "register_forward_hook", counted)
    set_mode = type(net).__setattr__

    def watched(self, name, value):
        if name == "training" and self is net:
            modes.append(value)
        set_mode(self, name, value)

    monkeypatch.setattr(type(net), "__setattr__", watched, raising=False)
    scorer.score_samples(images(70, seed=1))  # five batches of 16
    assert hooked == layers
    assert modes == [False, True]
    assert all(not part._forward_hooks for part in net.modules())


def test_the_module_is_left_as_it_was_and_shared():
    net = lenet()
    before = {name: value.clone() for name, value in net.state_dict().items()}
    scorer = make(net=net, perturbation=0.01).fit(images(40))
    scorer.score_samples(images(9))
    assert net.training
    assert all(p.grad is None for p in net.parameters())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert clone(scorer).feature_extractor.module is net
    assert scorer.feature_extractor_.module is net


def test_copies_score_the_same():
    Q = images(9, seed=1)
    scorer = make(perturbation=0.01).fit(images(40))
    expected = scorer.score_samples(Q)
    for other in (pickle.loads(pickle.dumps(scorer)), copy.deepcopy(scorer)):  # noqa: S301
        np.testing.assert_array_equal(other.score_samples(Q), expected)


def _score(task):
    scorer, Q = task
    return scorer.score_samples(Q)


def test_processes_and_threads():
    batches = [images(30, seed=seed) for seed in range(1, 5)]
    scorer = make(perturbation=0.01).fit(images(40))
    tasks = [(scorer, Q) for Q in batches]
    expected = [_score(task) for task in tasks]
    with ThreadPoolExecutor(4) as pool:
        by_threads = list(pool.map(_score, tasks))
    by_process = list(another_process().map(_score, tasks[:2]))
    for scores, alone in zip(by_threads + by_process, expected + expected[:2], strict=True):
        np.testing.assert_allclose(scores, alone, rtol=1e-5)


@pytest.mark.parametrize("perturbation", [0.0, 0.01])
def test_sequences(perturbation):
    scorer = make(["encoder", "lstm", "logits"], net=seeded(Sequences), perturbation=perturbation)
    scorer.fit(sequences(30))
    assert scorer.layer_scores(sequences(7, seed=1)).shape == (7, 3)


def test_tokens_get_noise_of_tokens():
    def layers():
        return nn.Sequential(nn.Embedding(4, 6), nn.LSTM(6, 3, batch_first=True))

    X = np.random.default_rng(0).integers(0, 4, size=(40, 12))
    scorer = make(["0", "1"], net=seeded(layers)).fit(X)
    assert np.isfinite(scorer.score_samples(X)).all()
    with pytest.raises(ValueError, match="must hold arrays of real numbers to have a gradient"):
        clone(scorer).set_params(perturbation=0.1).fit(X)


def test_signs_have_no_gradient():
    scorer = make(perturbation=0.1)
    scorer.feature_extractor.set_params(output="sign")
    with pytest.raises(ValueError, match="'activation' for a gradient"):
        scorer.fit(images(20))


def test_logistic_learns_from_images_labelled_minus_one():
    inside, outside = images(60), images(30, seed=1) * 3
    X, y = np.concatenate([outside, inside]), np.repeat([-1, 1], [30, 60])
    scorer = make(combine="logistic", perturbation=0.01).fit(X, y)
    scores = scorer.score_samples(X)
    assert scores[30:].mean() > scores[:30].mean() + 1
    np.testing.assert_allclose(scores[30:], scorer.training_scores_, rtol=1e-6)
    np.testing.assert_allclose(
        scorer.layer_scores(X) @ scorer.coef_ + scorer.intercept_, scores, rtol=1e-9
    )
