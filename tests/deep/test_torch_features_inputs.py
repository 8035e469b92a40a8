"""`TorchFeatureTransformer`: what it takes, and of which types."""

from __future__ import annotations

from collections import UserDict
from functools import partial

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.pipeline import make_pipeline

from skood import ConformalOutlierDetector, LCPOutlierDetector, make_outlier_pipeline

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset  # noqa: E402

from skood.deep import DeepEnsembleScorer, MaxLogitScorer, TorchFeatureTransformer  # noqa: E402

from ..detectors import rows  # noqa: E402
from ..torch_nets import Named, images, lenet, seeded, sequences  # noqa: E402


class Pairs(Dataset):
    def __init__(self, X):
        self.X = X

    def __len__(self):
        return len(self.X)

    def __getitem__(self, i):
        return self.X[i], i


class Stream(IterableDataset):
    def __init__(self, X):
        self.X = X

    def __iter__(self):
        return iter(self.X)


class Dicts(Pairs):
    def __getitem__(self, i):
        return {"image": self.X[i], "label": i}


KINDS = {
    "list": lambda X: X.tolist(),
    "float64": lambda X: X.astype(np.float64),
    "big-endian": lambda X: X.astype(">f4"),
    "read-only": lambda X: np.frombuffer(X.tobytes(), X.dtype).reshape(X.shape),
    "strided": lambda X: np.repeat(X, 2, axis=0)[::2],
    "tensor": torch.from_numpy,
    "dataset": lambda X: TensorDataset(torch.from_numpy(X)),
    "pairs": Pairs,
    "dicts": Dicts,
    "stream": Stream,
    "loader": lambda X: DataLoader(Pairs(X), batch_size=20),
    "loader of a stream": lambda X: DataLoader(Stream(X), batch_size=20),
}


@pytest.mark.parametrize("kind", KINDS)
def test_all_that_holds_samples_gives_the_same(kind):
    net, X = lenet(), images()
    given = X.copy()
    transformer = TorchFeatureTransformer(net, ["conv1", "logits"], batch_size=20).fit(X)
    expected = transformer.transform(X)
    state = torch.get_rng_state()
    held = KINDS[kind](given)
    again = TorchFeatureTransformer(net, ["conv1", "logits"], batch_size=20).fit(held)
    np.testing.assert_array_equal(again.transform(held), expected)
    np.testing.assert_array_equal(given, X)
    assert again.input_shape_ == (1, 12, 12)
    if "loader" not in kind:  # a user's own loader draws a seed
        assert torch.equal(torch.get_rng_state(), state)


def test_a_module_that_changes_its_input_in_place_does_not_reach_the_samples():
    net = nn.Sequential(nn.ReLU(inplace=True), nn.Linear(4, 2))
    X = rows(9, 4, dtype=np.float32)
    tensor = torch.from_numpy(X.copy())
    # not filled up, which copies as well
    transformer = TorchFeatureTransformer(net, "1", pad_batches=False).fit(X)
    for held in (X.copy(), tensor):
        transformer.transform(held)
        transformer.gradient(held, lambda features: features.sum(1))
        np.testing.assert_array_equal(held, X)


def test_flat_rows_with_a_shape():
    X = load_digits().data  # 8 by 8 pixels
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 3, 3), nn.ReLU()))
    flat = TorchFeatureTransformer(net, "1", input_shape=(1, 8, 8)).fit(X)
    shaped = TorchFeatureTransformer(net, "1").fit(X.reshape(-1, 1, 8, 8))
    assert flat.n_features_in_ == 64
    assert not hasattr(shaped, "n_features_in_")
    np.testing.assert_array_equal(flat.transform(X), shaped.transform(X.reshape(-1, 1, 8, 8)))
    assert flat.gradient(X[:9], lambda f: f.sum(1)).shape == (9, 64)
    with pytest.raises(ValueError, match=r"shape \(1, 8, 8\).* or of 64 values\. Got .*\(60,\)"):
        TorchFeatureTransformer(net, "1", input_shape=(1, 8, 8)).fit(X[:, :60])


