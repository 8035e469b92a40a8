"""The rows that serve as out-of-distribution rows, fold by fold."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._validation import check_int, check_labels, parameter_error
from ...model_selection import LeaveClassesOut, NoveltyKFold

KINDS = ("classes", "clusters", "labelled")
N_SPLITS = 5
MOST_CLASSES_IN_TURN = 10


@dataclass(frozen=True)
class Fold:
    """One division into rows to train on and rows to score.

    Attributes
    ----------
    name : str
        Name of the classes or clusters left out.
    train, test : ndarray of int
        Positions of the rows, ascending.
    is_in : ndarray of bool, shape (n_test,)
        Which of the test rows are in-distribution.
    """

    name: str
    train: NDArray[np.intp]
    test: NDArray[np.intp]
    is_in: NDArray[np.bool_]


@dataclass(frozen=True)
class Protocol:
    """The division of the rows into folds.

    Attributes
    ----------
    kind : {"classes", "clusters", "labelled"}
        Classes left out in turn, clusters left out in turn, or rows labelled +1 and -1.
    splitter : cross-validator
        `LeaveClassesOut` or `NoveltyKFold`.
    """

    kind: str
    splitter: LeaveClassesOut | NoveltyKFold

    def folds(self, X: Any, y: NDArray[Any] | None) -> Iterator[Fold]:
        """Divide the rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows; numbers for "clusters".
        y : ndarray of shape (n_samples,) or None
            Their labels; not read for "clusters".

        Yields
        ------
        Fold
            One for each split.
        """
        for number, (train, test) in enumerate(self.splitter.split(X, y), start=1):
            groups = self.groups(y)
            if self.kind == "labelled":
                is_in, name = groups[test] == 1, f"fold {number}"
            else:
                is_in = np.isin(groups[test], groups[train])
                left_out = np.unique(groups[test][~is_in]).tolist()
                prefix = "cluster " if self.kind == "clusters" else ""
                name = prefix + ", ".join(map(str, left_out))
            yield Fold(name, train, test, is_in)

    def groups(self, y: NDArray[Any] | None) -> NDArray[Any]:
        """The class, cluster or label of each row; clusters only after `folds`."""
        if isinstance(self.splitter, LeaveClassesOut) and self.kind == "clusters":
            return self.splitter.pseudo_classes_.labels
        return np.asarray(y)

    def training_labels(self, y: NDArray[Any] | None, fold: Fold) -> NDArray[Any] | None:
        """The labels that detectors are fitted with: classes, or None."""
        return y[fold.train] if self.kind == "classes" and y is not None else None


def choose_protocol(
    y: Any,
    *,
    n_splits: int | None = None,
    n_clusters: int | None = None,
    random_state: int = 0,
) -> Protocol:
    """Choose the protocol for the labels.

    Parameters
    ----------
    y : array-like of shape (n_samples,) or None
        Labels +1 (in-distribution) and -1 (out-of-distribution) are divided by `NoveltyKFold`. Two
        or more other labels are classes, which are left out in turn. Without labels, clusters are.
    n_splits : int, default=None
        Number of folds. None: one for each class, at most 10; without classes 5.
    n_clusters : int, default=None
        Number of clusters to leave out instead of classes. None: 8 clusters if `y` is None.
    random_state : int, default=0
        Seed of the folds.

    Returns
    -------
    Protocol
        The protocol.

    Raises
    ------
    ValueError
        If a parameter is not valid, or the labels are fractions, NaN, or all equal.

    Examples
    --------
    >>> from skood.comparison import choose_protocol
    >>> choose_protocol(["a", "b", "c", "a"]).splitter.n_splits
    3
    >>> choose_protocol([1, 1, -1]).kind, choose_protocol(None).kind
    ('labelled', 'clusters')
    """
    check_int("choose_protocol", "n_splits", n_splits, 1, or_none=True)
    if y is None or n_clusters is not None:
        splitter = LeaveClassesOut(
            N_SPLITS if n_splits is None else n_splits,
            classes="kmeans",
            n_clusters=8 if n_clusters is None else n_clusters,
            random_state=random_state,
        )
        return Protocol("clusters", splitter)
    if not np.ndim(y):
        raise parameter_error("choose_protocol", "y", "an array of labels or None", y)
    names = _check_classes(y)
    if set(names.tolist()) == {1, -1}:
        n_folds = N_SPLITS if n_splits is None else n_splits
        return Protocol("labelled", NoveltyKFold(n_folds, random_state=random_state))
    n_folds = min(len(names), MOST_CLASSES_IN_TURN) if n_splits is None else n_splits
    return Protocol("classes", LeaveClassesOut(n_folds, random_state=random_state))


def _check_classes(y: Any) -> NDArray[Any]:
    """The different labels: two or more names or whole numbers."""
    labels = np.asarray(check_labels(y, len(y)))
    if labels.dtype.kind == "f" and not np.array_equal(labels, np.round(labels)):
        raise ValueError(
            "The labels must be classes, or +1 (in-distribution) and -1 (out-of-distribution). Got "
            "numbers with fractions instead."
        )
    names = np.unique(labels)
    if len(names) < 2:
        raise ValueError(
            "The labels must hold two classes or more, or +1 (in-distribution) and -1 "
            f"(out-of-distribution). Got {names[0]!s} in every row instead."
        )
    return names
