"""`TorchFeatureTransformer` uses the module as it is: shared, and never left changed."""

from __future__ import annotations

import copy
import pickle
import threading
import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline

from skood import KNNOutlierDetector, LCPOutlierDetector, PartialWhitener
from skood.metrics import auroc

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402

from skood.deep import TorchFeatureTransformer, _fused_layers  # noqa: E402
from skood.deep._placement import on_device  # noqa: E402

from ..detectors import rows  # noqa: E402
from ..processes import another_process  # noqa: E402
from ..torch_nets import (  # noqa: E402
    Failing,
    Shared,
    images,
    lenet,
    seeded,
    sequences,
    state_of,
)


def frozen_lenet():
    """Training, but for a part of it; with a frozen weight and a hook of its owner."""
    net = lenet()
    net.norm.eval()
    net.conv1.weight.requires_grad_(False)
    net.hidden.register_forward_hook(lambda *call: call[2] * 2)
    return net


def test_the_module_is_left_as_it_was():
    net, X = frozen_lenet(), images()
    before = state_of(net)
    generator = torch.get_rng_state()
    transformer = TorchFeatureTransformer(net, ["conv1", "hidden", "penultimate"])
    out = transformer.fit(X).transform(X)
    transformer.gradient(X, lambda features: features.sum(1))
    assert state_of(net) == before
    assert torch.equal(torch.get_rng_state(), generator)
    np.testing.assert_array_equal(out[:, 13:], np.maximum(out[:, 4:13], 0))
    # its owner's hook is in force
    net.hidden._forward_hooks.clear()
    np.testing.assert_allclose(transformer.transform(X)[:, 4:13] * 2, out[:, 4:13], rtol=1e-5)


@pytest.mark.parametrize("error", [KeyboardInterrupt(), MemoryError("too large"), RuntimeError()])
def test_the_module_is_left_as_it_was_after_an_error(error):
    net, X = Failing(None), rows(9, 4)
    before = state_of(net)
    transformer = TorchFeatureTransformer(net, "layer", device="cpu").fit(X)
    net.error = error
    expected = ValueError if type(error) is RuntimeError else type(error)
    calls = [transformer.fit, transformer.transform, lambda X: transformer.gradient(X, torch.sum)]
    for call in calls:
        with pytest.raises(expected):
            call(X)
        assert state_of(net) == before
    if isinstance(error, MemoryError):
        assert "Failing fails on samples of shape (4,)" in error.__notes__[0]


def test_an_error_of_the_samples_leaves_the_module_as_it_was():
    net = lenet()
    before = state_of(net)
    X = images()
    transformer = TorchFeatureTransformer(net, batch_size=16).fit(X)
    X[40, 0, 3, 3] = np.nan
    with pytest.raises(ValueError, match="Input X contains NaN"):
        transformer.transform(X)
    assert state_of(net) == before


class Meeting(nn.Module):
    """Lets both threads into the module before either goes on."""

    def __init__(self):
        super().__init__()
        self.barrier = threading.Barrier(2, timeout=20)

    def forward(self, x):
        self.barrier.wait()
        return x

    def __deepcopy__(self, memo):
        return Meeting()


def test_two_transformers_in_two_threads_on_one_module():
    net = lenet()
    net.dropout = nn.Sequential(Meeting(), nn.Dropout())
    net.norm.eval()
    X, Q = images(48), images(48, seed=1)
    before = state_of(net)
    plain = lenet()
    jobs = [(["conv1", "penultimate"], "mean", X), (["relu1", "conv1"], "max", Q)]
    expected = [TorchFeatureTransformer(plain, a, reduce=r).fit_transform(Z) for a, r, Z in jobs]

    def work(layers, reduce, Z):
        make = TorchFeatureTransformer(net, layers, reduce=reduce, batch_size=16, device="cpu")
        transformer = make.fit(Z)  # on another device each thread has a copy of its own
        return [transformer.transform(Z) for _ in range(4)]

    with ThreadPoolExecutor(2) as pool:
        thread_runs = list(pool.map(lambda job: work(*job), jobs))
    for runs, plain_run in zip(thread_runs, expected, strict=True):
        for run in runs:
            np.testing.assert_allclose(run, plain_run, rtol=1e-5, atol=1e-6)
    assert state_of(net) == before