@pytest.mark.parametrize("weights", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("given", ["uint8", "int64", "float16", "float64", "bool"])
def test_types(weights, dtype, given):
    net = seeded(lambda: nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Linear(3, 2))).to(weights)
    X = np.abs(rows(20, 4)).round().astype(given)
    out = TorchFeatureTransformer(net, dtype=dtype).fit_transform(X)
    assert out.dtype == dtype
    with torch.no_grad():
        expected = net[:2](torch.from_numpy(X.astype("float64")).to(weights)).double()
    np.testing.assert_allclose(out, expected, rtol=1e-2 if weights is torch.bfloat16 else 1e-5)


def test_tokens_and_inputs_by_name():
    net = seeded(Named)
    tokens = np.random.default_rng(0).integers(0, 11, size=(23, 5))
    mask = tokens > 3

    class Items(Pairs):
        def __getitem__(self, i):
            return {"tokens": tokens[i], "mask": mask[i], "labels": 1}

    with torch.no_grad():
        plain = net(torch.from_numpy(tokens))
        masked = net(torch.from_numpy(tokens), torch.from_numpy(mask))["logits"]
    out = TorchFeatureTransformer(net, ["output", "embedding"]).fit_transform(tokens)
    expected = torch.cat([plain["logits"], plain["hidden"].mean(1)], dim=1)
    np.testing.assert_allclose(out, expected, rtol=1e-4, atol=1e-6)
    transformer = TorchFeatureTransformer(net, "output", batch_size=8).fit(Items(tokens))
    assert transformer.input_shape_ == {"tokens": (5,), "mask": (5,)}
    np.testing.assert_allclose(transformer.transform(Items(tokens)), masked, rtol=1e-4, atol=1e-6)
    hidden = TorchFeatureTransformer(net, "output", reduce=lambda out: out["hidden"].amax(1))
    np.testing.assert_allclose(hidden.fit_transform(tokens), plain["hidden"].amax(1), rtol=1e-5)
    with pytest.raises(ValueError, match="real numbers to have a gradient, not dicts or tokens"):
        transformer.gradient(tokens, lambda features: features.sum(1))


@pytest.mark.parametrize("reduce", ["mean", "max", "last"])
def test_sequences_of_several_lengths(reduce):
    class Packed(nn.Module):
        def __init__(self):
            super().__init__()
            self.lstm = nn.LSTM(8, 3, batch_first=True)

        def forward(self, x):
            lengths = (x != 0).any(2).sum(1).cpu()  # as packing wants it
            return self.lstm(
                nn.utils.rnn.pack_padded_sequence(x, lengths, True, enforce_sorted=False)
            )

    net, X = seeded(Packed), sequences()
    lengths = np.arange(20) % 5 + 1
    for i, length in enumerate(lengths):
        X[i, length:] = 0
    out = TorchFeatureTransformer(net, "lstm", reduce=reduce).fit(X).transform(X)
    reduced = {"mean": lambda s: s.mean(0), "max": lambda s: s.amax(0), "last": lambda s: s[-1]}[
        reduce
    ]
    with torch.no_grad():
        steps = [net.lstm(torch.from_numpy(X[i, :length]))[0] for i, length in enumerate(lengths)]
    np.testing.assert_allclose(out, torch.stack([reduced(s) for s in steps]), rtol=1e-4, atol=1e-6)
    with pytest.raises(ValueError, match="'lstm' gives sequences of several lengths"):
        TorchFeatureTransformer(net, "lstm", reduce="flatten").fit(X)


