"""Sets with clean and contaminated training rows, and test rows in which no training row is."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

LEVELS = (0.0, 0.01, 0.03, 0.1)
MOST_ROWS = 1_000  # to train on, and of each kind to test on
FEWEST_ODD_ROWS = 40  # half of them contaminate: then 200 training rows may hold 10 %


class Task(NamedTuple):
    """Training rows at one level, the test rows, and their labels."""

    train: NDArray[np.float64]
    test: NDArray[np.float64]
    labels: NDArray[np.int64]


@dataclass(frozen=True)
class ContaminatedSet:
    """One file."""

    name: str
    family: str
    path: Path
    is_for_choice: bool

    def tasks(self, seed: int) -> list[Task]:
        """One task for each level; the test rows are the same at all of them."""
        rng = np.random.default_rng([seed, crc32(self.name.encode())])
        normal, new, odd = self._parts(rng)
        odd = rng.permutation(odd)
        odd, strange = odd[: len(odd) // 2], odd[len(odd) // 2 :]
        n = min(len(normal), MOST_ROWS, int(len(odd) / LEVELS[-1]))
        normal = rng.permutation(normal)[:n]
        new, strange = rng.permutation(new)[:MOST_ROWS], strange[:MOST_ROWS]
        test = np.vstack([new, strange])
        labels = np.repeat([1, -1], [len(new), len(strange)])
        sizes = [round(level * n) for level in LEVELS]
        return [Task(np.vstack([normal[m:], odd[:m]]), test, labels) for m in sizes]

    def _parts(self, rng: np.random.Generator) -> tuple[NDArray, NDArray, NDArray]:
        """Normal rows to train on, other normal rows, and odd rows."""
        with np.load(self.path) as file:
            if "X_train" in file:
                X, y = file["X_test"].astype(np.float64), file["y_test"]
                return file["X_train"].astype(np.float64), X[y == 1], X[y == -1]
            X, y = file["X"].astype(np.float64), file["y"]
        normal = rng.permutation(np.flatnonzero(y == 0))
        cut = int(0.7 * len(normal))
        return X[normal[:cut]], X[normal[cut:]], X[y == 1]


def contaminated_sets(data: Path) -> list[ContaminatedSet]:
    """All sets with enough odd rows, in the order of their names.

    Those for choice have decided how rows are left out, and are not reported: the embeddings by
    ResNet18, every other tabular set of ADBench, and half of the tables, by their origin.
    """
    found = []
    for path in sorted((data / "adbench").glob("*/*.npz")):
        kind = "tabular" if path.parent.name == "Classical" else "embedding"
        name = f"{path.parent.name.removeprefix('CV_by_')}/{path.stem}"
        choice = path.parent.name == "CV_by_ResNet18"
        found.append(ContaminatedSet(name, f"ADBench {kind}", path, choice))
    for path in sorted((data / "tables").glob("*/*.npz")):
        with np.load(path) as file:
            origin = str(file["origin"]) or path.stem
        choice = crc32(origin.encode()) % 2 == 0
        found.append(ContaminatedSet(f"{path.parent.name}/{path.stem}", "tables", path, choice))
    found = [one for one in found if _n_odd(one.path) >= FEWEST_ODD_ROWS]
    for_choice = [one for one in found if one.family == "ADBench tabular"][::2]
    return [replace(one, is_for_choice=True) if one in for_choice else one for one in found]


def _n_odd(path: Path) -> int:
    with np.load(path) as file:
        return int((file["y_test"] == -1).sum() if "y_test" in file else (file["y"] == 1).sum())
