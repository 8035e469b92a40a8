"""Tables with categories: sets of a suite, whose columns of few values are named as categories."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zlib import crc32

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from skood.comparison import SuiteSet, read_suite

SHARE = 0.3  # of the columns, at least
MOST = {"ten": 10, "twenty": 20}  # values of a column of categories


@dataclass(frozen=True)
class MixedSet:
    """A table, as a frame with categories and as numbers."""

    name: str
    origin: str
    is_kept: bool  # not of the half of the origins on which choices are made
    few: NDArray[np.bool_]  # which columns hold categories
    train: NDArray
    test: NDArray
    is_in: NDArray[np.bool_]

    def frames(
        self, share_missing: float = 0.0, renamed: bool = False
    ) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Training and test rows; cells are missing at random."""
        random = np.random.default_rng(0)
        frames = []
        for rows in (self.train, self.test):
            gaps = random.random(rows.shape) < share_missing
            columns = {}
            for j, values in enumerate(rows.astype(np.float64).T):
                column = pd.Series(values)
                if self.few[j]:
                    column = column.map(_other_name if renamed else repr).astype("category")
                columns[f"c{j}"] = column.mask(gaps[:, j])
            frames.append(pd.DataFrame(columns))
        return frames[0], frames[1]


def _other_name(value: float) -> str:
    """Another name, which sorts in another order."""
    return f"{crc32(repr(value).encode()):08x}"


def mixed_sets(folder: Path, most: int) -> Iterator[MixedSet]:
    """Sets of which enough columns have at most so many values in the training rows."""
    for one in read_suite(folder):
        few = np.array([len(np.unique(column)) <= most for column in one.X_train.T])
        if few.mean() >= SHARE:
            kept = crc32(one.group.encode()) % 2 == 1
            yield MixedSet(one.name, one.group, kept, few, one.X_train, one.X_test, one.is_in)


def adbench_sets(folder: Path, most_rows: int) -> Iterator[SuiteSet]:
    """ADBench's tables: trained on 70 % of the normal rows, tested on all others."""
    for path in sorted((folder / "adbench" / "Classical").glob("*.npz")):
        with np.load(path) as file:
            X, y = file["X"].astype(np.float64), file["y"]
        random = np.random.default_rng(0)
        normal = random.permutation(np.flatnonzero(y == 0))
        cut = int(0.7 * len(normal))
        test = random.permutation(np.r_[normal[cut:], np.flatnonzero(y == 1)])[: 2 * most_rows]
        train = normal[:cut][:most_rows]
        yield SuiteSet(path.stem, path.stem, X[train], X[test], y[test] == 0)