@pytest.mark.parametrize(
    ("X", "match"),
    [
        (torch.ones(5), r"Got a tensor of shape \(5,\)"),
        (torch.ones(0, 4), r"Got a tensor of shape \(0, 4\)"),
        (Pairs([]), "Got an empty Dataset"),
        (Stream([]), "Got none"),
        (np.ones(4), "Expected 2D array, got 1D array"),
        (np.full((5, 4), np.nan), "Input X contains NaN"),
        (np.full((5, 4), 1e300), "contains infinity or a value too large for float32"),
        (torch.full((5, 4), torch.inf), "contains infinity or a value too large for float32"),
        ([["a", "b"]], "numeric"),
    ],
)
def test_bad_samples(X, match):
    with pytest.raises(ValueError, match=match):
        TorchFeatureTransformer(nn.Linear(4, 2), "output").fit(X)


def test_loaders_that_shuffle_are_refused():
    data = TensorDataset(torch.ones(9, 4))
    with pytest.raises(ValueError, match="must be a DataLoader with shuffle=False"):
        TorchFeatureTransformer(nn.Linear(4, 2), "output").fit(DataLoader(data, shuffle=True))


def test_dicts_of_what_the_module_does_not_take():
    items = [{"left": np.ones(4), "right": np.ones(4), "label": 1}] * 5
    with pytest.raises(
        ValueError, match=r"dicts with inputs of the module as items: 'input'\. Got .*'left'"
    ):
        TorchFeatureTransformer(nn.Linear(4, 2), "output").fit(Pairs(items))


def test_progress(capsys):
    X = images()
    transformer = TorchFeatureTransformer(lenet(), verbose=True, batch_size=10).fit(X)
    assert capsys.readouterr().err == ""
    transformer.transform(X)
    transformer.transform(Stream(X))
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 6
    assert lines[1].startswith("[TorchFeatureTransformer] 40 % of 50 rows, ")
    assert lines[5].startswith("[TorchFeatureTransformer] 50 rows, ")


class Words(nn.Module):
    """Takes tokenised texts as language models do."""

    def __init__(self):
        super().__init__()
        self.embedding = nn.Embedding(30, 8)
        self.hidden = nn.Linear(8, 6)
        self.head = nn.Linear(6, 3)

    def forward(self, input_ids, attention_mask):
        weights = attention_mask.unsqueeze(-1).to(self.hidden.weight)
        mean = (self.embedding(input_ids) * weights).sum(1) / weights.sum(1)
        return self.head(torch.tanh(self.hidden(mean)))


def texts(n=60, length=7, seed=0):
    rng = np.random.default_rng(seed)
    mask = np.arange(length) < rng.integers(2, length + 1, size=(n, 1))
    return {"input_ids": rng.integers(1, 30, size=(n, length)) * mask, "attention_mask": mask * 1}


class Texts(Pairs):
    def __len__(self):
        return len(self.X["input_ids"])

    def __getitem__(self, i):
        return {name: values[i] for name, values in self.X.items()}


@pytest.mark.parametrize(
    "form",
    [
        lambda X: X,
        lambda X: {name: values.tolist() for name, values in X.items()},
        lambda X: {name: torch.from_numpy(values) for name, values in X.items()},
        lambda X: UserDict(X),
        lambda X: {**X, "labels": np.arange(60)},
        lambda X: [{name: values[i].tolist() for name, values in X.items()} for i in range(60)],
        lambda X: [
            UserDict(Texts({k: torch.from_numpy(v) for k, v in X.items()})[i]) for i in range(60)
        ],
    ],
    ids=["arrays", "lists", "tensors", "UserDict", "labels", "dicts of lists", "dicts of tensors"],
)
def test_a_dict_of_arrays_is_a_dataset_of_dicts(form):
    net, X = seeded(Words), texts()
    expected = TorchFeatureTransformer(net).fit(Texts(X))
    given = TorchFeatureTransformer(net, batch_size=16).fit(form(X))
    assert (
        given.input_shape_ == expected.input_shape_ == {"input_ids": (7,), "attention_mask": (7,)}
    )
    assert not hasattr(given, "n_features_in_")
    np.testing.assert_array_equal(given.get_feature_names_out(), expected.get_feature_names_out())
    features = given.transform(form(X))
    np.testing.assert_allclose(features, expected.transform(Texts(X)), rtol=1e-5, atol=1e-7)
    with torch.no_grad():
        logits = net(*map(torch.from_numpy, X.values())).numpy()
    np.testing.assert_allclose(
        MaxLogitScorer(net).fit(form(X)).score_samples(X), logits.max(1), rtol=1e-5
    )
    for make in (make_pipeline, partial(make_outlier_pipeline, random_state=0)):
        detector = make(TorchFeatureTransformer(net), LCPOutlierDetector()).fit(form(X))
        by_hand = make(LCPOutlierDetector()).fit(expected.transform(Texts(X)))
        np.testing.assert_allclose(detector[-1].offset_, by_hand[-1].offset_, rtol=1e-4)
        assert detector.predict(texts(5, seed=1)).shape == (5,)


