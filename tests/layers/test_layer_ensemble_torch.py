"""LayerEnsemble on the layers of a real network, from raw inputs to scores."""

from __future__ import annotations

import copy
import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV, PredefinedSplit
from sklearn.pipeline import make_pipeline

torch = pytest.importorskip("torch", reason="the extra 'torch' is not installed")

from torch import nn  # noqa: E402

from skood import (  # noqa: E402
    ActiveNeuronSelector,
    KNNOutlierDetector,
    LayerEnsemble,
    LCPOutlierDetector,
    PartialWhitener,
)
from skood.deep import TorchFeatureTransformer  # noqa: E402
from skood.metrics import auroc  # noqa: E402

LAYERS = ["conv", "relu", "logits"]


def _images(n, seed, *, stripes=False):
    """Noisy 8 × 8 images with one bright square, or with stripes."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 1, 8, 8)).astype(np.float32) * 0.1
    for image, (row, column) in zip(X, rng.integers(0, 5, size=(n, 2)), strict=True):
        if stripes:
            image[0, :, row % 2 :: 2] += 1.0
        else:
            image[0, row : row + 3, column : column + 3] += 1.0
    return X


@pytest.fixture(scope="module")
def net():
    generator = torch.Generator().manual_seed(0)
    layers = nn.Sequential()
    layers.add_module("conv", nn.Conv2d(1, 6, 3))
    layers.add_module("relu", nn.ReLU())
    layers.add_module("flatten", nn.Flatten())
    layers.add_module("logits", nn.Linear(216, 4))
    with torch.no_grad():
        for weight in layers.parameters():
            weight.normal_(0, 0.3, generator=generator)
    return layers


@pytest.fixture(scope="module")
def fitted(net):
    features = TorchFeatureTransformer(net, LAYERS, device="cpu")
    return LayerEnsemble(KNNOutlierDetector(5), feature_extractor=features).fit(_images(200, 0))


def _by_hand(net, X):
    """The features of each layer, by the modules themselves in batches of 64."""
    full = np.concatenate([X, np.repeat(X[-1:], -len(X) % 64, axis=0)])
    with torch.no_grad():
        maps = torch.cat([net.conv(batch) for batch in torch.from_numpy(full).split(64)])
        active = net.relu(maps)
        logits = torch.cat([net.logits(a) for a in active.flatten(1).split(64)])
    pooled = (maps.mean(dim=(2, 3)), active.mean(dim=(2, 3)), logits)
    return [values.numpy()[: len(X)] for values in pooled]


def test_scores_are_those_of_a_detector_on_each_layer(net, fitted):
    X, Q = _images(200, 0), _images(30, 1)
    assert fitted.layer_names_ == LAYERS
    assert [len(columns) for columns in fitted.layer_columns_.values()] == [6, 6, 4]
    expected = []
    for training, new in zip(_by_hand(net, X), _by_hand(net, Q), strict=True):
        detector = KNNOutlierDetector(5).fit(training)
        distance, new_distance = -detector.training_scores_, -detector.score_samples(new)
        epsilon = 1e-3 * np.median(distance)
        values = -np.log(distance + epsilon)
        expected.append((-np.log(new_distance + epsilon) - values.mean()) / values.std())
    np.testing.assert_allclose(fitted.layer_scores(Q), np.transpose(expected), rtol=1e-3, atol=1e-4)


def test_training_images_are_left_out_in_any_batch(fitted):
    X = _images(200, 0)
    np.testing.assert_allclose(fitted.score_samples(X), fitted.training_scores_, rtol=1e-9)
    for part in ([7], [3, 150, 8], range(90, 163)):
        rows = list(part)
        np.testing.assert_allclose(
            fitted.score_samples(X[rows]), fitted.training_scores_[rows], rtol=1e-9
        )


def test_other_images_are_told_apart_and_tensors_serve_too(fitted):
    inside, outside = _images(100, 2), _images(100, 3, stripes=True)
    labels = np.repeat([1, -1], 100)
    scores = fitted.score_samples(np.concatenate([inside, outside]))
    assert auroc(labels, scores) > 0.95
    np.testing.assert_array_equal(fitted.score_samples(torch.from_numpy(inside)), scores[:100])


def test_logistic_fits_on_images_labelled_one(net):
    X = np.concatenate([_images(150, 0), _images(30, 4, stripes=True)])
    y = np.repeat([1, -1], [150, 30])
    features = TorchFeatureTransformer(net, LAYERS, device="cpu")
    ensemble = LayerEnsemble(
        KNNOutlierDetector(5), feature_extractor=features, combine="logistic"
    ).fit(X, y)
    plain = clone(ensemble).set_params(combine="sum").fit(X[:150])
    np.testing.assert_array_equal(ensemble.layer_scores(X), plain.layer_scores(X))
    assert auroc(y, ensemble.score_samples(X)) > 0.95
    by_tensor = clone(ensemble).fit(torch.from_numpy(X), y)
    np.testing.assert_array_equal(by_tensor.coef_, ensemble.coef_)


def test_a_pipeline_in_a_pipeline_keeps_the_layers(net):
    features = make_pipeline(
        TorchFeatureTransformer(net, LAYERS, device="cpu"), ActiveNeuronSelector()
    )
    detector = make_pipeline(PartialWhitener(), LCPOutlierDetector(locality=0.5))
    ensemble = LayerEnsemble(detector, feature_extractor=features).fit(_images(100, 0))
    assert ensemble.layer_names_ == LAYERS
    assert len(ensemble.training_scores_) == 100


def _gap(ensemble, X, y):
    """How far the mean scores of both kinds of image are apart: it can't be perfect, as AUROC."""
    scores = ensemble.score_samples(X)
    return scores[y == 1].mean() - scores[y == -1].mean()


def test_grid_search_over_layers_and_detector(net):
    X = np.concatenate([_images(100, 0), _images(40, 2), _images(40, 3, stripes=True)])
    y = np.repeat([1, -1], [140, 40])
    fold = PredefinedSplit(np.repeat([-1, 0], [100, 80]))
    features = TorchFeatureTransformer(net, device="cpu")
    ensemble = LayerEnsemble(LCPOutlierDetector(), feature_extractor=features)
    grid = {"feature_extractor__layers": [["conv"], LAYERS], "detector__perplexity": [2.0, 5.0]}
    search = GridSearchCV(ensemble, grid, scoring=_gap, cv=fold, refit=False).fit(X, y)
    results = search.cv_results_
    assert len(np.unique(results["mean_test_score"])) == 4
    by_hand = clone(ensemble).set_params(**results["params"][3]).fit(X[:100], y[:100])
    assert results["mean_test_score"][3] == _gap(by_hand, X[100:], y[100:])


def test_clone_shares_the_module_and_copies_score_the_same(net, fitted):
    Q = _images(20, 5)
    assert clone(fitted).feature_extractor.module is net
    assert fitted.feature_extractor_.module is net
    for other in (copy.deepcopy(fitted), pickle.loads(pickle.dumps(fitted))):  # noqa: S301
        np.testing.assert_array_equal(other.score_samples(Q), fitted.score_samples(Q))
