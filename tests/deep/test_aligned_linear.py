"""A linear layer rounds a sample alike at any place of a batch, and is given back as it was."""

from __future__ import annotations

import copy
import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402
from torch.nn import functional  # noqa: E402

from skood.deep import AutoencoderTransformer, ODINScorer, TorchFeatureTransformer  # noqa: E402
from skood.deep._aligned_linear import AlignedForward  # noqa: E402
from skood.deep._evaluation_mode import evaluation_mode  # noqa: E402

from ..detectors import rows  # noqa: E402
from ..torch_nets import seeded  # noqa: E402

WIDTHS = [(9, 3), (54, 9), (5, 64), (10, 10), (64, 10), (333, 33), (3, 1)]


def linear(n_inputs, n_outputs, dtype=torch.float32):
    return seeded(lambda: nn.Linear(n_inputs, n_outputs)).to(dtype)


def random_rows(*shape, dtype=torch.float32):
    return torch.from_numpy(np.random.default_rng(0).normal(size=shape)).to(dtype)


def n_roundings(values):
    """How many different rows there are, to the last bit."""
    return len({row.tobytes() for row in values.detach().numpy()})


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("n_inputs", "n_outputs"), WIDTHS)
@pytest.mark.parametrize("n_rows", [2, 7, 10, 16, 50, 64])
def test_a_row_is_rounded_alike_at_any_place(n_rows, n_inputs, n_outputs, dtype):
    layer = linear(n_inputs, n_outputs, dtype)
    with evaluation_mode(layer):
        for row in random_rows(5, n_inputs, dtype=dtype):
            batch = row.repeat(n_rows, 1).requires_grad_()
            with torch.no_grad():
                assert n_roundings(layer(batch.detach())) == 1
            (slope,) = torch.autograd.grad((layer(batch) ** 2).sum(), batch)
            assert n_roundings(slope) == 1


@pytest.mark.parametrize(
    "view",
    [
        lambda batch: batch[:, 1:],
        lambda batch: batch.T.contiguous().T,
        lambda batch: batch.reshape(4, 3, -1),
        lambda batch: batch.reshape(4, 3, -1).transpose(0, 1),
        lambda batch: batch[3:4],
        lambda batch: batch[5],
        lambda batch: batch[:0],
    ],
    ids=["columns left out", "by columns", "steps", "steps first", "single", "one axis", "none"],
)
@pytest.mark.parametrize("bias", [True, False])
def test_it_is_the_linear_map_of_torch(view, bias):
    batch = view(random_rows(12, 9))
    layer = seeded(lambda: nn.Linear(batch.shape[-1], 5, bias=bias))
    expected = functional.linear(batch, layer.weight, layer.bias)
    with evaluation_mode(layer):
        outputs = layer(batch)
        slopes = torch.autograd.grad((outputs**2).sum(), [layer.weight])
    assert outputs.shape == expected.shape
    np.testing.assert_allclose(outputs.detach(), expected.detach(), rtol=1e-5, atol=1e-6)
    plain = torch.autograd.grad((expected**2).sum(), [layer.weight])
    np.testing.assert_allclose(slopes[0], plain[0], rtol=1e-5, atol=1e-6)


def test_a_misfit_is_an_error():
    layer = linear(9, 5)
    # 9 and 10 are filled up to the same number
    with evaluation_mode(layer), pytest.raises(RuntimeError, match="12x10 and 9x5"):
        layer(random_rows(12, 10))


@pytest.mark.filterwarnings("ignore:The PyTorch API of nested tensors")
@pytest.mark.parametrize("layout", [torch.sparse_coo, torch.strided, torch.jagged])
def test_sparse_and_nested_rows(layout):
    layer, dense = linear(9, 5), random_rows(6, 9)
    with evaluation_mode(layer), torch.no_grad():
        if layout is torch.sparse_coo:
            outputs = layer(dense.to_sparse())
        else:
            nested = torch.nested.nested_tensor([dense[:2], dense[2:]], layout=layout)
            outputs = torch.cat(layer(nested).unbind())
        np.testing.assert_allclose(outputs, layer(dense), rtol=1e-5, atol=1e-6)