def test_of_texts_labelled_minus_one_nothing_is_learnt():
    net, X, y = seeded(Words), texts(), np.repeat([1, -1], [45, 15])
    inside = {name: values[:45] for name, values in X.items()}
    scorer = MaxLogitScorer(net, batch_size=16)
    assert scorer.fit(X, y).offset_ == scorer.fit(inside).offset_
    make = partial(make_outlier_pipeline, TorchFeatureTransformer(net), LCPOutlierDetector())
    known = make(random_state=0).fit(inside)
    assert make(random_state=0).fit(X, y).offset_ == known.offset_
    for method in ("split", "cv+"):
        steps = make_pipeline(TorchFeatureTransformer(net), LCPOutlierDetector())
        calibrated = ConformalOutlierDetector(steps, method=method, alpha=0.2, random_state=0)
        p_values = calibrated.fit(inside).p_values(X)
        assert p_values.shape == (60,)
        np.testing.assert_array_equal(calibrated.fit(X, y).p_values(X), p_values)


@pytest.mark.parametrize(
    ("X", "match"),
    [
        ({}, "dict of inputs with the same number of samples, one or more. Got an empty dict"),
        ({"input_ids": [], "attention_mask": []}, "Got 'input_ids': 0, 'attention_mask': 0 inst"),
        ({**texts(), "attention_mask": np.ones((59, 7))}, "'input_ids': 60, 'attention_mask': 59"),
        ({"input_ids": [[1, 2], [3]], "attention_mask": [[1, 1], [1]]}, "'input_ids' in X must ha"),
        ({"input_ids": texts()["input_ids"]}, "missing 1 required positional argument: 'attention"),
        ({"tokens": np.ones((5, 7))}, "fails on samples of shape"),
        (
            [{"input_ids": [1, 2]}, {"input_ids": [1]}],
            "'input_ids' in X must have samples of one l",
        ),
        ([{"input_ids": [1, 2]}, {"ids": [1, 2]}], "must have the inputs 'input_ids' in each samp"),
        (["a text", "another"], "Got texts: give them to the model's tokeniser first"),
        (np.array(["a text", "another"]), "Got texts: give them to the model's tokeniser first"),
    ],
)
def test_bad_dicts(X, match):
    with pytest.raises(ValueError, match=match):
        TorchFeatureTransformer(seeded(Words)).fit(X)


def test_all_inputs_of_the_fit_are_needed():
    tokens = {"tokens": np.ones((9, 5), dtype=int), "mask": np.ones((9, 5))}
    transformer = TorchFeatureTransformer(seeded(Named), "output").fit(tokens)
    with pytest.raises(
        ValueError, match=r"inputs of `fit`, 'tokens', 'mask'. Got 'tokens' instead"
    ):
        transformer.transform({"tokens": tokens["tokens"]})
    X = texts()
    for make in (MaxLogitScorer, _ensemble):
        scorer = make(seeded(Words)).fit({**X, "more": np.arange(60), "labels": np.arange(60)})
        assert scorer.score_samples(X).shape == (60,)
        with pytest.raises(
            ValueError, match=r"inputs of `fit`, 'attention_mask', 'input_ids'\. Got"
        ):
            scorer.score_samples({"input_ids": X["input_ids"]})


def _ensemble(net):
    return DeepEnsembleScorer([net, seeded(Words)])
