"""`TorchFeatureTransformer.gradient`, and the same numbers on a GPU."""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from skood.deep import TorchFeatureTransformer  # noqa: E402

from ..detectors import rows  # noqa: E402
from ..torch_nets import FunctionalNet, Sequences, images, lenet, seeded, sequences  # noqa: E402


def by_differences(transformer, X, objective, step=1e-5):
    """The gradient by central differences, for one value of the sample at a time."""
    slope = np.empty_like(X)
    for i in np.ndindex(X.shape[1:]):
        move = np.zeros_like(X)
        move[(slice(None), *i)] = step
        up, down = (
            objective(torch.from_numpy(transformer.transform(Z))).numpy()
            for Z in (X + move, X - move)
        )
        slope[(slice(None), *i)] = (up - down) / (2 * step)
    return slope


@pytest.mark.parametrize(
    ("make", "layers", "X"),
    [
        (FunctionalNet, ["conv", "penultimate"], images(6)[:, :, :5, :5]),
        (Sequences, ["encoder", "lstm", "logits"], sequences(6, 3)),
    ],
)
@pytest.mark.parametrize("reduce", ["mean", "max", "flatten"])
def test_gradient_equals_differences(make, layers, X, reduce):
    net = seeded(make).double()
    for parameter in net.parameters():
        parameter.requires_grad_(len(parameter) % 2 == 0)
    transformer = TorchFeatureTransformer(
        net, layers, reduce=reduce, dtype="float64", batch_size=4
    ).fit(X)
    X = X.astype(np.float64)

    def objective(features):
        return (features - 0.3).square().sum(1).sqrt()

    expected = by_differences(transformer, X, objective)
    np.testing.assert_allclose(transformer.gradient(X, objective), expected, rtol=1e-4, atol=1e-7)
    of_sum = transformer.gradient(torch.from_numpy(X), lambda features: objective(features).sum())
    np.testing.assert_allclose(of_sum, expected, rtol=1e-4, atol=1e-7)
    with torch.inference_mode():
        np.testing.assert_array_equal(
            transformer.gradient(TensorDataset(torch.from_numpy(X)), objective), of_sum
        )
    assert all(p.grad is None for p in net.parameters())


@pytest.mark.parametrize("pad_batches", [True, False])
def test_gradient_of_whole_numbers_and_through_changes_in_place(pad_batches):
    net = nn.Sequential(nn.ReLU(inplace=True), lenet()).eval()
    X = np.random.default_rng(0).integers(0, 9, size=(10, 1, 12, 12), dtype=np.uint8)
    transformer = TorchFeatureTransformer(
        net, ["1.conv2", "1.logits"], reduce="max", pad_batches=pad_batches
    ).fit(X)
    slopes = transformer.gradient(X, lambda features: features[:, 0] + features[:, 6])
    x = torch.from_numpy(X).float().requires_grad_()
    convolved = net[1][:4](x.relu())
    (convolved[:, 0].amax((1, 2)) + net[1][4:](convolved.clone())[:, 0]).sum().backward()
    assert slopes.dtype == np.float32
    np.testing.assert_allclose(slopes, x.grad, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize(
    ("objective", "match"),
    [
        (lambda f: f, r"shape \(9,\) or \(\) for 9 samples\. Got \(9, 2\)"),
        (lambda _: 1.0, "Got float instead"),
        (lambda _: torch.ones(9), "depend on the inputs in a differentiable way"),
        (lambda f: f.detach().sum(), "depend on the inputs in a differentiable way"),
    ],
)
def test_objectives_without_a_gradient(objective, match):
    transformer = TorchFeatureTransformer(nn.Linear(4, 2), "output").fit(rows(9, 4))
    with pytest.raises(ValueError, match=f"objective must .*{match}"):
        transformer.gradient(rows(9, 4), objective)
    transformer.set_params(output="sign")
    with pytest.raises(ValueError, match=r"'output' parameter .* 'activation' for a gradient"):
        transformer.gradient(rows(9, 4), lambda f: f.sum())


@pytest.mark.gpu
@pytest.mark.parametrize("make", [lenet, Sequences])
def test_cuda_gives_what_the_cpu_gives_and_leaves_the_module_where_it_is(make):
    net = seeded(make)
    X = sequences() if make is Sequences else images()
    layers = [name for name, _ in net.named_children()]
    host, device = (TorchFeatureTransformer(net, layers, device=d).fit(X) for d in ("cpu", "auto"))
    np.testing.assert_allclose(device.transform(X), host.transform(X), rtol=1e-2, atol=1e-3)
    slopes = [t.gradient(X, lambda features: features.sum(1)) for t in (device, host)]
    np.testing.assert_allclose(*slopes, rtol=1e-2, atol=1e-3)
    assert all(p.device.type == "cpu" and p.grad is None for p in net.parameters())
    there = TorchFeatureTransformer(net.cuda(), layers).fit(X)
    np.testing.assert_array_equal(there.transform(torch.from_numpy(X).cuda()), device.transform(X))
    assert all(p.device.type == "cuda" for p in net.parameters())