def test_the_last_thread_to_leave_restores_the_mode():
    # The first thread works on the whole, the second on a part of it, and the first leaves first.
    inside, may_leave = threading.Event(), threading.Event()

    class Waiting(nn.Module):
        def forward(self, x):
            if threading.current_thread().name == "part":
                inside.set()
                assert may_leave.wait(20)
            modes.append(self.training)
            return x

    modes = []
    part = nn.Sequential(Waiting(), nn.Dropout(0.5))
    net = nn.Sequential(part, nn.Tanh())
    X = rows(9, 4)
    outputs = []

    def work(module):
        return TorchFeatureTransformer(module, "1", device="cpu").fit_transform(X)

    thread = threading.Thread(target=lambda: outputs.append(work(part)), name="part")
    thread.start()
    assert inside.wait(20)
    work(net)
    assert not part.training  # it is still at work there
    may_leave.set()
    thread.join()
    np.testing.assert_allclose(outputs[0], X, rtol=1e-6)
    assert not any(modes)
    assert all(m.training for m in net.modules())


def test_a_module_may_use_a_transformer_on_its_own_layers():
    class Outer(nn.Module):
        def __init__(self):
            super().__init__()
            self.layer = nn.Linear(4, 2)
            self.inner = None

        def forward(self, x):
            if self.inner is not None:
                self.inner.transform(np.zeros((3, 4)))
            return self.layer(x)

    net, X = seeded(Outer), rows(9, 4)
    expected = TorchFeatureTransformer(net, "layer").fit_transform(X)
    inner = TorchFeatureTransformer(net.layer, "output").fit(X)
    net.inner = inner
    transformer = TorchFeatureTransformer(net, "layer").fit(X)
    assert list(transformer.feature_groups_) == ["layer"]
    np.testing.assert_array_equal(transformer.transform(X), expected)


def test_a_pickle_taken_while_a_thread_is_at_work_has_no_hooks_that_do_anything():
    net, X = lenet(), images()
    copies = []

    class Copying(nn.Module):
        def forward(self, x):
            copies.append(pickle.dumps(net.conv1))
            copies.append(copy.deepcopy(net.conv1))
            return x

    outer = nn.Sequential(net, Copying())
    expected = TorchFeatureTransformer(net, "conv1").fit_transform(X)
    TorchFeatureTransformer(outer, "0.conv1").fit(X)
    for copied in (pickle.loads(copies[0]), copies[1]):  # noqa: S301
        np.testing.assert_array_equal(
            TorchFeatureTransformer(copied, "output").fit_transform(X), expected
        )


def test_the_fused_path_of_an_encoder_layer_is_kept():
    layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
    net = nn.Sequential(seeded(lambda: layer), nn.Linear(8, 2))
    called, X = [], sequences()
    layer.linear1.forward = lambda x: called.append(x) or nn.Linear.forward(layer.linear1, x)
    transformer = TorchFeatureTransformer(net, ["0", "penultimate"], device="cpu").fit(X)
    called.clear()
    out = transformer.transform(X)
    assert not called  # fused: the parts are not called one by one
    inner = TorchFeatureTransformer(net, ["0", "0.linear1"], device="cpu").fit_transform(X)
    assert called
    np.testing.assert_allclose(inner[:, :8], out[:, :8], rtol=1e-4, atol=1e-5)
    net[0].register_forward_hook(lambda *call: call[2] + 1)
    np.testing.assert_allclose(transformer.transform(X)[:, :8], out[:, :8] + 1, rtol=1e-3)


def test_encoder_layers_of_torch_2_4_call_their_parts(monkeypatch):
    # There, a hook does not keep a layer from its fused path: torch's switch for that is used.
    monkeypatch.setattr(_fused_layers, "_HOOKS_ARE_SEEN", False)
    net = nn.Sequential(seeded(lambda: nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)))
    X, switched = sequences(), []
    seen = net.register_forward_hook(
        lambda *_: switched.append(torch.backends.mha.get_fastpath_enabled())
    )
    for layers in (["0.linear1", "0"], ["0"]):
        transformer = TorchFeatureTransformer(net, layers).fit(X)
        switched.clear()
        transformer.transform(X)
        assert switched == [layers == ["0"]]
        assert torch.backends.mha.get_fastpath_enabled()
    seen.remove()
    with pytest.raises(KeyError), _fused_layers.parts_called(), _fused_layers.parts_called():
        raise KeyError
    assert torch.backends.mha.get_fastpath_enabled()


