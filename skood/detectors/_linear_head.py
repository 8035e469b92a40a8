"""The last linear layer of a classifier: given, or fitted to labels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from .._base import SharesParameters
from .._validation import parameter_error

_MAX_ITERATIONS = 1000
_FORMS = (
    "None, a pair (weight, bias) of arrays of shapes (n_classes, {d}) and (n_classes,), a linear "
    "torch layer of {d} inputs, or a fitted linear classifier with `coef_` and `intercept_`"
)


@dataclass(frozen=True)
class LinearHead:
    """Makes the logits ``(X - origin) @ weight.T + bias`` of two classes or more."""

    weight: NDArray[np.float64]  # (n_classes, d)
    bias: NDArray[np.float64]  # (n_classes,)
    origin: NDArray[np.float64]  # (d,); products of rows far from 0 would lose digits
    classes: NDArray | None = None  # the label of each class, where it is known

    @classmethod
    def given(cls, owner: object, head: Any, d: int) -> Self:
        """Read a pair of arrays, a torch layer or a fitted scikit-learn classifier."""
        weight, bias = _parts(head)
        try:
            W, b = (np.asarray(part, dtype=np.float64) for part in (weight, bias))
        except (TypeError, ValueError) as error:
            raise parameter_error(owner, "head", _FORMS.format(d=d), head) from error
        W, b = np.atleast_2d(W), b.reshape(-1)  # some binary classifiers have no axis of classes
        fits = W.ndim == 2 and W.shape[1] == d and len(W) == len(b) > 0
        if not fits or not (np.isfinite(W).all() and np.isfinite(b).all()):
            raise parameter_error(owner, "head", _FORMS.format(d=d), head)
        classes = getattr(head, "classes_", None)
        return cls._of(W, b, np.zeros(d), None if classes is None else np.asarray(classes))

    @classmethod
    def fitted(cls, X: NDArray, y: NDArray, classes: NDArray) -> Self:
        """Fit a logistic regression to labels of two classes or more."""
        scaler = StandardScaler()
        standardised = scaler.fit_transform(X.astype(np.float64))
        model = LogisticRegression(max_iter=_MAX_ITERATIONS)
        model.fit(standardised, np.searchsorted(classes, y))
        return cls._of(model.coef_ / scaler.scale_, model.intercept_, scaler.mean_, classes)

    @classmethod
    def _of(
        cls,
        weight: NDArray[np.float64],
        bias: NDArray[np.float64],
        origin: NDArray[np.float64],
        classes: NDArray | None,
    ) -> Self:
        if len(weight) == 1:  # the one logit of a binary classifier: half of it for each class
            weight, bias = (np.concatenate([-part, part]) / 2 for part in (weight, bias))
        return cls(weight, bias, origin, classes)

    def logits(self, X: NDArray) -> NDArray[np.float64]:
        """Logits of rows, (m, n_classes)."""
        return np.subtract(X, self.origin, dtype=np.float64) @ self.weight.T + self.bias

    @property
    def intercept(self) -> NDArray[np.float64]:
        """Bias for rows from which nothing is subtracted, (n_classes,)."""
        return self.bias - self.weight @ self.origin

    def codes(self, owner: object, y: NDArray, classes: NDArray) -> NDArray[np.intp]:
        """The class of the head for each label.

        If the head has no labels and y has as many labels as the head has classes, the sorted
        labels are the classes. Else a label is the number of its class.
        """
        n_classes = len(self.weight)
        known = self.classes
        if known is None:
            known = classes if len(classes) == n_classes else np.arange(n_classes)
        if not np.isin(classes, known).all():
            shown = ", ".join(map(str, classes[:5])) + (", ..." if len(classes) > 5 else "")
            raise ValueError(
                f"The labels in y of {type(owner).__name__} must be classes of its 'head', which "
                f"has {n_classes} classes. Got {shown} instead."
            )
        order = np.argsort(known)
        return order[np.searchsorted(known, y, sorter=order)]


class SharesHead(SharesParameters):
    """Mixin, placed before `BaseEstimator`: a clone has the same `head`, with its fit."""

    def _is_shared(self, name: str, value: Any) -> bool:  # noqa: ARG002
        return name == "head"


def _parts(head: Any) -> tuple[Any, Any]:
    """Weight and bias; a pair of None for a head of unknown form."""
    if isinstance(head, tuple | list) and len(head) == 2:
        weight, bias = head
    elif hasattr(head, "coef_") and hasattr(head, "intercept_"):
        weight, bias = head.coef_, head.intercept_
    elif hasattr(head, "weight") and hasattr(head, "bias"):
        weight, bias = head.weight, head.bias
    else:
        return None, None
    weight = _from_torch(weight)
    if bias is None and np.ndim(weight) == 2:
        bias = np.zeros(len(weight))  # a layer without bias
    return weight, _from_torch(bias)


def _from_torch(values: Any) -> Any:
    # No isinstance: this file works without torch too.
    return values.detach().cpu().double().numpy() if hasattr(values, "detach") else values
