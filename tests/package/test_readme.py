"""The README is short, its Python runs as it stands, and its links and names exist."""

from __future__ import annotations

import importlib
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import skood
from skood import make_outlier_detector

from ..detectors import rows
from ..processes import run_python

README = Path(__file__).parents[2] / "README.md"
TEXT = README.read_text(encoding="utf-8")
MOST_WORDS = 700
COLUMNS = ["length", "width", "height", "weight"]


def _examples() -> list[str]:
    return re.findall(r"```python\n(.*?)```", TEXT, flags=re.DOTALL)


def test_it_is_read_in_three_minutes():
    assert len(TEXT.split()) <= MOST_WORDS
    assert all(len(example.splitlines()) <= 8 for example in _examples())


def test_its_links_and_pictures_are_in_the_clone():
    links = re.findall(r'\]\(([^)]+)\)|(?:src|srcset)="([^"]+)"', TEXT)
    targets = [link or picture for link, picture in links]
    assert len(targets) > 20
    assert [target for target in targets if not (README.parent / target).exists()] == []


def test_its_list_has_every_detector():
    pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
    public = [*skood.__all__, *importlib.import_module("skood.deep").__all__]
    detectors = {name for name in public if re.search(r"(Detector|Scorer|Ensemble)$", name)}
    wrappers = {"ConformalOutlierDetector", "TrimmedOutlierDetector"}
    listed = set(re.findall(r"`(\w+)`", TEXT.partition("## Detectors")[2].partition("## ")[0]))
    assert detectors - wrappers <= listed
    assert listed <= set(public)


def test_the_example_of_a_table_runs(tmp_path):
    table, _ = _examples()
    train, new = (
        pd.DataFrame(rows(n, seed=seed), columns=COLUMNS) for n, seed in ((200, 0), (30, 1))
    )
    new.loc[7, "width"] = 60.0
    for name, frame in {"train": train, "new": new}.items():
        frame["colour"] = np.where(frame["length"] > 0, "red", "blue")
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    done = run_python(table, cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert len(lines) == 11
    assert lines[1].startswith("7 ")
    assert lines[1].endswith("-1")


def test_the_example_of_embeddings_runs(tmp_path, monkeypatch, capsys):
    _, embeddings = _examples()
    directions = np.eye(4)[np.repeat([0, 1], [500, 100])]
    embeddings_of_both = 9.0 * directions + rows(600)
    np.save(tmp_path / "train.npy", embeddings_of_both[:400])
    np.save(tmp_path / "new.npy", embeddings_of_both[400:])
    monkeypatch.chdir(tmp_path)
    exec(embeddings, {})  # noqa: S102
    share = re.fullmatch(r"(\S+)% of the new rows are flagged\n", capsys.readouterr().out)
    assert 49 < float(share[1]) < 60


def test_gaps_are_filled_as_it_says():
    frame = pd.DataFrame(rows(60), columns=COLUMNS)
    frame.loc[[3, 9], "width"] = np.nan
    detector = make_outlier_detector("tabular")
    with pytest.raises(ValueError, match=r"missing values \(2 in 'width'\)"):
        detector.fit(frame)
    detector.set_params(tablescaler__missing="median").fit(frame)
    assert np.isfinite(detector.score_samples(frame)).all()
