"""Files that the tests of the command line score."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import pandas as pd

FEATURES = ["length", "width", "count", "colour", "ok"]


def orders(n: int, seed: int = 0) -> pd.DataFrame:
    """Rows with a name, numbers, text and truth values."""
    random = np.random.default_rng(seed)
    return pd.DataFrame(
        {
            "id": [f"r{i:04d}" for i in range(n)],
            "length": random.normal(10, 2, n),
            "width": random.normal(size=n),
            "count": random.integers(0, 50, n),
            "colour": random.choice(["red", "green", "blue"], n, p=[0.6, 0.3, 0.1]),
            "ok": random.random(n) < 0.9,
        }
    )


def strange_orders(n: int = 40) -> pd.DataFrame:
    """Rows of which the eighth is far out in one column, and the ninth of an unknown colour."""
    new = orders(n, seed=1)
    new.loc[7, "width"] = 60.0
    new.loc[8, "colour"] = "purple"
    return new


def numbers(n: int, d: int = 4, seed: int = 0) -> pd.DataFrame:
    """Rows of numbers."""
    values = np.random.default_rng(seed).normal(size=(n, d))
    return pd.DataFrame(values, columns=[f"c{j}" for j in range(d)])


def write(frame: pd.DataFrame, path: Path) -> Path:
    """Write rows as the ending of the file says."""
    if path.suffix == ".parquet":
        frame.to_parquet(path, index=False)
    elif path.suffix == ".npy":
        np.save(path, frame.to_numpy())
    else:
        frame.to_csv(path, index=False)
    return path


def names_in(folder: Path) -> list[str]:
    """What is in a folder, hidden files too."""
    return sorted(path.name for path in folder.iterdir())


class Stdin:
    """A pipe in place of stdin: it is read once, from its beginning."""

    def __init__(self, content):
        self.buffer = io.BytesIO(content)
        self.buffer.seekable = lambda: False