def test_weights_that_change_are_seen():
    layer, batch = nn.Linear(9, 5, bias=False), random_rows(12, 9)
    with evaluation_mode(layer), torch.no_grad():
        before = layer(batch)
        layer.weight.mul_(2)
        np.testing.assert_array_equal(layer(batch), 2 * before)
        layer.weight = nn.Parameter(torch.zeros(5, 9))
        np.testing.assert_array_equal(layer(batch), torch.zeros(12, 5))


def test_inference_mode_in_one_thread_leaves_another_its_gradients():
    layer, batch = linear(9, 5).requires_grad_(requires_grad=False), random_rows(12, 9)
    with evaluation_mode(layer):
        with torch.inference_mode():
            layer(batch)
        (slope,) = torch.autograd.grad(layer(batch.requires_grad_()).sum(), batch)
    np.testing.assert_allclose(slope, layer.weight.sum(0).expand(12, 9), rtol=1e-5)


class OwnForward(nn.Linear):
    def forward(self, batch):
        return super().forward(batch) + 1


def test_layers_get_their_forward_back():
    net = nn.Sequential(nn.Linear(9, 5), OwnForward(5, 3), nn.Linear(3, 2))
    kept = net[2].forward = lambda batch: -batch
    batch = random_rows(12, 9)
    with evaluation_mode(net), ThreadPoolExecutor(1) as pool:
        assert isinstance(net[0].forward, AlignedForward)
        pool.submit(TorchFeatureTransformer(net[0], "output", device="cpu").fit, batch).result()
        assert isinstance(net[0].forward, AlignedForward)  # held by this thread still
        assert "forward" not in net[1].__dict__
        assert net[2].forward is kept
    assert "forward" not in net[0].__dict__
    assert net[2].forward is kept


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda net: pickle.loads(pickle.dumps(net))])  # noqa: S301
def test_a_copy_made_meanwhile_has_the_forward_of_torch(copied):
    net, batch = nn.Sequential(linear(9, 5)), random_rows(12, 9)
    with evaluation_mode(net):
        other = copied(net)
    other = copied(other)
    assert other[0].forward.__func__ is nn.Linear.forward
    assert other[0].forward.__self__ is other[0]
    with torch.no_grad():
        np.testing.assert_array_equal(other(batch), net(batch))


def odd_net():
    return nn.Sequential(nn.Linear(9, 50), nn.ReLU(), nn.Linear(50, 7), nn.ReLU(), nn.Linear(7, 3))


@pytest.mark.parametrize("batch_size", [2, 10, 16, 64])
def test_samples_alone_and_in_any_batch_of_a_net_of_odd_widths(batch_size):
    net, X = seeded(odd_net), rows(70, 9, dtype=np.float32)
    order = np.random.default_rng(0).permutation(len(X))
    transformer = TorchFeatureTransformer(net, ["0", "2", "4"], batch_size=batch_size).fit(X)
    scorer = ODINScorer(net, perturbation=0.02, batch_size=batch_size).fit(X)
    for give in (
        transformer.transform,
        scorer.score_samples,
        lambda Z: transformer.gradient(Z, lambda features: (features**2).sum(1)),
    ):
        whole = give(X)
        np.testing.assert_array_equal(give(X[order]), whole[order])
        np.testing.assert_array_equal(np.concatenate([give(row) for row in X[:, None]]), whole)


def test_rows_alone_and_in_any_batch_of_an_autoencoder_of_odd_widths():
    X = rows(70, 9)
    autoencoder = AutoencoderTransformer(hidden=(13, 7), n_components=3, epochs=2, random_state=0)
    autoencoder.fit(X)
    codes = autoencoder.transform(X)
    for give, Z in (
        (autoencoder.transform, X),
        (autoencoder.reconstruction_error, X),
        (autoencoder.inverse_transform, codes),
    ):
        whole = give(Z)
        np.testing.assert_array_equal(np.concatenate([give(row) for row in Z[:, None]]), whole)
        np.testing.assert_array_equal(give(Z[::-1])[::-1], whole)
