"""Parts of all estimators: the threshold on training scores, and parameters that clones share.

Think twice before adding.
"""

from __future__ import annotations

import copy
from abc import ABC, abstractmethod
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import OutlierMixin

from ._validation import check_float, check_int, check_labels, discrete_classes, random_generator
from .measures.threshold import contamination_threshold
from .measures.ties import below_ties
from .rows.sampling import uniform_sample


class OODDetectorMixin(OutlierMixin):
    """Mixin of detectors that have `score_samples` and a threshold at `offset_`."""

    training_labels_: Any
    training_indices_: NDArray[np.intp]
    training_scores_: NDArray[np.float64]
    offset_: float
    # Whether the rows that set the threshold change nothing else of the fitted detector.
    _threshold_is_apart = False

    @property
    def _score_is_distance(self) -> bool:
        """Whether the score is minus a distance or minus a ratio of distances.

        An ensemble adds up the logarithms of such scores, and other scores unchanged.
        """
        return False

    def decision_function(self, X: Any) -> NDArray[np.float64]:
        """The score minus the threshold.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to decide on.

        Returns
        -------
        ndarray of shape (n_samples,)
            ``score_samples(X) - offset_``; negative = out-of-distribution.
        """
        return self.score_samples(X) - self.offset_

    def predict(self, X: Any) -> NDArray[np.int64]:
        """Decide whether each row comes from the training distribution.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows to decide on.

        Returns
        -------
        ndarray of shape (n_samples,)
            +1 for in-distribution, -1 for out-of-distribution.
        """
        return np.where(self.decision_function(X) >= 0, 1, -1)

    def _check_threshold_parameters(self) -> None:
        check_float(self, "contamination", self.contamination, "(0, 0.5]")
        check_int(self, "threshold_samples", self.threshold_samples, 2, or_none=True)
        if hasattr(self, "random_state"):  # also where no random number is drawn
            random_generator(self)

    def _forget(self, *names: str) -> None:
        """Drop attributes of an earlier fit that this fit may not set."""
        for name in names:
            if hasattr(self, name):
                delattr(self, name)

    def _store_classes(self, y: Any, n_samples: int) -> NDArray | None:
        """Check y and keep its classes if it holds labels; forget the classes of an earlier fit."""
        y = check_labels(y, n_samples)
        classes = discrete_classes(y)
        if classes is not None:
            self.classes_ = classes
        else:
            self._forget("classes_")
        return y

    def _append_labels(self, y: Any, n_samples: int) -> None:
        """Add class labels to `training_labels_`: all rows have labels, or none."""
        y = self._add_classes(y, n_samples)
        if y is not None:
            labels: NDArray = self.training_labels_
            self.training_labels_ = np.concatenate([labels, y])

    def _add_classes(self, y: Any, n_samples: int) -> NDArray | None:
        """Check further labels and add their classes; None if no row has a label."""
        y = check_labels(y, n_samples)
        classes = discrete_classes(y)
        self._check_labels_go_on(classes)
        if classes is None:
            return None
        self.classes_ = np.union1d(self.classes_, classes)
        return y

    def _check_labels_go_on(self, classes: NDArray | None) -> None:
        if (classes is None) == hasattr(self, "classes_"):
            had = "no labels" if classes is not None else "labels"
            raise ValueError(
                f"partial_fit of {type(self).__name__} needs class labels in every call or in "
                f"none: the earlier rows had {had}."
            )

    def _draw_threshold_rows(self, n_samples: int, *, more: bool = False) -> NDArray[np.intp]:
        """Positions of the training rows whose scores set the threshold, ascending.

        With `more` the seed of the earlier draw draws again, after rows were added: the result
        equals one draw from all rows, and rows that stay in the sample are the same.
        """
        if not more:
            self._forget("_threshold_seed")
        if self.threshold_samples is None or n_samples <= self.threshold_samples:
            return np.arange(n_samples)
        if not hasattr(self, "_threshold_seed"):
            generator = random_generator(self)
            self._threshold_seed = int(generator.randint(np.iinfo(np.int32).max))
        return uniform_sample(n_samples, self.threshold_samples, self._threshold_seed)

    def _set_threshold(self, rows: NDArray[np.intp], scores: NDArray[np.float64]) -> None:
        if not np.isfinite(scores).all():
            raise ValueError(
                f"The scores of {type(self).__name__} are not finite: the numbers in X are too "
                "large or too small for their squares. Divide the columns by a power of two."
            )
        self.training_indices_ = rows
        self.training_scores_ = scores
        self.offset_ = below_ties(contamination_threshold(scores, self.contamination), scores)


class SharesParameters(ABC):
    """Mixin, placed before `BaseEstimator`: a clone shares some parameters instead of copying them.

    `sklearn.base.clone` would deep-copy other objects, and return an estimator without its fit.
    """

    @abstractmethod
    def _is_shared(self, name: str, value: Any) -> bool:
        """Whether clones share this parameter."""

    def __sklearn_clone__(self) -> Self:
        # types ignored: `BaseEstimator` comes after the mixin and has both methods
        shared = {
            name: value
            for name, value in self.get_params(deep=False).items()  # type: ignore[attr-defined]
            if self._is_shared(name, value)
        }
        without = copy.copy(self)
        for name in shared:
            setattr(without, name, _Uncopied())
        # scikit-learn's cloning copies the rest: output containers, metadata requests, ...
        clone = super(SharesParameters, without).__sklearn_clone__()  # type: ignore[misc]
        for name, value in shared.items():
            setattr(clone, name, copy.copy(value) if isinstance(value, list) else value)
        return clone


class _Uncopied:
    """Takes the place of a shared parameter while the others are cloned."""

    def __sklearn_clone__(self) -> Any:
        return self
