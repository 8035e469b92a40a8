"""Splits that leave whole classes out of the training rows, to be told from the others."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.model_selection import BaseCrossValidator
from sklearn.utils import check_random_state

from .._validation import check_float, check_int, check_labels, check_option
from ._pseudo_classes import PseudoClasses, as_rows

_CLASSES = ("labels", "kmeans")


class LeaveClassesOut(BaseCrossValidator):
    """Splitter that leaves classes out, which then stand in for out-of-distribution rows.

    Each split draws `n_classes_out` classes. It trains on rows of the other classes and tests on
    held-out rows of these (in-distribution) and on all rows of the classes left out
    (out-of-distribution, as far as the split goes). All classes are left out in turn before one is
    left out again.

    Together with `ood_scorer` it chooses detectors and their parameters where no
    out-of-distribution rows are at hand: a detector that tells an unseen class from the seen ones
    is likely to tell other strange rows as well. Likely, not certainly: classes left out are near
    out-of-distribution rows, of the same kind of data as the others. What is best for them may be
    worse for rows that are far away than the default is, so let a search give up the default only
    where another candidate clearly wins: ``refit=prefer_default(...)``.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits, at least 1.
    n_classes_out : int, default=1
        Number of classes left out in each split; at least one has to stay.
    test_size : float, default=0.25
        Share of the rows of each other class that is held out, in (0, 1).
    classes : {"labels", "kmeans"}, default="labels"
        "labels" takes the y given to `split`. "kmeans" divides the rows into clusters, for rows
        without class labels; y is not read. The scorer then has to know of the splitter:
        ``ood_scorer("auroc", cv=splitter)``.
    n_clusters : int, default=8
        Number of clusters for ``classes="kmeans"``.
    random_state : int, RandomState instance or None, default=None
        Draws the classes, the rows held out, and the first centres of the clusters.

    Raises
    ------
    ValueError
        By `split`, if a parameter is not valid, y is missing where labels are needed, or there are
        too few classes.

    See Also
    --------
    NoveltyKFold : For rows that are labelled +1 and -1.
    ood_scorer : Scores what these splits test.
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
        """Tell the number of splits.

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
            Their classes; not read for ``classes="kmeans"``.
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
        generator = check_random_state(self.random_state)
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
        """Tell which rows of a test part come from clusters that were trained on.

        A scorer asks this where there are no labels. A cluster of which every row is in the test
        part was left out, since of the others some rows are always trained on.

        Parameters
        ----------
        X_test : array-like of shape (n_test, ...)
            All test rows of one split.

        Returns
        -------
        ndarray of shape (n_test,)
            +1 for in-distribution rows, -1 for rows of the clusters left out.

        Raises
        ------
        ValueError
            If no split was made before, or the splitter goes by labels.
        """
        if not hasattr(self, "pseudo_classes_"):
            raise ValueError(
                "This LeaveClassesOut has made no split by clusters, so it can't tell which rows "
                "were left out. Give the same object to the search as 'cv' and to ood_scorer as "
                "'cv', with classes='kmeans'."
            )
        codes = self.pseudo_classes_.find(X_test)
        present = np.bincount(codes, minlength=len(self.pseudo_classes_.counts))
        left_out = present == self.pseudo_classes_.counts
        return np.where(left_out[codes], -1, 1)

    def _check_parameters(self) -> None:
        check_int(self, "n_splits", self.n_splits, 1)
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
                "LeaveClassesOut needs class labels as y. Without any, classes='kmeans' takes "
                "clusters of the rows in their place."
            )
        labels = check_labels(y, len(X) if hasattr(X, "__len__") else X.shape[0])
        return np.asarray(labels)

    def _draw_classes(
        self, n_classes: int, generator: np.random.RandomState
    ) -> Iterator[NDArray[np.intp]]:
        """Which classes each split leaves out: all in turn, in an order drawn anew each round."""
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
        """Mask of the rows held out of each other class; one row at least stays to train on."""
        held_out = np.zeros(len(codes), dtype=bool)
        for code in np.setdiff1d(codes, left_out):
            rows = generator.permutation(np.flatnonzero(codes == code))
            held_out[rows[: min(len(rows) - 1, round(self.test_size * len(rows)))]] = True
        if not held_out.any():
            raise ValueError(
                "LeaveClassesOut holds out no row of the classes that stay: they have too few rows "
                f"for test_size={self.test_size!r}."
            )
        return held_out
