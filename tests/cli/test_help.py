"""The help of each command: its examples run, and it fits the terminal."""

from __future__ import annotations

import io
import shlex
from pathlib import Path

import numpy as np
import pytest

from skood.cli import _build_parser, main

from .cli_files import write

COMMANDS = ["check", "detect", "fit", "score", "watch", "bench", "info", "demo"]


def help_of(command, capsys):
    with pytest.raises(SystemExit, match=r"^0$"):
        main([*filter(None, [command]), "--help"])
    return capsys.readouterr().out


def examples(text):
    lines = text.partition("\nexamples:\n")[2].splitlines()
    return [line.strip() for line in lines if line.strip()]


@pytest.mark.parametrize("columns", [80, 140])
@pytest.mark.parametrize("command", ["", *COMMANDS])
def test_every_help_has_examples_and_fits_the_terminal(capsys, monkeypatch, command, columns):
    monkeypatch.setenv("COLUMNS", str(columns))
    text = help_of(command, capsys)
    assert examples(text)
    assert all(line.startswith("skood ") for line in examples(text))
    before = text.partition("\nexamples:\n")[0].splitlines()
    assert max(map(len, before)) <= columns
    assert max(map(len, before)) > columns - 20 or not command


def test_all_commands_are_here():
    (action,) = (a for a in _build_parser()._actions if a.dest == "command")
    assert sorted(action.choices) == sorted(COMMANDS)


def test_the_examples_run(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    random = np.random.default_rng(0)
    for name, n in (("train", 120), ("new", 12)):
        frame = _orders(random, n)
        write(frame, Path(f"{name}.csv"))
        frame.to_csv(f"{name}.csv.gz", index=False)
        Path("parts").mkdir(exist_ok=True)
        write(frame, Path(f"parts/{name}.parquet"))
        Path("feed").mkdir(exist_ok=True)
        write(frame, Path(f"feed/{name}.csv"))
        np.save(f"{name}.npy", random.normal(size=(n, 4)))
    Path("sets").mkdir()
    for name in ("a", "b"):
        X = random.normal(size=(60, 4))
        y = np.repeat([1, -1], [10, 10])
        np.savez(f"sets/{name}.npz", X_train=X[:40], X_test=X[40:], y_test=y)
    # a detector is fitted before it is used; tests/cli/test_demo.py runs the demo
    for command in ["", "check", "detect", "fit", "score", "watch", "bench", "info"]:
        for example in examples(help_of(command, capsys)):
            words, _, given = example.partition(" < ")
            if given:  # and the output of "> FILE" goes to stdout
                content = io.BytesIO(Path(given.split(" > ")[0]).read_bytes())
                monkeypatch.setattr("sys.stdin", io.TextIOWrapper(content))
            assert main(shlex.split(words)[1:]) == 0, example
            out, err = capsys.readouterr()
            assert "error" not in err
            assert out.startswith("order,score,") or not given or command == "watch"
    assert {"detector.skood", "knn.skood", "scores.csv", "scores.parquet"} <= {
        path.name for path in tmp_path.iterdir()
    }


def _orders(random, n):
    import pandas as pd

    return pd.DataFrame(
        {
            "order": np.arange(n),
            "price": random.lognormal(3.0, 0.5, n).round(2),
            "weight": random.normal(2.0, 0.3, n).round(3),
            "country": random.choice(["AT", "BE", "CZ"], n),
        }
    )
