"""Blocks of training rows that threads share: made once, right for everyone, no block lost."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from skood.neighbors import ExactIndex
from skood.neighbors._centred_blocks import CentredBlocks
from skood.neighbors._closeness import ClosenessReference

ROWS = np.arange(60.0).reshape(20, 3)
SINGLE = np.dtype(np.float32)


class Fills:
    """Copies rows, and notes which."""

    def __init__(self):
        self.starts = []

    def __call__(self, start, stop, array):
        self.starts.append(start)
        array[:] = ROWS[start:stop]


def test_readers_of_a_block_share_it():
    fill, meet = Fills(), threading.Barrier(3, timeout=60)
    blocks = CentredBlocks(fill, (5, 3), n_readers=3)

    def read(_):
        for start in range(0, 20, 5):
            meet.wait()
            with blocks.block(start, start + 5, SINGLE) as rows:
                meet.wait()  # all three hold it now
                np.testing.assert_array_equal(rows, ROWS[start : start + 5])

    with ThreadPoolExecutor(3) as pool:
        list(pool.map(read, range(3)))
    assert fill.starts == [0, 5, 10, 15]


def test_a_reader_one_block_behind_finds_it_and_one_further_behind_makes_its_own():
    fill = Fills()
    blocks = CentredBlocks(fill, (5, 3), n_readers=2)
    with blocks.block(0, 5, SINGLE) as held:
        with blocks.block(5, 10, SINGLE):
            pass
        with blocks.block(10, 15, SINGLE):
            pass
        np.testing.assert_array_equal(held, ROWS[:5])  # never overwritten under its reader
    with blocks.block(5, 10, SINGLE) as rows:
        np.testing.assert_array_equal(rows, ROWS[5:10])
    assert fill.starts == [0, 5, 10]
    with blocks.block(15, 20, SINGLE), blocks.block(10, 15, SINGLE):
        pass
    assert fill.starts == [0, 5, 10, 15]
    with blocks.block(0, 5, SINGLE) as rows:
        np.testing.assert_array_equal(rows, ROWS[:5])
    assert fill.starts == [0, 5, 10, 15, 0]


def test_a_block_of_another_dtype_is_another_block():
    fill = Fills()
    blocks = CentredBlocks(fill, (5, 3), n_readers=2)
    with blocks.block(0, 5, SINGLE) as single, blocks.block(0, 5, np.dtype(float)) as double:
        assert (single.dtype, double.dtype) == (np.float32, np.float64)
    assert fill.starts == [0, 0]


def test_a_reader_who_waited_for_a_block_that_failed_makes_it():
    begun, waiting = threading.Event(), threading.Event()
    calls = []

    def fill(start, stop, array):
        calls.append(start)
        if len(calls) == 1:
            begun.set()
            assert waiting.wait(60)
            raise OSError("the disk is gone")
        array[:] = ROWS[start:stop]

    blocks = CentredBlocks(fill, (5, 3), n_readers=2)

    def first():
        with blocks.block(0, 5, SINGLE):
            pass

    def second():
        assert begun.wait(60)
        waiting.set()
        with blocks.block(0, 5, SINGLE) as rows:
            return rows.copy()

    with ThreadPoolExecutor(2) as pool:
        failing, served = pool.submit(first), pool.submit(second)
        with pytest.raises(OSError, match="the disk is gone"):
            failing.result()
        np.testing.assert_array_equal(served.result(), ROWS[:5])
    assert calls == [0, 0]


def test_threads_that_search_wide_rows_share_blocks(monkeypatch):
    rng = np.random.default_rng(0)
    X, Q = rng.normal(size=(9_000, 260)), rng.normal(size=(1_200, 260))
    alone = ExactIndex(n_jobs=1).fit(X).query(Q, 5)
    made, fill, take = [], ClosenessReference._fill_block, CentredBlocks._taken
    came, both_came = [], threading.Event()

    def taken(self, key):
        slot = take(self, key)
        came.append(key)
        if len(came) == 2:
            both_came.set()
        return slot

    def noted(self, start, stop, right):
        assert both_came.wait(60)  # however busy the machine is, they begin together
        made.append(start)
        fill(self, start, stop, right)

    monkeypatch.setattr(CentredBlocks, "_taken", taken)
    monkeypatch.setattr(ClosenessReference, "_fill_block", noted)
    together = ExactIndex(n_jobs=2).fit(X).query(Q, 5)
    np.testing.assert_array_equal(together.indices, alone.indices)
    np.testing.assert_array_equal(together.distances, alone.distances)
    assert set(made) == {0, 4096, 6144, 8192}
    assert made.count(0) == 1
