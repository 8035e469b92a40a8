"""The trainings of benchmarks/papers/table2.py: they resume after an interruption, and repeat."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")

PAPERS = Path(__file__).resolve().parents[2] / "benchmarks" / "papers"
EPOCHS = 3


@pytest.fixture
def training(monkeypatch):
    if not PAPERS.is_dir():
        pytest.skip("the benchmarks are not part of a source distribution")
    monkeypatch.syspath_prepend(str(PAPERS))
    from _table2 import training

    yield training
    for name in [name for name in sys.modules if name.startswith("_table2")]:
        del sys.modules[name]


@pytest.fixture
def recipe(training):
    def build() -> torch.nn.Module:
        return torch.nn.Sequential(
            torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Dropout(0.5), torch.nn.Linear(8, 2)
        )

    return training.Recipe(
        build,
        epochs=EPOCHS,
        batch_size=16,
        optimiser=lambda net: torch.optim.SGD(net.parameters(), lr=0.1, momentum=0.9),
        schedule=lambda optimiser, steps: torch.optim.lr_scheduler.OneCycleLR(
            optimiser, 0.1, total_steps=steps
        ),
        augment=lambda batch: batch + 0.1 * torch.randn_like(batch),
        half=False,
    )


@pytest.fixture
def rows(training):
    X = torch.from_numpy(np.random.default_rng(0).normal(size=(70, 4)).astype(np.float32))
    return training.Rows(X, (X[:, 0] > 0).long())


def weights(net) -> list[np.ndarray]:
    return [value.numpy() for value in net.state_dict().values()]


def same(net, other) -> bool:
    return all(np.array_equal(a, b) for a, b in zip(weights(net), weights(other), strict=True))


def test_a_training_that_was_cut_off_ends_with_the_same_weights(
    training, recipe, rows, tmp_path, monkeypatch
):
    whole = training.trained(recipe, rows, tmp_path / "whole.pt", seed=1)
    epoch, done = training._epoch, []

    def cut_off(*args):
        if len(done) == EPOCHS - 1:
            raise KeyboardInterrupt
        done.append(epoch(*args))
        return done[-1]

    monkeypatch.setattr(training, "_epoch", cut_off)
    with pytest.raises(KeyboardInterrupt):
        training.trained(recipe, rows, tmp_path / "cut.pt", seed=1)
    assert [path.name for path in tmp_path.glob("cut*")] == ["cut.unfinished.pt"]
    ran = []
    monkeypatch.setattr(training, "_epoch", lambda *args: ran.append(1) or epoch(*args))
    assert same(training.trained(recipe, rows, tmp_path / "cut.pt", seed=1), whole)
    assert len(ran) == 1
    assert [path.name for path in tmp_path.glob("cut*")] == ["cut.pt"]


def test_a_trained_net_is_read_and_other_seeds_give_others(training, recipe, rows, tmp_path):
    before = torch.get_rng_state()
    first = training.trained(recipe, rows, tmp_path / "net.pt", seed=1)
    assert same(training.trained(recipe, None, tmp_path / "net.pt", seed=1), first)
    assert not same(training.trained(recipe, rows, tmp_path / "other.pt", seed=2), first)
    assert torch.equal(torch.get_rng_state(), before)
    assert not first.training


def test_exposure_takes_certainty_from_outliers(training, recipe, rows, tmp_path):
    first = training.trained(recipe, rows, tmp_path / "net.pt", seed=1)
    outliers, longer = torch.full((30, 4), 3.0), replace(recipe, epochs=20)
    exposure = training.Rows(rows.X, rows.y, outliers)
    start = first.state_dict()
    plain = training.trained(longer, rows, tmp_path / "plain.pt", seed=1, start=start)
    exposed = training.trained(longer, exposure, tmp_path / "exposed.pt", seed=1, start=start)
    with torch.no_grad():
        certain = [net(outliers).softmax(dim=1).max().item() for net in (plain, exposed)]
    assert certain[1] < certain[0] - 0.1


def test_a_loss_that_is_not_a_number_is_told(training, recipe, rows, tmp_path):
    broken = training.Rows(rows.X * float("nan"), rows.y)
    with pytest.raises(FloatingPointError, match="epoch 1 of 3 is nan"):
        training.trained(recipe, broken, tmp_path / "net.pt", seed=1)
    assert not list(tmp_path.glob("*.pt"))


def test_a_recipe_begins_with_the_weights_of_the_one_before(training, recipe, rows, tmp_path):
    both = replace(recipe, epochs=1, before=recipe)
    net = training.trained(both, rows, tmp_path / "net.pt", seed=1)
    first = training.trained(recipe, rows, tmp_path / "first.pt", seed=1)
    start = first.state_dict()
    by_hand = training.trained(
        replace(recipe, epochs=1), rows, tmp_path / "second.pt", seed=1, start=start
    )
    assert same(net, by_hand)
    assert not same(net, first)
    # weights that are given go before those of a recipe
    given = training.trained(both, rows, tmp_path / "given.pt", seed=1, start=start)
    assert same(given, by_hand)
    assert not (tmp_path / "given.before.pt").exists()
