"""`MSPScorer`, `MaxLogitScorer` and `EnergyScorer` on logits, and on what a module gives."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.pipeline import make_pipeline

from skood.measures import energy, max_logit, max_softmax

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.utils.data import TensorDataset  # noqa: E402

from skood.deep import (  # noqa: E402
    EnergyScorer,
    MaxLogitScorer,
    MSPScorer,
    TorchFeatureTransformer,
)

from ..detectors import rows  # noqa: E402
from ..torch_nets import images, lenet, seeded  # noqa: E402

SCORERS = [MSPScorer, MaxLogitScorer, EnergyScorer]
scorers = pytest.mark.parametrize("make", SCORERS)


def plain_logits(net, X):
    """In evaluation mode, by torch alone."""
    modes = [part.training for part in net.modules()]
    with torch.no_grad():
        logits_of_net = net.eval()(torch.from_numpy(X).clone()).numpy()
    for part, mode in zip(net.modules(), modes, strict=True):
        part.training = mode
    return logits_of_net


def test_values_by_hand():
    logits = np.log([[1.0, 3.0], [5.0, 5.0]])
    np.testing.assert_allclose(MSPScorer().fit(logits).score_samples(logits), [0.75, 0.5])
    np.testing.assert_allclose(MaxLogitScorer().fit(logits).score_samples(logits), np.log([3, 5]))
    np.testing.assert_allclose(EnergyScorer().fit(logits).score_samples(logits), np.log([4, 10]))
    # T log sum exp(z / T) at T = 1/2: half the logarithm of the sum of squares
    cold = EnergyScorer(temperature=0.5).fit(logits)
    np.testing.assert_allclose(cold.score_samples(logits), 0.5 * np.log([10, 50]))


@pytest.mark.parametrize("temperature", [0.01, 1.0, 7.0, 1000.0])
def test_measures_equal_torch(temperature):
    logits = 20 * np.random.default_rng(0).normal(size=(300, 10))
    scaled = torch.from_numpy(logits / temperature)
    np.testing.assert_allclose(
        max_softmax(logits, temperature=temperature), scaled.softmax(1).amax(1), rtol=1e-12
    )
    expected = -temperature * scaled.logsumexp(1)
    np.testing.assert_allclose(energy(logits, temperature=temperature), expected, rtol=1e-12)
    np.testing.assert_array_equal(max_logit(logits), logits.max(1))
    narrow = logits.astype(np.float32)
    np.testing.assert_allclose(
        energy(narrow, temperature=temperature), expected, rtol=1e-5, atol=1e-5
    )
    assert energy(narrow).dtype == max_logit(narrow).dtype == max_softmax(narrow).dtype == float


@pytest.mark.parametrize("unit", [1e-300, 1e5, 1e300])
def test_logits_of_any_size_give_finite_scores(unit):
    logits = unit * np.array([[1.0, -1.0, 0.5], [-1.0, -1.0, -1.0], [0.0, 1.7, -1.7]])
    for temperature in (1e-3, 1.0):
        scores = -energy(logits, temperature=temperature)
        assert np.isfinite(scores).all()
        if unit > 1:
            np.testing.assert_allclose(scores, logits.max(1), rtol=1e-4)
        assert np.isfinite(max_softmax(logits, temperature=temperature)).all()
    np.testing.assert_allclose(max_softmax(logits)[1], 1 / 3)


@scorers
@pytest.mark.parametrize("form", ["array", "tensor", "dataset", "loader", "frame"])
def test_a_module_gives_what_its_logits_give(make, form):
    net, X = lenet(), images(70)
    logits = plain_logits(net, X)
    expected = make().fit(logits)
    given = {
        "array": lambda: X,
        "tensor": lambda: torch.from_numpy(X),
        "dataset": lambda: TensorDataset(torch.from_numpy(X), torch.zeros(len(X))),
        "loader": lambda: torch.utils.data.DataLoader(
            TensorDataset(torch.from_numpy(X)), batch_size=32
        ),
        "frame": lambda: pd.DataFrame(X.reshape(70, -1), columns=[f"p{i}" for i in range(144)]),
    }[form]()
    scorer = make(net, input_shape=(1, 12, 12)).fit(given)
    np.testing.assert_allclose(scorer.score_samples(given), expected.score_samples(logits), 1e-5)
    np.testing.assert_allclose(scorer.training_scores_, expected.training_scores_, rtol=1e-5)
    np.testing.assert_allclose(scorer.offset_, expected.offset_, rtol=1e-5)
    assert hasattr(scorer, "feature_names_in_") == (form == "frame")
    piped = make_pipeline(TorchFeatureTransformer(net, "output"), make())
    np.testing.assert_allclose(
        piped.fit(X).score_samples(X), expected.score_samples(logits), rtol=1e-5
    )


@scorers
def test_logits_may_be_a_tensor(make):
    logits = rows(40, 5)
    expected = make().fit(logits).score_samples(logits)
    tensor = torch.from_numpy(logits).requires_grad_()
    np.testing.assert_array_equal(make().fit(tensor).score_samples(tensor), expected)
    half = tensor.to(torch.bfloat16)
    np.testing.assert_allclose(make().fit(half).score_samples(half), expected, rtol=0.05)


@scorers
def test_rows_of_any_number_are_scored_a_block_at_a_time(make):
    logits = rows(3000, 200)  # several blocks
    scorer = make(threshold_samples=None).fit(logits)
    whole = scorer.score_samples(logits)
    np.testing.assert_array_equal(whole, scorer.training_scores_)
    np.testing.assert_allclose(scorer.score_samples(logits[1500:1507]), whole[1500:1507], 1e-12)


def test_only_the_samples_that_set_the_threshold_are_scored():
    seen = []

    class Counting(nn.Module):
        def forward(self, x):
            seen.append(len(x))
            return x

    X = rows(300)
    for given in (X, torch.from_numpy(X), TensorDataset(torch.from_numpy(X))):
        seen.clear()
        scorer = MaxLogitScorer(
            Counting(), batch_size=20, threshold_samples=40, random_state=0
        ).fit(given)
        assert seen == [20, 20]
        np.testing.assert_allclose(
            scorer.training_scores_, X.max(1)[scorer.training_indices_], rtol=1e-6
        )
    loader = torch.utils.data.DataLoader(TensorDataset(torch.from_numpy(X)), batch_size=20)
    again = MaxLogitScorer(Counting(), threshold_samples=40, random_state=0).fit(loader)
    np.testing.assert_array_equal(again.training_indices_, scorer.training_indices_)
    np.testing.assert_array_equal(again.training_scores_, scorer.training_scores_)


class Once(torch.utils.data.IterableDataset):
    """Samples that can be had one time only."""

    def __init__(self, X):
        self.samples = iter(torch.from_numpy(X))

    def __iter__(self):
        return self.samples


def test_a_stream_is_gone_through_once():
    X = rows(130, 4)
    scorer = EnergyScorer(nn.Identity()).fit(Once(X), np.arange(130) % 3)
    expected = EnergyScorer(nn.Identity()).fit(X)
    np.testing.assert_array_equal(scorer.training_scores_, expected.training_scores_)
    np.testing.assert_array_equal(scorer.classes_, [0, 1, 2])


def softmax_of(X):
    return torch.from_numpy(X).softmax(1).numpy()


@pytest.mark.parametrize("make", [MaxLogitScorer, EnergyScorer])
@pytest.mark.parametrize("module", [None, nn.Softmax(1)])
def test_probabilities_are_no_logits(make, module):
    X = rows()
    given = X if module is not None else softmax_of(X)
    message = rf"^{make.__name__} must get logits.* Got probabilities \(rows that .* instead"
    with pytest.raises(ValueError, match=message):
        make(module).fit(given)


@pytest.mark.parametrize("module", [None, nn.LogSoftmax(1)])
def test_energy_is_lost_in_log_probabilities(module):
    X = rows()
    given = X if module is not None else np.log(softmax_of(X))
    with pytest.raises(ValueError, match=r"EnergyScorer must get logits.* Got logarithms of"):
        EnergyScorer(module).fit(given)
    # their softmax is what it was
    np.testing.assert_allclose(
        MSPScorer(module).fit(given).score_samples(given),
        MSPScorer().fit(X).score_samples(X),
        rtol=1e-6,
    )


def test_msp_of_probabilities():
    X = rows()
    expected = MSPScorer().fit(X)
    given = softmax_of(X)
    for module, Z in ((None, given), (nn.Softmax(1), X)):
        with pytest.raises(
            ValueError,
            match=r"'outputs' parameter of MSPScorer must be 'probabilities' for rows .* 'logits'",
        ):
            MSPScorer(module).fit(Z)
        scorer = MSPScorer(module, outputs="probabilities").fit(Z)
        np.testing.assert_allclose(scorer.score_samples(Z), expected.score_samples(X), rtol=1e-6)
    message = r"must be 'logits' for rows with .* \(60 of 60 rows\)\. Got 'probabilities' instead"
    with pytest.raises(ValueError, match=message):
        MSPScorer(outputs="probabilities").fit(X)
    scorer = MSPScorer(outputs="probabilities").fit(given)
    with pytest.raises(ValueError, match=r"\(1 of 5 rows\)"):
        scorer.score_samples(np.vstack([given[:4], 2 * given[4:5]]))


def test_rows_that_happen_to_be_probabilities_are_scored():
    # one-hot and non-negative logits: only a whole batch of training rows is taken for them
    X = np.vstack([rows(), [[0.0, 1.0, 0.0, 0.0]]])
    scorer = EnergyScorer().fit(X)
    np.testing.assert_allclose(scorer.score_samples(X[-1:]), np.log(3 + np.e))
    np.testing.assert_allclose(scorer.score_samples(softmax_of(X)).shape, (61,))


@scorers
def test_one_column(make):
    with pytest.raises(ValueError, match=r"X must have 2 or more columns.* Got 1 feature"):
        make().fit(rows(20, 1))


@scorers
def test_no_module_for_a_dataset(make):
    with pytest.raises(ValueError, match=r"'module' parameter of .* where X is a TensorDataset"):
        make().fit(TensorDataset(torch.zeros(5, 3)))


class Giving(nn.Module):
    def __init__(self, make):
        super().__init__()
        self.make = make

    def forward(self, x):
        return self.make(x)


BAD_OUTPUTS = [
    (lambda x: x[:, :1], "Got shape (64, 1)"),
    (lambda x: x[:, 0], "Got shape (64,)"),
    (lambda x: x[..., None], "Got shape (64, 4, 1)"),
    (lambda x: x[:3], "Got shape (3, 4)"),
    (lambda _: "logits", "Got str"),
    (lambda x: x / 0, "finite outputs. Got NaN or infinity for 60 of 60 samples"),
    (lambda x: x @ x, "Giving fails on samples of shape (4,) (64 of them, float32)"),
]


@pytest.mark.parametrize(("make", "message"), BAD_OUTPUTS)
def test_modules_that_give_something_else(make, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        MaxLogitScorer(Giving(make)).fit(rows())


def test_the_first_tensor_of_what_a_module_gives_is_taken():
    X = rows()
    expected = MaxLogitScorer().fit(X.astype(np.float32)).score_samples(X)
    for make in (lambda x: {"logits": x, "hidden": x * 2}, lambda x: (x, x * 2)):
        np.testing.assert_array_equal(
            MaxLogitScorer(Giving(make)).fit(X).score_samples(X), expected
        )


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"temperature": 0.0}, r"'temperature' parameter of EnergyScorer .*\(0, inf\). Got 0.0"),
        ({"temperature": np.inf}, r"'temperature' .* Got inf"),
        ({"module": "net"}, "'module' parameter of EnergyScorer must be a torch.nn.Module"),
        ({"batch_size": 0}, r"'batch_size' parameter of EnergyScorer must be an int in \[1, inf\)"),
        ({"module": nn.Identity(), "input_shape": 4}, "'input_shape' parameter of EnergyScorer"),
        ({"module": nn.Identity(), "device": "no"}, "'device' parameter of EnergyScorer must be"),
    ],
)
def test_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        EnergyScorer(**params).fit(rows())
    with pytest.raises(
        ValueError, match="'outputs' parameter of MSPScorer must be one of 'logits'"
    ):
        MSPScorer(outputs="softmax").fit(rows())


def test_double_precision_is_kept():
    net, X = seeded(lambda: nn.Linear(4, 3)).double(), rows()
    scores = MaxLogitScorer(net, device="cpu").fit(X).score_samples(X)
    np.testing.assert_allclose(scores, plain_logits(net, X).max(1), rtol=1e-14)
