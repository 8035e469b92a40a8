"""A folder of sets with official splits, one after the other."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from ..._validation import parameter_error, signs_of

_ARRAYS = ("X_train", "X_test", "y_test")


@dataclass(frozen=True)
class SuiteSet:
    """Rows to train on, and rows to score, of which some are out-of-distribution.

    Attributes
    ----------
    name : str
        Its name.
    group : str
        Sets of one group share their origin: intervals resample groups.
    X_train : ndarray of shape (n_train, n_features)
        In-distribution rows.
    X_test : ndarray of shape (n_test, n_features)
        The rows to score.
    is_in : ndarray of bool, shape (n_test,)
        Which of these are in-distribution; some are and some are not.
    """

    name: str
    group: str
    X_train: NDArray
    X_test: NDArray
    is_in: NDArray[np.bool_]


def read_suite(folder: Path | str) -> Iterator[SuiteSet]:
    """Read the NPZ files of a folder and its folders, in the order of their names.

    Parameters
    ----------
    folder : path
        Each file holds `X_train`, `X_test` and `y_test`, which is +1 for in-distribution rows and
        -1 for out-of-distribution rows. An array `origin`, a single text, is the group of the set.

    Yields
    ------
    SuiteSet
        One for each file, read one after the other. Its name is the file's path in the folder.

    Raises
    ------
    ValueError
        If the folder has no such files, or a file does not hold these arrays.

    Examples
    --------
    >>> import numpy as np, tempfile
    >>> from pathlib import Path
    >>> from skood.comparison import read_suite
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     X = np.arange(12.0).reshape(6, 2)
    ...     np.savez(Path(folder) / "a.npz", X_train=X[:3], X_test=X[3:], y_test=[1, 1, -1])
    ...     [one.name for one in read_suite(folder)]
    ['a']
    """
    folder = Path(folder)
    paths = suite_files(folder)
    return (_read(path, path.relative_to(folder).with_suffix("").as_posix()) for path in paths)


def suite_files(folder: Path) -> list[Path]:
    """The files of a suite, in the order of their names."""
    paths = sorted(folder.rglob("*.npz"))
    if not paths:
        raise parameter_error("read_suite", "folder", "a folder with NPZ files", str(folder))
    return paths


def _read(path: Path, name: str) -> SuiteSet:
    try:
        with np.load(path, allow_pickle=False) as file:
            missing = [key for key in _ARRAYS if key not in file]
            if missing:
                raise ValueError(f"it lacks {', '.join(missing)}")
            X_train, X_test, y = (file[key] for key in _ARRAYS)
            group = str(file["origin"]) if "origin" in file else ""
    except (ValueError, OSError, BadZipFile, EOFError) as error:
        raise ValueError(f"The set {name}.npz cannot be read: {error}.") from error
    labels = signs_of(np.asarray(y)) if np.ndim(y) == 1 else None
    if labels is None or len(np.unique(labels)) < 2 or len(labels) != len(X_test):
        raise ValueError(
            f"y_test of the set {name}.npz must have +1 (in-distribution) and -1 "
            f"(out-of-distribution), one for each of the {len(X_test)} rows of X_test."
        )
    return SuiteSet(name, group or name, X_train, X_test, labels == 1)
