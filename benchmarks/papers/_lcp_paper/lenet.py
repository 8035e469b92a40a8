"""A LeNet on Fashion-MNIST, and an ensemble of LCP detectors on four of its layers."""

from __future__ import annotations

import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import nn

from _common.images import kept, load_grey, with_channel
from _common.lenet import FILTERS, HIDDEN, LAYERS, lenet
from _common.report import say
from _lcp_paper.methods import Metrics, metrics
from _lcp_paper.tasks import grey_test_sets
from skood import LayerEnsemble, LCPOutlierDetector
from skood.deep import TorchFeatureTransformer
from skood.metrics import fpr_at_tpr

EPOCHS, QUICK_EPOCHS, QUICK_ROWS = 6, 1, 3000
BATCH, LEARNING_RATE = 128, 2e-3
DESCRIPTION = f"""\
LeNet ({FILTERS[0]} and {FILTERS[1]} filters of 5 × 5, each with ReLU and pooling, {HIDDEN} hidden
units with ReLU, 10 logits), trained on all 60,000 images for {EPOCHS} epochs, in batches of
{BATCH}, by Adam with one cycle up to {LEARNING_RATE:g}. `LayerEnsemble(LCPOutlierDetector())` is
fitted on all 60,000, its feature extractor `TorchFeatureTransformer(net, {list(LAYERS)})`:
maps are taken by their spatial mean. Out-of-distribution rows are used for nothing but the test."""


@dataclass(frozen=True)
class NetResult:
    """One net, in %: its accuracy, and by out-of-distribution set the metrics and the FPR80."""

    accuracy: float
    by_set: dict[str, tuple[Metrics, float]]
    layer_aurocs: dict[str, dict[str, float]]  # by set and layer
    training_seconds: float
    seconds: float  # to fit the ensemble and to score; both of processor time


def run_net(data: Path, cache: Path, seed: int, *, quick: bool) -> NetResult:
    """Train a net, fit the ensemble and score; the cache keeps the net and the scores."""
    n_rows, epochs = (QUICK_ROWS, QUICK_EPOCHS) if quick else (60_000, EPOCHS)
    sizes = f"{FILTERS[0]}-{FILTERS[1]}-{HIDDEN}"
    key = f"lenet-{sizes}-{n_rows}x{epochs}-{BATCH}-{LEARNING_RATE}-{seed}"
    X, y = (values[:n_rows] for values in _images(data, "train"))
    net = lenet(X, seed)
    weights = kept(cache / f"{key}.npz", lambda: _train(net, X, y, epochs, seed))
    training_seconds = float(weights.pop("seconds"))
    net.load_state_dict({name: torch.from_numpy(value) for name, value in weights.items()})
    X_test, y_test = (values[:n_rows] for values in _images(data, "t10k"))
    ood = {
        name: images[:n_rows, np.newaxis]
        for name, images in grey_test_sets(data, cache, "mnist").items()
    }
    sets = {"": X_test, **ood}
    scores = kept(cache / f"{key}-scores.npz", lambda: _layer_scores(net, X, sets, seed))
    seconds, inside = float(scores.pop("seconds")), scores[""]
    by_set = {name: _compare(inside.sum(axis=1), scores[name].sum(axis=1)) for name in ood}
    by_layer = {
        name: {
            layer: metrics(inside[:, i], scores[name][:, i]).auroc for i, layer in enumerate(LAYERS)
        }
        for name in ood
    }
    accuracy = _accuracy(net, X_test, y_test)
    text = f"LeNet, seed {seed}: {accuracy:.2f} %, {training_seconds:.0f} + {seconds:.0f} s"
    say(text)
    return NetResult(accuracy, by_set, by_layer, training_seconds, seconds)


def _layer_scores(
    net: nn.Sequential, X: np.ndarray, sets: dict[str, np.ndarray], seed: int
) -> dict[str, np.ndarray]:
    """Standardised scores of each set in each layer, (n, 4), by an ensemble fitted on X."""
    start = time.process_time()
    features = TorchFeatureTransformer(net, list(LAYERS), device="cpu")
    ensemble = LayerEnsemble(LCPOutlierDetector(), feature_extractor=features, random_state=seed)
    ensemble.fit(X)
    scores = {name: ensemble.layer_scores(images) for name, images in sets.items()}
    return {**scores, "seconds": np.array(time.process_time() - start)}


def _images(data: Path, split: str) -> tuple[np.ndarray, np.ndarray]:
    images, labels = load_grey(data, "fashion", split)
    return with_channel(images), labels


def _train(
    net: nn.Sequential, X: np.ndarray, y: np.ndarray, epochs: int, seed: int
) -> dict[str, np.ndarray]:
    """Train by Adam with one cycle of the learning rate."""
    start = time.process_time()
    inputs, targets = torch.from_numpy(X), torch.from_numpy(y)
    generator = torch.Generator().manual_seed(seed)
    optimiser = torch.optim.Adam(net.parameters(), lr=LEARNING_RATE)
    steps = epochs * -(-len(X) // BATCH)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimiser, LEARNING_RATE, total_steps=steps)
    net.train()
    for _ in range(epochs):
        for rows in torch.randperm(len(X), generator=generator).split(BATCH):
            loss = nn.functional.cross_entropy(net(inputs[rows]), targets[rows])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            schedule.step()
    weights = {name: value.numpy().copy() for name, value in net.state_dict().items()}
    return {**weights, "seconds": np.array(time.process_time() - start)}


@torch.inference_mode()
def _accuracy(net: nn.Sequential, X: np.ndarray, y: np.ndarray) -> float:
    net.eval()
    predicted = torch.cat([net(batch).argmax(dim=1) for batch in torch.from_numpy(X).split(1000)])
    return 100 * float((predicted.numpy() == y).mean())


def _compare(inside: np.ndarray, outside: np.ndarray) -> tuple[Metrics, float]:
    labels = np.repeat([1, -1], [len(inside), len(outside)])
    fpr80 = fpr_at_tpr(labels, np.r_[inside, outside], tpr=0.8)
    return metrics(inside, outside), 100 * float(fpr80)
