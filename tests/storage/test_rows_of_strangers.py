"""Rows on disk of a saved estimator: read where the caller says, and nowhere else."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

import skood
from skood import KNNOutlierDetector, open_rows
from skood._optional import is_installed
from skood.cli import main

from ..detectors import rows

if not is_installed("skops"):
    pytest.skip("skops (extra 'io') is not installed", allow_module_level=True)


@pytest.fixture
def stored(tmp_path):
    """A detector on rows on disk: its file, the path of the rows, and its scores."""
    np.save(tmp_path / "train.npy", rows(50, 20))
    detector = KNNOutlierDetector(algorithm="exact").fit(open_rows(tmp_path / "train.npy"))
    skood.save(detector, tmp_path / "detector.skood")
    path = tmp_path / "detector.skood"
    return path, str(tmp_path / "train.npy"), detector.score_samples(rows(9, 20))


def test_rows_are_read_where_the_caller_says(stored, tmp_path):
    path, train, scores = stored
    with pytest.raises(
        ValueError, match=r"^The estimator in .* pass rows=\{'.*train\.npy': '.*\.$"
    ):
        skood.load(path)
    moved = tmp_path / "moved.npy"
    Path(train).rename(moved)
    for where in (
        moved,
        str(moved),
        np.load(moved),
        np.load(moved, mmap_mode="r"),
        open_rows(moved),
    ):
        loaded = skood.load(path, rows={train: where})
        np.testing.assert_array_equal(loaded.score_samples(rows(9, 20)), scores)
    with pytest.raises(ValueError, match="must have the shape"):
        skood.load(path, rows={train: np.zeros((50, 21))})
    with pytest.raises(
        ValueError, match=r"^The 'rows' parameter of skood\.load must be a mapping of"
    ):
        skood.load(path, rows={train: moved, "other.npy": moved})
    with pytest.raises(ValueError, match="FileNotFoundError There are no rows to open"):
        skood.load(path, rows={train: "http://127.0.0.1/train.npy"})


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no named pipes on this system")
@pytest.mark.parametrize("name", ["train.npy", "train.parquet"])
def test_a_pipe_in_place_of_rows_is_refused(stored, tmp_path, name):
    path, train, _ = stored
    (tmp_path / "pipe").mkdir()
    pipe = tmp_path / "pipe" / name
    os.mkfifo(pipe)
    with pytest.raises(ValueError, match=r"The 'path' parameter of open_rows must be a \.npy file"):
        skood.load(path, rows={train: pipe})


@pytest.mark.skipif(not is_installed("pyarrow"), reason="pyarrow (extra 'io') is not installed")
def test_rows_in_a_folder_of_parquet_files(tmp_path):
    import pyarrow as pa
    import pyarrow.parquet as pq

    for folder in ("before", "after"):
        (tmp_path / folder).mkdir()
        for part in range(2):
            table = pa.table(
                dict(zip("abcdefghijklmnopqrst", rows(50, 20, seed=part).T, strict=True))
            )
            pq.write_table(table, tmp_path / folder / f"{part}.parquet")
    detector = KNNOutlierDetector(algorithm="exact").fit(
        open_rows(tmp_path / "before", columns=list("tca"))
    )
    queries = open_rows(tmp_path / "after" / "0.parquet", columns=list("tca"))
    scores = detector.score_samples(queries)
    skood.save(detector, tmp_path / "detector.skood")
    (tmp_path / "before").rename(tmp_path / "elsewhere")
    named = {str(tmp_path / "before"): tmp_path / "after"}
    loaded = skood.load(tmp_path / "detector.skood", rows=named)
    np.testing.assert_array_equal(loaded.score_samples(queries), scores)


def test_the_command_line_names_rows(stored, tmp_path, capsys):
    path, train, scores = stored
    np.save(tmp_path / "new.npy", rows(9, 20))
    command = [
        "score",
        str(path),
        "--new",
        str(tmp_path / "new.npy"),
        "--output",
        str(tmp_path / "scores.csv"),
    ]
    assert main(command) == 3
    assert "--rows" in capsys.readouterr().err
    Path(train).rename(tmp_path / "moved.npy")
    assert main([*command, "--rows", f"{train}={tmp_path / 'moved.npy'}"]) == 0
    written = np.genfromtxt(tmp_path / "scores.csv", delimiter=",", names=True)
    np.testing.assert_allclose(written["score"], scores)
