"""The FSSD poster's derivation, its Gaussian process and the phases of a training, measured.

    python benchmarks/papers/tangent.py --data ../shared/data

Trains the paper's LeNet on Fashion-MNIST by plain gradient steps and compares, at checkpoints, the
movement of features with the two lines of the derivation by the neural tangent kernel. Then scores
the same rows by a Gaussian process with this kernel, and by FSSD and LCP in each phase.
"""

from __future__ import annotations

import argparse
import copy
import sys
from pathlib import Path

import numpy as np
import torch
from torch import nn

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.arguments import add_cache, add_data
from _common.images import kept, load_grey, with_channel
from _common.report import RESULTS, say, write_result
from _common.table2_nets import lenet
from _tangent.derivation import moved_by_kernel, output_gradients, trapezoid_weights
from _tangent.report import markdown, picture
from _tangent.uncertainty import last_layer_laplace
from skood import GaussianProcessScorer, LCPOutlierDetector, MahalanobisOutlierDetector
from skood.cli.arguments import count as at_least_one
from skood.deep import TangentFeatureTransformer, TorchFeatureTransformer, TrainingTrace

COMMAND = "python benchmarks/papers/tangent.py --data ../shared/data"
LAYERS = ["relu1", "relu2", "hidden", "logits"]
LAST = ["hidden", "logits"]  # of the derivation: their features are all that the loss sees
RATE, BATCH, EPOCHS = 0.05, 128, 3
STEPS = (0, 10, 30, 100, 200, 469, 938, 1407)  # 469 in an epoch
ROWS, TRAINING_ROWS, PROJECTIONS = 500, 1000, 32


def measured(data: Path, seed: int) -> dict[str, np.ndarray]:
    """All numbers of one training, by name."""
    images, labels = load_grey(data, "fashion", "train")
    X, y = torch.from_numpy(with_channel(images)), torch.from_numpy(labels)
    kinds = {
        "training": X[:TRAINING_ROWS],
        "known": torch.from_numpy(with_channel(load_grey(data, "fashion", "t10k")[0][:ROWS])),
        "unknown": torch.from_numpy(with_channel(load_grey(data, "mnist", "t10k")[0][:ROWS])),
    }
    noise = np.random.default_rng(seed).random((ROWS, 1, 28, 28), dtype=np.float32)
    new = torch.cat([kinds["known"], kinds["unknown"]])
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = lenet().eval()  # without dropout, whose noise the derivation does not have
        trace = TrainingTrace(
            net,
            kinds,
            LAYERS,
            steps=STEPS,
            noise=noise,
            n_kernel_samples=25,
            n_projections=PROJECTIONS,
            random_state=seed,
        )
        slopes, integral, states = [], dict.fromkeys(LAST, 0.0), []
        weights = RATE * trapezoid_weights(list(STEPS))
        for step in _training(net, X, y):
            if step not in STEPS:
                continue
            say(f"seed {seed}: step {step} of {STEPS[-1]}")
            trace.record(step)
            states.append(copy.deepcopy(net.state_dict()))
            now = output_gradients(net, kinds["training"], y[:TRAINING_ROWS], LAST)
            slopes.append(now)
            for layer in LAST:
                moved = moved_by_kernel(net, layer, kinds["training"], -now[layer], new)
                integral[layer] = integral[layer] + weights[len(slopes) - 1] * moved
    found = {f"integral/{layer}": np.linalg.norm(integral[layer], axis=1) for layer in LAST}
    found |= _constant_kernels(net, states, slopes, weights, kinds["training"], new)
    found |= _series(trace)
    found |= _uncertainties(net, kinds["training"], y[:TRAINING_ROWS], new, trace)
    return found


