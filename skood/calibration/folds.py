"""Folds: rows divided at random, labels evenly and groups as a whole."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray
from sklearn.utils import check_random_state

from .._validation import check_labels, discrete_classes

# With fewer, fits on four fifths of the rows are too far from one on all: 1,000 rows whiten 768
# columns otherwise than 800 do.
_FEW_ROWS = 2_000


def folds_of(
    n_samples: int,
    y: ArrayLike | None = None,
    groups: ArrayLike | None = None,
    n_folds: int | None = None,
    random_state: int | np.random.RandomState | None = None,
) -> list[NDArray[np.intp]]:
    """Divide rows into folds at random: positions of the rows of each, ascending.

    Each class in y is divided evenly, also if it has fewer rows than folds. Rows of one group stay
    in one fold. By default there are 10 folds for fewer than 2,000 rows, else 5, and never more
    folds than rows or groups.

    Examples
    --------
    >>> from skood.calibration.folds import folds_of
    >>> folds = folds_of(6, groups=[0, 0, 1, 1, 2, 2], random_state=0)
    >>> sorted(fold.tolist() for fold in folds)
    [[0, 1], [2, 3], [4, 5]]
    """
    generator = check_random_state(random_state)
    labels = check_labels(y, n_samples)
    is_labelled = labels is not None and discrete_classes(labels) is not None
    codes = _codes(labels) if is_labelled else np.zeros(n_samples, dtype=np.intp)
    if n_folds is None:
        n_folds = 10 if n_samples < _FEW_ROWS else 5
    if groups is None:
        n_folds = min(n_folds, n_samples)
        fold_of = _deal_rows(codes, n_folds, generator)
    else:
        members = _codes(check_labels(groups, n_samples, "groups"))
        n_folds = min(n_folds, int(members.max()) + 1)
        fold_of = _deal_groups(codes, members, n_folds, generator)
    if n_folds < 2:
        raise ValueError(
            f"Folds need at least 2 {'rows' if groups is None else 'groups'}. Got 1 instead."
        )
    return [np.flatnonzero(fold_of == number) for number in range(n_folds)]


def _deal_rows(
    codes: NDArray[np.intp], n_folds: int, generator: np.random.RandomState
) -> NDArray[np.intp]:
    """The fold of each row: rows in random order, class by class, are dealt out like cards."""
    order = np.lexsort((generator.permutation(len(codes)), codes))
    fold_of = np.empty(len(codes), dtype=np.intp)
    fold_of[order] = np.arange(len(codes)) % n_folds
    return fold_of


def _deal_groups(
    codes: NDArray[np.intp],
    members: NDArray[np.intp],
    n_folds: int,
    generator: np.random.RandomState,
) -> NDArray[np.intp]:
    """The fold of each row: each group, largest first, goes where its classes are rarest."""
    counts = np.zeros((members.max() + 1, codes.max() + 1))
    np.add.at(counts, (members, codes), 1.0)
    shares = counts / counts.sum(axis=0)
    filled = np.zeros((n_folds, shares.shape[1]))
    fold_of_group = np.empty(len(counts), dtype=np.intp)
    for group in np.lexsort((generator.permutation(len(counts)), -counts.sum(axis=1))):
        crowding = 2 * filled @ shares[group] + 1e-9 * filled.sum(axis=1)
        emptiest = np.flatnonzero(crowding == crowding.min())
        chosen = generator.choice(emptiest)
        fold_of_group[group] = chosen
        filled[chosen] += shares[group]
    return fold_of_group[members]


def _codes(values: NDArray | None) -> NDArray[np.intp]:
    """For each value its place among the sorted different values."""
    return np.unique(np.asarray(values), return_inverse=True)[1]
