"""NumPy's files in the order of columns: mapped, and not read anew for each block."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from skood.cli.files import RowLayout, TableError, open_source

IO = Path("/proc/self/io")


def by_columns(shape, dtype=np.float64, seed=0):
    values = 100 * np.random.default_rng(seed).normal(size=shape)
    return np.asfortranarray(values.astype(dtype))


def blocks(path, X, **options):
    return list(open_source(path).blocks(RowLayout("array", shape=X.shape[1:]), **options))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int16, np.float16, ">f8"])
@pytest.mark.parametrize("shape", [(103, 7), (40, 3, 4, 2), (1, 5), (0, 5)])
@pytest.mark.parametrize("name", ["rows.npy", "rows.npz"])
def test_blocks_are_those_of_a_file_in_the_order_of_rows(name, shape, dtype, tmp_path):
    X, path = by_columns(shape, dtype), tmp_path / name
    if name == "rows.npy":
        np.save(path, X)
    else:
        np.savez_compressed(path, X=X)
    np.save(tmp_path / "ordered.npy", np.ascontiguousarray(X))
    for options in ({"length": 10}, {"length": 10, "first_row": 20}, {}):
        read, expected = blocks(path, X, **options), blocks(tmp_path / "ordered.npy", X, **options)
        assert [block.start for block in read] == [block.start for block in expected]
        for block, other in zip(read, expected, strict=True):
            np.testing.assert_array_equal(block.rows, other.rows)
            assert block.rows.dtype == other.rows.dtype
            assert block.rows.flags.c_contiguous


@pytest.mark.skipif(not IO.exists(), reason="the system does not count the bytes that are read")
def test_no_byte_is_read_for_each_block_anew(tmp_path):
    X = by_columns((20_000, 16))
    np.save(tmp_path / "rows.npy", X)
    before = _bytes_read()
    assert len(blocks(tmp_path / "rows.npy", X, length=100)) == 200
    assert _bytes_read() - before < X.nbytes


def test_a_file_that_is_cut(tmp_path):
    X, path = by_columns((5_000, 8)), tmp_path / "rows.npy"
    np.save(path, X)
    reading = open_source(path).blocks(RowLayout("array", shape=(8,)), length=1000)
    np.testing.assert_array_equal(next(reading).rows, X[:1000])
    with path.open("r+b") as file:
        file.truncate(X.nbytes // 2)
    with pytest.raises(TableError, match=r"rows.npy is cut short"):  # to touch the rest would kill
        next(reading)
    with pytest.raises(TableError, match=r"rows.npy is cut short"):
        blocks(path, X)


def _bytes_read():
    return int(IO.read_text().split()[1])
