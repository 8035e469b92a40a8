"""Why FSSD works: how far features of different rows move while a network is trained.

    python benchmarks/papers/moving_speed.py --data ../shared/data

Keeps the features of Fashion-MNIST (in-distribution), MNIST (out-of-distribution) and noise at
checkpoints of a training, and compares two distances: to the singularity F* (the mean feature of
noise), which is the score, and to the feature of the same row before the training. The FSSD paper
argues that the first approximates the second.
"""

from __future__ import annotations

import argparse
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
from _moving_speed_report import markdown, picture
from skood.cli.arguments import count as at_least_one
from skood.deep import TorchFeatureTransformer
from skood.measures import singularity_distance

COMMAND = "python benchmarks/papers/moving_speed.py --data ../shared/data"
LAYERS = ("relu1", "relu2", "hidden", "logits")
EPOCHS, BATCH = 5, 128
STEPS = (0, 10, 30, 100, 200, 469, 938, 1407, 1876, 2345)  # 469 in an epoch
ROWS = 1000  # of each kind


def features_over_time(data: Path, cache: Path, seed: int) -> dict[str, np.ndarray]:
    """By kind and layer, features (checkpoints, rows, width); kept in the cache."""
    path = cache / f"moving-speed-{EPOCHS}-{BATCH}-{ROWS}-{seed}.npz"
    return kept(path, lambda: _trace(data, seed))


def _trace(data: Path, seed: int) -> dict[str, np.ndarray]:
    images, labels = load_grey(data, "fashion", "train")
    X, y = torch.from_numpy(with_channel(images)), torch.from_numpy(labels)
    rng = np.random.default_rng(seed)
    kinds = {
        "Fashion-MNIST": with_channel(load_grey(data, "fashion", "t10k")[0][:ROWS]),
        "MNIST": with_channel(load_grey(data, "mnist", "t10k")[0][:ROWS]),
        "noise": rng.random((ROWS, 1, 28, 28), dtype=np.float32),
    }
    features_of: dict[str, list[np.ndarray]] = {}
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        net = lenet()
        for step in _training(net, X, y):
            if step not in STEPS:
                continue
            say(f"seed {seed}: step {step} of {STEPS[-1]}")
            layers = TorchFeatureTransformer(net, list(LAYERS), batch_size=500, device="cpu")
            for kind, rows in kinds.items():
                features = layers.fit_transform(rows)
                for layer, columns in layers.feature_groups_.items():
                    features_of.setdefault(f"{kind}/{layer}", []).append(features[:, columns])
    return {name: np.stack(values) for name, values in features_of.items()}


def _training(net: nn.Module, X: torch.Tensor, y: torch.Tensor):
    """Train, and yield the number of steps taken: first 0, before the first of them."""
    optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
    step = 0
    yield step
    for _ in range(EPOCHS):
        for chosen in torch.randperm(len(X)).split(BATCH):
            net.train()
            with torch.autocast("cpu", torch.bfloat16):
                logits = net(X[chosen].contiguous(memory_format=torch.channels_last))
            loss = nn.functional.cross_entropy(logits.float(), y[chosen])
            optimiser.zero_grad()
            loss.backward()
            optimiser.step()
            step += 1
            yield step


def distances(
    features_of: dict[str, np.ndarray], layer: str
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """By kind: distance to F* and movement since the first weights, both (checkpoints, rows)."""
    singularity = features_of[f"noise/{layer}"].mean(axis=1)
    both = {}
    for kind in ("Fashion-MNIST", "MNIST", "noise"):
        features = features_of[f"{kind}/{layer}"]
        to_noise = [
            singularity_distance(at, centre)
            for at, centre in zip(features, singularity, strict=True)
        ]
        moved = np.linalg.norm(features.astype(float) - features[:1].astype(float), axis=2)
        both[kind] = np.stack(to_noise), moved
    return both


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "mnist/, fashion_mnist/, ...")
    parser.add_argument("--seeds", type=at_least_one, default=3)
    add_cache(parser, "features are kept here")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    runs = []
    for seed in range(arguments.seeds):
        features_of = features_over_time(arguments.data, arguments.cache, seed)
        runs.append({layer: distances(features_of, layer) for layer in LAYERS})
    RESULTS.mkdir(exist_ok=True)
    picture(runs[0], STEPS, RESULTS / "moving-speed.png")
    body = markdown(runs, STEPS, EPOCHS)
    packages = ["skood", "numpy", "scipy", "torch", "matplotlib"]
    write_result("moving_speed", COMMAND, packages, body)


if __name__ == "__main__":
    main()