def _training(net: nn.Module, X: torch.Tensor, y: torch.Tensor):
    """Train by plain gradient steps; yield the number of steps taken, first 0."""
    optimiser = torch.optim.SGD(net.parameters(), lr=RATE)
    step = 0
    yield step
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(X)).split(BATCH):
            logits = net(X[chosen].contiguous(memory_format=torch.channels_last))
            loss = nn.functional.cross_entropy(logits, y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            yield step


def _constant_kernels(net, states, slopes, weights, X_m, new) -> dict[str, np.ndarray]:
    """‖Σ_m Θ(x, x_m) ν_m‖ with the kernel of the first, of the epoch's and of the last weights."""
    found, net = {}, copy.deepcopy(net)
    for name, at in {"first": 0, "epoch": STEPS.index(469), "last": -1}.items():
        net.load_state_dict(states[at])
        for layer in LAST:
            nu = -sum(w * now[layer] for w, now in zip(weights, slopes, strict=True))
            moved = moved_by_kernel(net, layer, X_m, nu, new)
            found[f"constant-{name}/{layer}"] = np.linalg.norm(moved, axis=1)
    return found


def _series(trace: TrainingTrace) -> dict[str, np.ndarray]:
    """Distances, movements, changes of the kernel and LCP's scores at all checkpoints."""
    found = {}
    for layer in LAYERS:
        both = ("known", "unknown")
        found[f"distance/{layer}"] = np.hstack([trace.distances(kind, layer) for kind in both])
        found[f"moved/{layer}"] = np.hstack([trace.movements(kind, layer) for kind in both])
        found[f"kernel/{layer}"] = trace.kernel_changes(layer)
        features = {kind: trace.features_[kind][layer] for kind in trace.kinds_}
        scores = []
        for at in range(len(trace.steps_)):
            lcp = LCPOutlierDetector().fit(features["training"][at])
            scores.append(lcp.score_samples(np.vstack([features[kind][at] for kind in both])))
        found[f"lcp/{layer}"] = np.stack(scores)
    return found


def _uncertainties(net, X, y, new, trace) -> dict[str, np.ndarray]:
    """Scores of the new rows after the last step."""
    hidden = TorchFeatureTransformer(net, LAST, batch_size=250).fit(X)
    parts = hidden.feature_groups_
    train, rows = hidden.transform(X), hidden.transform(new)
    h_train, h = train[:, parts["hidden"]], rows[:, parts["hidden"]]
    found = {
        "score/FSSD (distance to F*)": np.hstack(
            [trace.distances(kind, "hidden")[-1] for kind in ("known", "unknown")]
        ),
        "score/Mahalanobis, by class": MahalanobisOutlierDetector()
        .fit(h_train, y.numpy())
        .score_samples(h),
        "score/LCP": LCPOutlierDetector().fit(h_train).score_samples(h),
        "score/Laplace, last layer": last_layer_laplace(h_train, train[:, parts["logits"]], h),
    }
    for name, options in {
        "last layer": {"parameters": "last-layer"},
        "all weights": {"n_projections": PROJECTIONS, "random_state": 0},
    }.items():
        say(f"Gaussian process: {name}")
        tangent = TangentFeatureTransformer(net, batch_size=250, **options).fit(X[:2])
        scorer = GaussianProcessScorer().fit(tangent.transform(X))
        found[f"score/Gaussian process, {name}"] = scorer.score_samples(tangent.transform(new))
    return found


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "mnist/, fashion_mnist/")
    parser.add_argument("--seeds", type=at_least_one, default=2)
    add_cache(parser, "the numbers of each training are kept here")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    runs = []
    for seed in range(arguments.seeds):
        path = arguments.cache / f"tangent-{RATE}-{BATCH}-{EPOCHS}-{TRAINING_ROWS}-{seed}.npz"
        runs.append(kept(path, lambda seed=seed: measured(arguments.data, seed)))
    picture(runs, STEPS, LAYERS, RESULTS / "tangent.png")
    body = markdown(runs, STEPS, LAYERS, LAST)
    packages = ["skood", "numpy", "scipy", "scikit-learn", "torch", "matplotlib"]
    write_result("tangent", COMMAND, packages, body)


if __name__ == "__main__":
    main()