def test_a_copy_on_another_device_leaves_the_module_where_it_is():
    net = seeded(lambda: nn.Sequential(nn.BatchNorm1d(4), Shared(), nn.GRU(4, 3)))
    net[1].idle.weight = net[1].first.weight  # tied
    net[0].weight.requires_grad_(False)
    before = state_of(net)
    there = on_device(net, torch.device("meta"))
    assert state_of(net) == before
    assert on_device(net, torch.device("cpu")) is net
    assert all(t.device.type == "meta" for t in (*there.parameters(), *there.buffers()))
    assert there[1].idle.weight is there[1].first.weight
    assert there[1].alias is there[1].first
    assert isinstance(there[0].weight, nn.Parameter)
    assert not there[0].weight.requires_grad
    assert there(torch.ones(5, 4, device="meta"))[0].shape == (5, 3)


def test_gradients_pass_through_a_copy_made_in_inference_mode():
    net, X = nn.Linear(4, 2), torch.ones(3, 4, device="meta", requires_grad=True)
    with torch.inference_mode():
        there = on_device(net, torch.device("meta"))
    there(X).sum().backward()
    assert X.grad.shape == (3, 4)


def test_a_traced_module_stays_where_it_is(monkeypatch):
    X = images()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", DeprecationWarning)  # of torch.jit itself
        traced = torch.jit.trace(lenet().eval(), torch.from_numpy(X))
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert TorchFeatureTransformer(traced, "output").fit_transform(X).shape == (len(X), 3)
    with pytest.raises(ValueError, match=r"'device' .* 'auto' or 'cpu', the device of this"):
        TorchFeatureTransformer(traced, "output", device="meta").fit(X)


def test_a_compiled_module_stands_for_the_one_it_was_made_of():
    net, X = lenet(), images()
    compiled = torch.compile(net, backend="eager")
    expected = TorchFeatureTransformer(net, ["conv1", "penultimate"]).fit_transform(X)
    transformer = TorchFeatureTransformer(compiled, ["conv1", "penultimate"])
    np.testing.assert_array_equal(transformer.fit_transform(X), expected)


def _transformed(transformer, X):
    return transformer.transform(X)


def test_pickle_copy_and_a_process_pool():
    net, X = lenet(), images()
    transformer = TorchFeatureTransformer(net, ["conv1", "penultimate"]).fit(X)
    expected = transformer.transform(X)
    slim = len(pickle.dumps(transformer)) - len(pickle.dumps(net))
    assert slim < 3000
    for other in (pickle.loads(pickle.dumps(transformer)), copy.deepcopy(transformer)):  # noqa: S301
        assert other.module is not net
        assert all(part.training for part in other.module.modules())
        np.testing.assert_array_equal(other.transform(X), expected)
    features = another_process().submit(_transformed, transformer, X).result()
    np.testing.assert_allclose(features, expected, rtol=1e-5, atol=1e-6)


def test_clone_and_searches_share_the_module():
    net, X = lenet(), images(60)
    pipeline = make_pipeline(
        TorchFeatureTransformer(net).set_output(transform="pandas"), KNNOutlierDetector(3)
    )
    again = clone(pipeline)
    assert again[0].module is net
    assert again[0].fit_transform(X).columns[0] == "penultimate__0"
    search = GridSearchCV(
        pipeline,
        {"torchfeaturetransformer__layers": ["conv1", "logits"]},
        scoring=lambda estimator, rows, *_: estimator.score_samples(rows).mean(),
    ).fit(X)
    assert search.best_estimator_[0].module is net
    assert len(set(search.cv_results_["mean_test_score"])) == 2


def test_pipeline_under_a_search_in_two_processes():
    X = np.concatenate([images(80), 1.1 * images(20, seed=1)])
    y = np.r_[np.ones(80), -np.ones(20)].astype(int)
    search = GridSearchCV(
        make_pipeline(TorchFeatureTransformer(lenet()), PartialWhitener(), LCPOutlierDetector()),
        {
            "torchfeaturetransformer__layers": ["conv?", "penultimate"],
            "torchfeaturetransformer__reduce": ["mean", "max"],
            "partialwhitener__power": [0.0, 0.5],
        },
        scoring=lambda estimator, rows, labels: auroc(labels, estimator.score_samples(rows)),
        cv=PredefinedSplit(np.r_[np.full(50, -1), np.zeros(50)]),
        refit=False,
        n_jobs=2,
    ).fit(X, y)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert len(set(search.cv_results_["mean_test_score"])) > 4
