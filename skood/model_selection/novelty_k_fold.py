"""Folds that train on in-distribution rows only."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator, KFold

from .._validation import check_int, check_labels


class NoveltyKFold(BaseCrossValidator):
    """K-fold splitter for rows labelled +1 and -1 that trains on the rows labelled +1 only.

    The in-distribution rows (+1) are divided into k folds. Each split trains on all folds except
    one. It tests on that fold and on all out-of-distribution rows (-1).

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds, at least 2.
    shuffle : bool, default=True
        Whether to shuffle the rows before dividing them. Even without shuffling, every test part of
        sorted rows has rows of both kinds.
    random_state : int, RandomState instance or None, default=None
        Seed of the shuffling.

    Raises
    ------
    ValueError
        By `split`, if y holds other labels than +1 and -1, if one of the two is absent, or if there
        are fewer in-distribution rows than folds.

    See Also
    --------
    LeaveClassesOut : For training rows without out-of-distribution rows.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.model_selection import NoveltyKFold
    >>> y = np.array([1, 1, 1, 1, -1, -1])
    >>> for train, test in NoveltyKFold(2, shuffle=False).split(np.zeros((6, 1)), y):
    ...     print(train, test)
    [2 3] [0 1 4 5]
    [0 1] [2 3 4 5]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.shuffle = shuffle
        self.random_state = random_state

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:  # noqa: ARG002
        """The number of splits.

        Parameters
        ----------
        X, y, groups : Ignored
            Present for API consistency.

        Returns
        -------
        int
            `n_splits`.
        """
        return self.n_splits

    def split(
        self,
        X: Any,
        y: Any = None,
        groups: Any = None,  # noqa: ARG002
    ) -> Iterator[tuple[NDArray[np.intp], NDArray[np.intp]]]:
        """Divide the rows, once for each fold.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        y : array-like of shape (n_samples,)
            +1 for in-distribution rows, -1 for out-of-distribution rows.
        groups : Ignored
            Present for API consistency.

        Yields
        ------
        train : ndarray of int
            Positions of the training rows, ascending.
        test : ndarray of int
            Positions of the test rows, ascending.
        """
        check_int(self, "n_splits", self.n_splits, 2)
        labels = self._plus_minus_one(X, y)
        inside, outside = np.flatnonzero(labels == 1), np.flatnonzero(labels == -1)
        if len(inside) < self.n_splits:
            raise ValueError(
                f"The 'n_splits' parameter of NoveltyKFold must be at most {len(inside)}, the "
                f"number of rows labelled +1. Got {self.n_splits!r} instead."
            )
        # KFold refuses a random_state without shuffling.
        folds = KFold(
            self.n_splits,
            shuffle=self.shuffle,
            random_state=self.random_state if self.shuffle else None,
        )
        for train, test in folds.split(inside):
            yield inside[train], np.sort(np.concatenate([inside[test], outside]))

    def _plus_minus_one(self, X: Any, y: Any) -> NDArray:
        if y is None:
            raise ValueError(
                "NoveltyKFold needs y: +1 for in-distribution and -1 for out-of-distribution rows."
            )
        labels = np.asarray(check_labels(y, X.shape[0] if hasattr(X, "shape") else len(X)))
        distinct = set(np.unique(labels).tolist())
        if distinct != {1, -1}:
            raise ValueError(
                "The 'y' of NoveltyKFold must hold both +1 (in-distribution) and -1 "
                f"(out-of-distribution). Got {sorted(distinct, key=str)[:6]} instead."
            )
        return labels
