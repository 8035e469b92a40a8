"""`TorchFeatureTransformer` on models of transformers, as tokenisers and processors feed them.

The models are small and have random weights, so that no test needs a network.
"""

from __future__ import annotations

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from torch import nn  # noqa: E402
from torch.utils.data import DataLoader  # noqa: E402

from skood import KNNOutlierDetector, make_outlier_pipeline  # noqa: E402
from skood.deep import EnergyScorer, TorchFeatureTransformer  # noqa: E402

from ..hub_packages import hub_package  # noqa: E402
from ..torch_nets import seeded  # noqa: E402

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
}
LENGTHS = np.array([3, 9, 5, 1, 9, 2, 7])


@pytest.fixture(scope="module")
def transformers():
    return hub_package("transformers")


def bert(transformers):
    config = transformers.BertConfig(vocab_size=50, max_position_embeddings=16, **SMALL)
    return seeded(lambda: transformers.BertModel(config))


def tokens(transformers, lengths, to, side="right"):
    """Texts of these lengths, padded to one length: what a tokeniser returns."""
    rng = np.random.default_rng(0)
    ids = [rng.integers(1, 50, 9)[:length] for length in lengths]
    rows = {"input_ids": [], "attention_mask": []}
    for row in ids:
        pad = (0, to - len(row)) if side == "right" else (to - len(row), 0)
        rows["input_ids"].append(np.pad(row, pad))
        rows["attention_mask"].append(np.pad(np.ones_like(row), pad))
    return transformers.BatchEncoding({key: torch.tensor(np.array(v)) for key, v in rows.items()})


@pytest.mark.parametrize("reduce", ["mean", "max", "last"])
def test_padding_does_not_count(transformers, reduce):
    net = bert(transformers)
    X = tokens(transformers, LENGTHS, to=9)
    transformer = TorchFeatureTransformer(net, "output", reduce=reduce, batch_size=4).fit(X)
    rows = transformer.transform(X)
    with torch.no_grad():
        hidden = net.eval()(**X).last_hidden_state.numpy()
    by_hand = {"mean": lambda h: h.mean(0), "max": lambda h: h.max(0), "last": lambda h: h[-1]}
    expected = [by_hand[reduce](h[:n]) for h, n in zip(hidden, LENGTHS, strict=True)]
    np.testing.assert_allclose(rows, expected, atol=1e-5)
    longer = transformer.transform(tokens(transformers, LENGTHS, to=14))
    np.testing.assert_allclose(longer, rows, atol=1e-5)
    alone = [{key: value[i : i + 1, :n] for key, value in X.items()} for i, n in enumerate(LENGTHS)]
    np.testing.assert_allclose(
        np.concatenate([*map(transformer.transform, alone)]), rows, atol=1e-5
    )


def test_padding_before_the_tokens_and_texts_without_tokens(transformers):
    net = bert(transformers)
    X = tokens(transformers, LENGTHS, to=9, side="left")
    last = TorchFeatureTransformer(net, "output", reduce="last")
    with torch.no_grad():
        hidden = net.eval()(**X).last_hidden_state.numpy()
    np.testing.assert_allclose(last.fit_transform(X), hidden[:, -1], atol=1e-5)
    X["attention_mask"][3] = 0
    mean = TorchFeatureTransformer(net, "output", batch_size=2).fit(X)
    rows = mean.transform(X)
    assert np.isfinite(rows).all()
    one = {key: value[3:4] for key, value in X.items()}
    np.testing.assert_allclose(mean.transform(one), rows[3:4], atol=1e-5)


@pytest.mark.parametrize("dtype", ["float16", "bfloat16"])
def test_half_precision_and_a_loader_of_texts(transformers, dtype):
    net = bert(transformers).to(getattr(torch, dtype))
    X = tokens(transformers, LENGTHS, to=9)
    rows = TorchFeatureTransformer(net, "output").fit_transform(X)
    full = TorchFeatureTransformer(bert(transformers), "output").fit_transform(X)
    assert rows.dtype == np.float32
    np.testing.assert_allclose(rows, full, atol=0.1)
    texts = [{key: value[i] for key, value in X.items()} for i in range(len(LENGTHS))]
    loader = DataLoader(texts, batch_size=3)
    np.testing.assert_allclose(
        TorchFeatureTransformer(net, "output").fit_transform(loader), rows, atol=0.1
    )


def test_pictures_by_a_processor_and_a_classifier_of_them(transformers):
    image = pytest.importorskip("PIL.Image")
    rng = np.random.default_rng(0)
    pixels = rng.integers(0, 255, size=(40, 20, 24, 3), dtype=np.uint8)
    pictures = [image.fromarray(picture) for picture in pixels]
    size = {"height": 16, "width": 16}
    processor = transformers.ViTImageProcessor(size=size)
    config = transformers.ViTConfig(image_size=16, patch_size=8, num_labels=5, **SMALL)
    net = seeded(lambda: transformers.ViTForImageClassification(config)).eval()
    X = processor(pictures, return_tensors="pt")
    layers = TorchFeatureTransformer(net, ["vit.layers.0", "penultimate"]).fit(X)
    assert layers.feature_groups_ == {"vit.layers.0": slice(0, 32), "penultimate": slice(32, 64)}
    with torch.no_grad():
        out = net(**X, output_hidden_states=True)
    np.testing.assert_allclose(
        layers.transform(X)[:, :32], out.hidden_states[1].mean(1).numpy(), atol=1e-5
    )
    energy = EnergyScorer(net).fit(X)
    np.testing.assert_allclose(energy.score_samples(X), out.logits.logsumexp(1).numpy(), rtol=1e-5)
    loader = DataLoader(pictures, 16, collate_fn=lambda part: processor(part, return_tensors="pt"))
    np.testing.assert_allclose(layers.transform(loader), layers.transform(X), atol=1e-5)
    detector = make_outlier_pipeline(layers, KNNOutlierDetector(), random_state=0).fit(X)
    assert detector.score_samples(X).shape == (40,)


class LayerNorm2d(nn.LayerNorm):
    """As in timm and torchvision: over the channels of (n, channels, height, width)."""

    def forward(self, x):
        return super().forward(x.permute(0, 2, 3, 1)).permute(0, 3, 1, 2)


def test_a_norm_of_channels_that_derives_from_the_norm_of_the_last_axis():
    net = seeded(lambda: nn.Sequential(nn.Conv2d(1, 4, 3), LayerNorm2d(4), nn.ReLU(), nn.Flatten()))
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(9, 1, 8, 8)).astype(np.float32))
    transformer = TorchFeatureTransformer(net, ["1", "2", "penultimate"]).fit(X)
    assert transformer.feature_groups_ == {
        "1": slice(0, 4),
        "2": slice(4, 8),
        "penultimate": slice(8, 12),
    }
    with torch.no_grad():
        expected = net[:2](X).mean((2, 3)).numpy()
    np.testing.assert_allclose(transformer.transform(X)[:, :4], expected, atol=1e-6)
