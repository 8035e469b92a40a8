"""Trains the autoencoder of a task and keeps the traces of all its sets."""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from _common.images import kept
from _common.report import say
from _lcp_paper.tasks import Sets, Task
from skood.deep import AutoencoderTransformer

HIDDEN, CODE = 256, 64
PATIENCE = 5
QUICK_ROWS, QUICK_EPOCHS = 3000, 3


@dataclass(frozen=True)
class Traces:
    """Traces and reconstruction errors of one autoencoder."""

    training: np.ndarray  # (n, CODE)
    training_errors: np.ndarray
    tests: dict[str, np.ndarray]  # by set; "" is the in-distribution one
    errors: dict[str, np.ndarray]
    epochs: int
    best_epoch: int
    validation_loss: float
    seconds: float


def make_traces(task: Task, data: Path, cache: Path, seed: int, *, quick: bool) -> Traces:
    """Traces of one seed, from the cache if it has them."""
    settings = [task.name, task.epochs, task.learning_rate, task.batch_size, HIDDEN, CODE, PATIENCE]
    key = hashlib.sha256(json.dumps([*settings, seed, quick]).encode()).hexdigest()[:12]
    path = cache / f"traces-{key}.npz"
    arrays = kept(path, lambda: _train(task, task.load(data, cache, seed), seed, quick))
    names = ("", *task.ood)
    epochs, best_epoch, loss, seconds = arrays["training_log"].tolist()
    return Traces(
        arrays["training"],
        arrays["training_errors"],
        {name: arrays[f"test:{name}"] for name in names},
        {name: arrays[f"errors:{name}"] for name in names},
        int(epochs),
        int(best_epoch),
        loss,
        seconds,
    )


def _train(task: Task, sets: Sets, seed: int, quick: bool) -> dict[str, np.ndarray]:
    start = time.process_time()
    train = sets.train[np.random.default_rng(seed).permutation(len(sets.train))]
    train = train[:QUICK_ROWS] if quick else train
    n_values = int(np.prod(train.shape[1:]))
    autoencoder = AutoencoderTransformer(
        (HIDDEN,),
        min(CODE, n_values // 2),  # steel-plate faults have 27 columns
        epochs=QUICK_EPOCHS if quick else task.epochs,
        learning_rate=task.learning_rate,
        batch_size=task.batch_size,
        patience=PATIENCE,
        device="cpu",
        random_state=seed,
    ).fit(train)
    arrays = {
        "training": autoencoder.transform(train),
        "training_errors": autoencoder.reconstruction_error(train),
    }
    for name, rows in {"": sets.test, **sets.ood}.items():
        chosen = rows[:QUICK_ROWS] if quick else rows
        arrays[f"test:{name}"] = autoencoder.transform(chosen)
        arrays[f"errors:{name}"] = autoencoder.reconstruction_error(chosen)
    seconds = time.process_time() - start
    best, loss = autoencoder.best_epoch_, autoencoder.validation_loss_curve_.min()
    arrays["training_log"] = np.array([autoencoder.n_epochs_, best, loss, seconds])
    text = f"{task.name}, seed {seed}: {autoencoder.n_epochs_} epochs, {seconds:.0f} s"
    say(text)
    return arrays
