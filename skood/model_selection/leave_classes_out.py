"""Splits that leave whole classes out of the training rows, and test on them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator

from .._validation import check_float, check_int, check_labels, check_option, random_generator
from ._pseudo_classes import PseudoClasses, as_rows

_CLASSES = ("labels", "kmeans")


class LeaveClassesOut(BaseCrossValidator):
    """Splitter that leaves classes out; their rows serve as out-of-distribution rows.

    Each split draws `n_classes_out` classes and trains on rows of the other classes. It tests on
    held-out rows of the other classes (in-distribution) and on all rows of the left-out classes
    (out-of-distribution within the split). Every class is left out once before any class is left
    out again.

    Together with `ood_scorer` it chooses detectors and their parameters without out-of-distribution
    rows: a detector that separates a left-out class from the others is likely to find other strange
    rows too. But left-out classes are near out-of-distribution rows: the same kind of data. The
    best candidate for them may be worse than the default on rows that are far away. So let a search
    replace the default only if another candidate clearly wins: ``refit=prefer_default(...)``.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits, at least 1.
    n_classes_out : int, default=1
        Number of classes left out in each split; at least one class must stay.
    test_size : float, default=0.25
        Held-out share of the rows of each other class, in (0, 1).
    classes : {"labels", "kmeans"}, default="labels"
        "labels" takes the y given to `split`. "kmeans" divides the rows into clusters, for rows
        without class labels, and does not read y. The scorer then needs the splitter:
        ``ood_scorer("auroc", cv=splitter)``.
    n_clusters : int, default=8
        Number of clusters for ``classes="kmeans"``.
    random_state : int, RandomState instance or None, default=None
        Draws the classes, the held-out rows, and the first centres of the clusters.

    Raises
    ------
    ValueError
        By `split`, if a parameter is not valid, if ``classes="labels"`` and y is missing, or if
        there are too few classes.

    See Also
    --------
    NoveltyKFold : For rows that are labelled +1 and -1.
    ood_scorer : Scores a detector on the test rows of these splits.
    prefer_default : Keeps the default unless another candidate is clearly better.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.model_selection import LeaveClassesOut
    >>> X = np.arange(8.0)[:, np.newaxis]
    >>> y = np.array([0, 0, 0, 0, 1, 1, 1, 1])
    >>> for train, test in LeaveClassesOut(2, test_size=0.5, random_state=0).split(X, y):
    ...     print(y[train], y[test])
    [0 0] [0 0 1 1 1 1]
    [1 1] [0 0 0 0 1 1]
    """

    def __init__(
        self,
        n_splits: int = 5,
        *,
        n_classes_out: int = 1,
        test_size: float = 0.25,
        classes: str = "labels",
        n_clusters: int = 8,
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.n_splits = n_splits
        self.n_classes_out = n_classes_out
        self.test_size = test_size
        self.classes = classes
        self.n_clusters = n_clusters
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
        """Divide the rows, once for each split.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...)
            The rows.
        y : array-like of shape (n_samples,), optional
            The classes of the rows; not read for ``classes="kmeans"``.
        groups : Ignored
            Present for API consistency.

        Yields
        ------
        train : ndarray of int
            Positions of the training rows, ascending.
        test : ndarray of int
            Positions of the test rows, ascending.
        """
        self._check_parameters()
        generator = random_generator(self)
        labels = self._labels(X, y, generator)
        names, codes = np.unique(labels, return_inverse=True)
        if len(names) <= self.n_classes_out:
            raise ValueError(
                f"The 'n_classes_out' parameter of LeaveClassesOut must leave at least one of the "
                f"{len(names)} classes to train on. Got {self.n_classes_out!r} instead."
            )
        for left_out in self._draw_classes(len(names), generator):
            held_out = self._draw_rows(codes, left_out, generator)
            test = held_out | np.isin(codes, left_out)
            yield np.flatnonzero(~test), np.flatnonzero(test)

    def is_in_distribution(self, X_test: Any) -> NDArray[np.int64]:
        """Label the test rows of a split by clusters, for a scorer without labels.

        A cluster was left out if all its rows are test rows: every other cluster has training rows.

        Parameters
        ----------
        X_test : array-like of shape (n_test, ...)
            All test rows of one split.

        Returns
        -------
        ndarray of shape (n_test,)
            +1 for in-distribution rows, -1 for rows of left-out clusters.

        Raises
        ------
        ValueError
            If there was no split before, or if ``classes="labels"``.
        """
        if not hasattr(self, "pseudo_classes_"):
            raise ValueError(
                "This LeaveClassesOut has made no split by clusters, so it does not know the "
                "left-out rows. Give the same object, with classes='kmeans', to the search and to "
                "ood_scorer, as 'cv' of both."
            )
        codes = self.pseudo_classes_.find(X_test)
        present = np.bincount(codes, minlength=len(self.pseudo_classes_.counts))
        left_out = present == self.pseudo_classes_.counts
        return np.where(left_out[codes], -1, 1)

    def _check_parameters(self) -> None:
        check_int(self, "n_splits", self.n_splits, 1, 10_000)
        check_int(self, "n_classes_out", self.n_classes_out, 1)
        check_float(self, "test_size", self.test_size, "(0, 1)")
        check_option(self, "classes", self.classes, _CLASSES)
        check_int(self, "n_clusters", self.n_clusters, 2)

    def _labels(self, X: Any, y: Any, generator: np.random.RandomState) -> NDArray:
        if self.classes == "kmeans":
            rows = as_rows(X)
            self.pseudo_classes_ = PseudoClasses(rows, self.n_clusters, generator)
            return self.pseudo_classes_.labels
        if y is None:
            raise ValueError(
                "LeaveClassesOut needs class labels as y. Without labels, classes='kmeans' takes "
                "clusters of the rows instead."
            )
        labels = check_labels(y, len(X) if hasattr(X, "__len__") else X.shape[0])
        return np.asarray(labels)

    def _draw_classes(
        self, n_classes: int, generator: np.random.RandomState
    ) -> Iterator[NDArray[np.intp]]:
        """The classes that each split leaves out: all in turn, in a new order each round."""
        waiting = generator.permutation(n_classes)
        for _ in range(self.n_splits):
            if len(waiting) < self.n_classes_out:
                again = generator.permutation(n_classes)
                waiting = np.concatenate([waiting, again[~np.isin(again, waiting)]])
            yield waiting[: self.n_classes_out]
            waiting = waiting[self.n_classes_out :]

    def _draw_rows(
        self, codes: NDArray[np.intp], left_out: NDArray[np.intp], generator: np.random.RandomState
    ) -> NDArray[np.bool_]:
        """Mask of the rows held out of each other class; at least one training row stays."""
        held_out = np.zeros(len(codes), dtype=bool)
        for code in np.setdiff1d(codes, left_out):
            rows = generator.permutation(np.flatnonzero(codes == code))
            held_out[rows[: min(len(rows) - 1, round(self.test_size * len(rows)))]] = True
        if not held_out.any():
            raise ValueError(
                "LeaveClassesOut holds out no row of the classes that stay: these classes have too "
                f"few rows for test_size={self.test_size!r}."
            )
        return held_out
