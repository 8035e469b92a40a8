"""`TrainingTrace` in a user's own loop, against features taken by hand."""

from __future__ import annotations

import numpy as np
import pytest

from skood.measures import singularity_distance

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402

from skood.deep import TorchFeatureTransformer, TrainingTrace  # noqa: E402

LAYERS = ["1", "3"]  # the first ReLU and the second linear layer


def _task(seed=0):
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = nn.Sequential(
            nn.Linear(4, 24),
            nn.ReLU(),
            nn.Dropout(0.2),
            nn.Linear(24, 12),
            nn.ReLU(),
            nn.Linear(12, 2),
        )
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(120, 4)).astype(np.float32)
    return net, X, torch.from_numpy((X[:, 0] * X[:, 1] > 0).astype(np.int64))


def _steps(net, X, y, optimiser, n):
    for _ in range(n):
        loss = nn.functional.cross_entropy(net(torch.from_numpy(X)), y)
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
        yield


def _stopped(steps, at):
    for step, _ in enumerate(steps, 1):
        if step == at:
            raise KeyboardInterrupt
        yield


def _trained(n=12, **options):
    net, X, y = _task()
    optimiser = torch.optim.Adam(net.parameters(), lr=0.01)
    trace = TrainingTrace(
        net, {"known": X[:30], "far": 4 * X[30:50]}, LAYERS, random_state=0, **options
    )
    by_hand = {}
    torch.manual_seed(1)
    with trace.recording(optimiser):
        for step, _ in enumerate(_steps(net, X, y, optimiser, n), 1):
            by_hand[step] = TorchFeatureTransformer(net, LAYERS).fit_transform(X[:30])
    return net, trace, by_hand


def test_features_distances_and_movements_at_checkpoints():
    _, trace, by_hand = _trained()
    assert trace.steps_ == [0, 1, 2, 5, 10, 12]
    first = trace.features_["known"]["3"][0]
    for i, step in enumerate(trace.steps_[1:], 1):
        rows = trace.features_["known"]["3"][i]
        np.testing.assert_array_equal(rows, by_hand[step][:, 24:])
        centre = trace.singularities_["3"][i]
        assert centre.shape == (12,)
        np.testing.assert_array_equal(
            trace.distances("known", "3")[i], singularity_distance(rows, centre)
        )
        np.testing.assert_allclose(
            trace.movements("known", "3")[i], np.linalg.norm(rows - first, axis=1), rtol=1e-5
        )
    assert trace.movements("far", "1").shape == (6, 20)
    assert (trace.movements("far", "1")[0] == 0).all()


def test_a_trace_changes_nothing_in_the_training():
    net, _, _ = _trained()
    plain, X, y = _task()
    optimiser = torch.optim.Adam(plain.parameters(), lr=0.01)
    torch.manual_seed(1)
    list(_steps(plain, X, y, optimiser, 12))
    assert net.training
    for recorded, alone in zip(net.parameters(), plain.parameters(), strict=True):
        assert torch.equal(recorded, alone)


def test_kernels_change_with_the_weights_and_not_without():
    _, trace, _ = _trained(steps=[3, 6], n_kernel_samples=10, n_projections=32)
    assert trace.steps_ == [3, 6, 12]
    assert trace.kernels_["1"].shape == (3, 20, 20)
    changes = trace.kernel_changes("3")
    assert changes[0] == 0.0
    assert (changes[1:] > 1e-4).all()
    assert trace.kernel_changes("3", "last")[-1] == pytest.approx(0.0, abs=1e-7)
    np.testing.assert_allclose(trace.kernel_changes("3", "first")[1], changes[1])
    trace.record(20)  # the weights are those of step 12
    assert trace.kernel_changes("3")[-1] == pytest.approx(0.0, abs=1e-7)
    assert trace.steps_[-1] == 20


def test_blocks_follow_each_other_and_end_with_their_last_step():
    net, X, y = _task()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    trace = TrainingTrace(net, {"known": X}, n_kernel_samples=0, steps=[0, 4])
    for n in (3, 2):
        with trace.recording(optimiser):
            list(_steps(net, X, y, optimiser, n))
    list(_steps(net, X, y, optimiser, 3))  # outside of a block
    assert trace.steps_ == [0, 3, 4, 5]
    assert trace.kernels_ == {}


def test_an_interrupted_training_keeps_its_checkpoints():
    net, X, y = _task()
    optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    trace = TrainingTrace(net, {"known": X}, n_kernel_samples=0)
    stopped = _stopped(_steps(net, X, y, optimiser, 30), at=7)
    with pytest.raises(KeyboardInterrupt), trace.recording(optimiser):
        list(stopped)
    assert trace.steps_ == [0, 1, 2, 5]
    assert not optimiser._optimizer_step_post_hooks


def test_tokens_need_noise_of_their_own():
    net = nn.Sequential(nn.Embedding(9, 4), nn.Flatten(), nn.Linear(12, 2))
    tokens = {"known": torch.randint(0, 9, (8, 3)), "other": torch.randint(0, 9, (8, 3))}
    noise = torch.randint(0, 9, (20, 3))
    trace = TrainingTrace(net, tokens, "output", noise=noise, n_projections=4, n_kernel_samples=4)
    trace.record(0)
    expected = TorchFeatureTransformer(net, "output").fit_transform(noise).mean(axis=0)
    np.testing.assert_allclose(trace.singularities_["output"][0], expected, rtol=1e-5)
    assert trace.kernels_["output"].shape == (1, 8, 8)


@pytest.mark.parametrize(
    ("inputs", "options", "message"),
    [
        ({}, {}, "'inputs' parameter of TrainingTrace must be a dict"),
        ({"known": 3}, {}, "'inputs' parameter of TrainingTrace must be a dict"),
        ({"F*": np.ones((3, 4))}, {}, r"without the names 'F\*' and 'kernel'"),
        ({"known": np.ones((3, 4))}, {"steps": "all"}, "'steps' parameter of TrainingTrace"),
        ({"known": np.ones((3, 4))}, {"steps": [-1]}, "'steps' parameter of TrainingTrace"),
        ({"known": np.ones((3, 4))}, {"n_noise": 0}, "'n_noise' parameter of TrainingTrace"),
        ({"known": np.ones((3, 4))}, {"layers": "9"}, "'layers' parameter"),
        ({"known": {"input": np.ones((3, 4))}}, {}, "'noise' parameter of TrainingTrace"),
    ],
)
def test_bad_arguments(inputs, options, message):
    with pytest.raises(ValueError, match=message):
        TrainingTrace(_task()[0], inputs, **options)


def test_bad_calls():
    net, X, _ = _task()
    trace = TrainingTrace(net, {"known": X}, n_kernel_samples=0)
    with pytest.raises(ValueError, match="no checkpoint yet"):
        trace.movements("known", "penultimate")
    trace.record(5)
    with pytest.raises(ValueError, match="'step' parameter of record must be an int above 5"):
        trace.record(5)
    with pytest.raises(ValueError, match="'kind' parameter of TrainingTrace must be one"):
        trace.distances("unknown", "penultimate")
    with pytest.raises(ValueError, match="n_kernel_samples above 0"):
        trace.kernel_changes("penultimate")
    with (
        pytest.raises(ValueError, match=r"'optimizer' parameter of recording"),
        trace.recording(net),
    ):
        pass
