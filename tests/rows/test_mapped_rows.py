"""Memory maps: which files can be mapped, and how much of one is in memory."""

from __future__ import annotations

import pickle
import subprocess
import sys
import textwrap

import numpy as np
import pytest

from skood import KNNOutlierDetector, open_rows
from skood.rows import as_stored_rows
from skood.rows._mapped_rows import find_mapping

from .rows_on_disk import data, on_disk


def test_a_head_that_speaks_of_more_rows_than_there_are(tmp_path):
    np.save(tmp_path / "rows.npy", data())
    content = (tmp_path / "rows.npy").read_bytes()
    (tmp_path / "rows.npy").write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match=r"rows.npy must be a .npy file .*Got a file of \d+ bytes"):
        open_rows(tmp_path / "rows.npy")


@pytest.mark.parametrize("kind", ["memmap", "npy"])
def test_a_file_that_was_cut_after_it_was_opened(kind, tmp_path):
    # to touch a page behind the end of the file would kill the process
    X = on_disk(data(20_000, 8), kind, tmp_path)
    detector = KNNOutlierDetector(algorithm="exact", threshold_samples=50).fit(X)
    with (tmp_path / "rows.npy").open("r+b") as file:
        file.truncate(10_000)
    with pytest.raises(ValueError, match=r"must hold 20000 rows. Got a file of 10000 bytes"):
        detector.score_samples(data(40, 8, seed=1))
    with pytest.raises(ValueError, match=r"must hold 20000 rows. Got a file of 10000 bytes"):
        KNNOutlierDetector().fit(X)


def test_maps_that_may_and_may_not_be_written(tmp_path):
    X = data()
    np.save(tmp_path / "rows.npy", X)
    (tmp_path / "rows.npy").chmod(0o444)
    read_only = np.load(tmp_path / "rows.npy", mmap_mode="r")
    expected = KNNOutlierDetector().fit(X).score_samples(X)
    np.testing.assert_array_equal(KNNOutlierDetector().fit(read_only).score_samples(X), expected)
    # changes of a private map are seen, and are still there after a fit
    private = np.load(tmp_path / "rows.npy", mmap_mode="c")
    private[0] = 100.0
    changed = KNNOutlierDetector(algorithm="exact").fit(private)
    assert changed.training_scores_[0] < -100
    assert (private[0] == 100.0).all()
    np.testing.assert_array_equal(np.load(tmp_path / "rows.npy"), X)


def test_part_of_a_map_and_what_is_computed_from_one(tmp_path):
    X = data()
    mapped = on_disk(X, "memmap", tmp_path)
    for part in (np.s_[40:90], np.s_[::3], np.s_[:, 2:7], np.s_[::-1]):
        stored = as_stored_rows(mapped[part])
        np.testing.assert_array_equal(np.asarray(stored), X[part])
        np.testing.assert_array_equal(stored[3:9], X[part][3:9])
    assert as_stored_rows(mapped + 1.0) is None
    assert as_stored_rows(mapped[[1, 2]]) is None
    assert as_stored_rows(X) is None


def test_a_file_in_the_order_of_columns_is_mapped(tmp_path):
    X, Q = data(4000), data(30, seed=1)
    np.save(tmp_path / "rows.npy", np.asfortranarray(X))
    stored = open_rows(tmp_path / "rows.npy")
    assert find_mapping(stored._array) is not None
    np.testing.assert_array_equal(stored[700:900], X[700:900])
    np.testing.assert_array_equal(stored.take([3999, 0, 7]), X[[3999, 0, 7]])
    detector = KNNOutlierDetector(algorithm="exact").fit(stored)
    expected = KNNOutlierDetector(algorithm="exact").fit(X)
    np.testing.assert_array_equal(detector.score_samples(Q), expected.score_samples(Q))


def test_a_pickle_whose_file_has_changed(tmp_path):
    content = pickle.dumps(on_disk(data(), "npy", tmp_path))
    np.save(tmp_path / "rows.npy", data(200))
    with pytest.raises(ValueError, match=r"held rows of shape \(300, 9\).* Got \(200, 9\)"):
        pickle.loads(content)  # noqa: S301


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("by_columns", [False, True], ids=["row by row", "column by column"])
def test_peak_memory_is_a_fraction_of_the_file(by_columns, tmp_path):
    path = tmp_path / "rows.npy"
    n, d = 300_000, 160  # 192 MB
    mapped = np.lib.format.open_memmap(
        path, "w+", dtype=np.float32, shape=(n, d), fortran_order=by_columns
    )
    generator = np.random.default_rng(0)
    for start in range(0, n, 50_000):
        mapped[start : start + 50_000] = generator.standard_normal((50_000, d), dtype=np.float32)
    mapped.flush()
    del mapped
    code = f"""
        import re, numpy as np, sklearn, skood
        from pathlib import Path
        def peak():
            return int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
        skood.LCPOutlierDetector(threshold_samples=20).fit(np.ones((99, {d}), dtype=np.float32)
            + np.arange(99, dtype=np.float32)[:, None]).score_samples(np.zeros((9, {d})))
        before = peak()
        X = np.load({str(path)!r}, mmap_mode="r")
        detector = skood.LCPOutlierDetector(threshold_samples=200, random_state=0).fit(X)
        detector.score_samples(X[1000:1200] + 0.5)
        print((peak() - before) * 1024)
    """
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, check=True
    )
    # 24 bytes a row for hashes and lengths, twice in sorting, and blocks of fixed size
    assert 0 < float(done.stdout) < 0.4 * n * d * 4
