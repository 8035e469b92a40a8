"""Tangent features against exact kernels, computed by torch.func from their definition."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.utils.estimator_checks import check_estimator

import skood
from skood import GaussianProcessScorer, make_outlier_pipeline

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.func import functional_call, jacrev  # noqa: E402

from skood.deep import TangentFeatureTransformer, TorchFeatureTransformer  # noqa: E402

X = np.random.default_rng(0).normal(size=(12, 5)).astype(np.float32)


def _net(seed: int = 0) -> nn.Sequential:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return nn.Sequential(nn.Linear(5, 32), nn.ReLU(), nn.Linear(32, 3)).double()


def _jacobians(net: nn.Module, inputs: torch.Tensor, part: str = "") -> torch.Tensor:
    """The derivative of each output of each row in all weights, (n, n_outputs, n_weights)."""
    weights = {name: p.detach() for name, p in net.named_parameters()}
    slopes = jacrev(lambda w: functional_call(net, w, (inputs,)))(weights)
    return torch.cat([v.flatten(2) for name, v in slopes.items() if name.startswith(part)], dim=2)


def _kernel(net: nn.Module, inputs: torch.Tensor, part: str = "") -> np.ndarray:
    slopes = _jacobians(net, inputs, part).flatten(1)
    return (slopes @ slopes.T).numpy()


class _Scaled(nn.Module):
    """A module of one weight that takes rows of any width."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(1))

    def forward(self, rows: torch.Tensor) -> torch.Tensor:
        return torch.tanh(rows * self.weight)


def test_check_estimator():
    transformer = TangentFeatureTransformer(_Scaled(), n_projections=2, random_state=0)
    # joblib gives a copy of a torch parameter another hash
    not_for_torch = {"check_estimators_overwrite_params": "hashes a copy of the module"}
    results = check_estimator(
        transformer, on_skip=None, on_fail="raise", expected_failed_checks=not_for_torch
    )
    skipped = [result["check_name"] for result in results if result["status"] != "passed"]
    # needs an environment variable of SciPy's
    assert set(skipped) <= {"check_array_api_input", *not_for_torch}


def test_the_error_falls_with_the_root_of_the_number_of_projections():
    net, inputs = _net(), torch.from_numpy(X).double()
    kernel = _kernel(net, inputs)
    sizes = np.sqrt(np.outer(np.diag(kernel), np.diag(kernel)))
    errors = {}
    for r in (64, 256, 1024):
        runs = []
        for seed in range(3):
            tangent = TangentFeatureTransformer(net, n_projections=r, random_state=seed)
            rows = tangent.set_params(dtype="float64").fit_transform(X)
            runs.append(np.abs(rows @ rows.T - kernel) / sizes)
        errors[r] = np.array(runs)
    rms = {r: np.sqrt((e**2).mean()) for r, e in errors.items()}
    assert 1.4 < rms[64] / rms[256] < 2.9  # 2 but for chance
    assert 1.4 < rms[256] / rms[1024] < 2.9
    assert np.quantile(errors[1024], 0.95) <= 0.1


def test_the_last_layer_is_exact():
    net = _net()
    tangent = TangentFeatureTransformer(net, parameters="last-layer", dtype="float64").fit(X)
    rows = tangent.transform(X)
    assert rows.shape == (12, 33)
    assert tangent.parameters_ == ["2.weight", "2.bias"]
    exact = _kernel(net, torch.from_numpy(X).double(), "2.")
    np.testing.assert_allclose(rows @ rows.T, exact, rtol=1e-12)


@pytest.mark.parametrize("parameters", ["all", ["2.*"], "last-layer"])
def test_vjp_then_jvp_is_the_kernel_times_cotangents(parameters):
    net, inputs = _net(), torch.from_numpy(X).double()
    tangent = TangentFeatureTransformer(
        net, parameters=parameters, n_projections=1, dtype="float64", batch_size=5
    ).fit(X)
    factors = np.random.default_rng(1).normal(size=(12, 3))
    moved = tangent.jvp(X, tangent.vjp(X, factors))
    slopes = _jacobians(net, inputs, "" if parameters == "all" else "2.")
    step = torch.einsum("ncp,nc->p", slopes, torch.from_numpy(factors))
    np.testing.assert_allclose(moved, (slopes @ step).numpy(), rtol=1e-10)


def test_jvp_is_the_movement_of_a_small_step():
    net = _net()
    layers = ["1", "2"]
    before = TorchFeatureTransformer(net, layers, dtype="float64").fit_transform(X)
    tangent = TangentFeatureTransformer(net, layers, n_projections=1, dtype="float64").fit(X)
    generator = torch.Generator().manual_seed(0)
    step = {
        name: 1e-6 * torch.randn(p.shape, generator=generator, dtype=p.dtype)
        for name, p in net.named_parameters()
    }
    expected = tangent.jvp(X, step)
    with torch.no_grad():
        for name, p in net.named_parameters():
            p += step[name]
    after = TorchFeatureTransformer(net, layers, dtype="float64").fit_transform(X)
    np.testing.assert_allclose(after - before, expected, atol=1e-9)


def test_output_projections_keep_the_kernel_on_average():
    net = nn.Sequential(nn.Linear(5, 64), nn.ReLU(), nn.Linear(64, 40)).double()
    tangent = TangentFeatureTransformer(
        net, ["1", "2"], n_projections=600, n_output_projections=4, dtype="float64", random_state=0
    )
    rows = tangent.fit_transform(X)
    assert {g: c.stop - c.start for g, c in tangent.feature_groups_.items()} == {
        "1": 2400,
        "2": 2400,
    }
    kernel = _kernel(net, torch.from_numpy(X).double())
    last = rows[:, tangent.feature_groups_["2"]]
    relative = (last @ last.T) / kernel
    assert np.abs(np.diag(relative) - 1).mean() < 0.6  # 4 of 40 outputs, once for all directions
    full = tangent.set_params(n_output_projections=64, n_projections=20).fit(X)
    assert full.transform(X).shape == (12, 20 * (64 + 40))


