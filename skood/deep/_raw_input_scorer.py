"""The base of scorers by a classifier's output. Their fit only sets the threshold."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from itertools import chain, islice
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .._base import OODDetectorMixin
from .._validation import is_dict, positions_inside
from ..detectors.output_kind import check_logits, check_outputs_parameter, check_probabilities
from ._batches import Batches, inputs_taken, open_batches
from ._collector import BatchProgress, RowCollector
from ._module_pass import check_pass_parameters
from ._shared_modules import SharesModules

Give = Callable[[Any], NDArray[np.float64]]


class RawInputScorer(SharesModules, OODDetectorMixin, BaseEstimator, ABC):
    """Scorer whose score of a sample depends only on the sample and on trained modules.

    A subclass opens its modules in `_opened` and computes scores from their outputs in `_measure`.
    """

    def fit(self, X: Any, y: Any = None) -> Self:
        """Score training samples and set the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            In-distribution samples, at least 2. Items of a Dataset or DataLoader may be tuples,
            whose first entry is the sample.
        y : array-like of shape (n_samples,), optional
            Class labels, which are only stored in `classes_`.

        Returns
        -------
        self : object
            The fitted scorer.

        Raises
        ------
        ValueError
            If a parameter or the input is not valid, or the module's outputs are of a wrong kind.
        """
        self._check_parameters()
        batches = self._open(X, reset=True)
        if batches.n_rows is None or batches.take is None:
            scores = self._scores(batches, fitting=True)
            inside = positions_inside(self, y, len(scores))
            if inside is not None:
                scores, y = scores[inside], np.ones(len(inside), dtype=np.int64)
            self._check_count(len(scores), y)
            rows = self._draw_threshold_rows(len(scores))
            self._set_threshold(rows, scores[rows])
            return self
        inside = positions_inside(self, y, batches.n_rows)
        if inside is None:
            inside = np.arange(batches.n_rows)
        else:
            y = np.ones(len(inside), dtype=np.int64)
        self._check_count(len(inside), y)
        rows = self._draw_threshold_rows(len(inside))
        part = batches if len(rows) == batches.n_rows else batches.take(inside[rows])
        self._set_threshold(rows, self._scores(part, fitting=True))
        return self

    def score_samples(self, X: Any) -> NDArray[np.float64]:
        """Score samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples,)
            Higher = more in-distribution.

        Raises
        ------
        ValueError
            If X is not valid, has another number of columns, or other column names.
        """
        check_is_fitted(self)
        self._check_parameters()
        return self._scores(self._open(X, reset=False), fitting=False)

    def _check_parameters(self) -> None:
        check_pass_parameters(self)
        if hasattr(self, "outputs"):
            check_outputs_parameter(self)
        self._check_threshold_parameters()

    def _open(self, X: Any, *, reset: bool) -> Batches:
        batches = open_batches(self, X, self.batch_size, reset=reset)
        if reset:
            self.__dict__.pop("_input_names", None)
            if is_dict(X):
                taken = (inputs_taken(module, X)[0] for module in self._all_modules())
                self._input_names = sorted(set().union(*taken))
        return batches

    def _all_modules(self) -> Sequence[nn.Module]:
        return [self.module]

    @abstractmethod
    def _opened(self, n_full: int | None) -> AbstractContextManager[Give]:
        """Open the modules for a block that gets a function of a batch to its outputs.

        The outputs have shape (..., n, n_classes). Batches of fewer than n_full samples are padded.
        """

    @abstractmethod
    def _measure(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        """The score of each sample."""

    def _learn(self, first_batch: Any) -> None:
        """Learn from the first batch of `fit`, before scoring."""

    def _check_outputs(self, outputs: NDArray[np.float64], *, is_first: bool) -> None:
        """Raise if outputs are not of the kind that the score needs."""
        if getattr(self, "outputs", "logits") == "probabilities":
            check_probabilities(self, outputs)
        elif is_first:
            check_logits(self, outputs)

    def _check_count(self, n_samples: int, y: Any) -> None:
        if n_samples < 2:
            raise ValueError(
                f"Found X with {n_samples} sample(s) while a minimum of 2 is required by "
                f"{type(self).__name__}."
            )
        self._store_classes(y, n_samples)

    def _scores(self, batches: Batches, *, fitting: bool) -> NDArray[np.float64]:
        later = batches.make()
        first = list(islice(later, 1))
        if fitting and first:
            self._learn(first[0])
        collector = RowCollector(batches.n_rows, "float64")
        name = type(self).__name__
        with (
            self._opened(batches.n_full) as give,
            BatchProgress(name, batches.n_rows, quiet=not self.verbose) as progress,
        ):
            for batch in chain(first, later):
                outputs = give(batch)
                self._check_outputs(outputs, is_first=fitting and collector.n_written == 0)
                scores = self._measure(outputs)
                collector.block(scores.shape)[...] = scores
                progress.update(collector.n_written)
        return collector.result()

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        return tags