class _Sequence(nn.Module):
    """Tokens through a recurrent layer and attention, with a shared embedding."""

    def __init__(self, recurrent: type[nn.RNNBase]) -> None:
        super().__init__()
        self.embedding = nn.Embedding(20, 8)
        self.recurrent = recurrent(8, 8, batch_first=True)
        self.attention = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.head = nn.Linear(8, 20)
        self.head.weight = self.embedding.weight

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        return self.head(self.attention(self.recurrent(self.embedding(tokens))[0]).mean(1))


@pytest.mark.parametrize("recurrent", [nn.LSTM, nn.GRU, nn.RNN])
def test_recurrent_attention_and_shared_weights(recurrent):
    net = _Sequence(recurrent).eval()
    tokens = torch.randint(0, 20, (6, 7), generator=torch.Generator().manual_seed(0))
    tangent = TangentFeatureTransformer(net, n_projections=3, dtype="float64", random_state=0)
    rows = tangent.fit_transform(tokens)
    assert rows.shape == (6, 60)
    assert "head.weight" not in tangent.parameters_  # it is the embedding's
    wide, step = net.double(), 1e-6
    passes = tangent._opened()
    direction = passes.random_direction(int(tangent._seeds[1]))
    at = {}
    with torch.no_grad():
        for sign in (1, -1):
            for name, p in wide.named_parameters():
                p += sign * step * direction[name]
            at[sign] = wide(tokens).numpy()
            for name, p in wide.named_parameters():
                p -= sign * step * direction[name]
    np.testing.assert_allclose(
        rows[:, :20] * np.sqrt(3), (at[1] - at[-1]) / (2 * step), rtol=1e-3, atol=1e-4
    )


def test_the_module_stays_as_it_was_and_rows_do_not_hang_on_the_batch():
    net = nn.Sequential(nn.Linear(5, 16), nn.Dropout(), nn.ReLU(), nn.Linear(16, 3))
    net[0].weight.requires_grad_(False)
    before = {name: value.clone() for name, value in net.state_dict().items()}
    generator = torch.get_rng_state()
    tangent = TangentFeatureTransformer(net, n_projections=8, random_state=0).fit(X)
    rows = tangent.transform(X)
    tangent.jvp(X, tangent.vjp(X, np.ones((12, 3))))
    assert torch.equal(generator, torch.get_rng_state())
    assert all(torch.equal(before[name], value) for name, value in net.state_dict().items())
    assert net.training
    assert [p.requires_grad for p in net.parameters()] == [False, True, True, True]
    assert all(p.grad is None for p in net.parameters())
    np.testing.assert_array_equal(np.vstack([tangent.transform(row[None]) for row in X]), rows)
    np.testing.assert_array_equal(clone(tangent).fit(X).transform(X), rows)
    assert len(tangent.get_feature_names_out()) == rows.shape[1]


def test_a_pipeline_detects_saves_and_loads(tmp_path):
    net = _net().float()
    rng = np.random.default_rng(2)
    training = rng.normal(size=(80, 5)).astype(np.float32)
    detector = make_outlier_pipeline(
        TangentFeatureTransformer(net, n_projections=16, random_state=0), GaussianProcessScorer()
    ).fit(training)
    assert detector.predict([[0.1, 0.0, -0.2, 0.3, 0.5], [90, 90, 90, 90, -90]]).tolist() == [1, -1]
    skood.save(detector, tmp_path / "detector.skood")
    loaded = skood.load(
        tmp_path / "detector.skood", modules={"tangentfeaturetransformer__module": net}
    )
    np.testing.assert_array_equal(loaded.score_samples(X), detector.score_samples(X))


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"parameters": "some"}, "'parameters' parameter of TangentFeatureTransformer must be"),
        ({"parameters": ["nothing*"]}, "names and globs of parameters of the module"),
        ({"parameters": "last-layer", "layers": "1"}, "'output' for parameters='last-layer'"),
        ({"n_projections": 0}, "'n_projections' parameter of TangentFeatureTransformer must be"),
        ({"n_output_projections": 0}, "'n_output_projections' parameter"),
        ({"layers": "nowhere"}, "'layers' parameter of T"),
        ({"dtype": "float16"}, "'dtype' parameter of T"),
    ],
)
def test_bad_parameters(changes, message):
    with pytest.raises(ValueError, match=message):
        TangentFeatureTransformer(_net(), **changes).fit(X)


def test_bad_directions_and_cotangents():
    tangent = TangentFeatureTransformer(_net(), n_projections=1).fit(X)
    with pytest.raises(ValueError, match=r"a dict with the parameters '0.weight', '0.bias'"):
        tangent.jvp(X, {"0.weight": np.zeros((32, 5))})
    step = {name: np.zeros(p.shape) for name, p in _net().named_parameters()}
    with pytest.raises(ValueError, match=r"the shape \(32, 5\) for '0.weight'. Got \(5, 32\)"):
        tangent.jvp(X, {**step, "0.weight": np.zeros((5, 32))})
    for shape in ((12, 2), (11, 3), (13, 3), (12,)):
        with pytest.raises(ValueError, match="cotangents must have a row for each"):
            tangent.vjp(X, np.zeros(shape))
    with pytest.raises(ValueError, match="last layer with weights is a torch"):
        TangentFeatureTransformer(nn.Sequential(nn.Conv1d(1, 2, 3)), parameters="last-layer").fit(
            np.zeros((4, 1, 9), np.float32)
        )
