"""A fitted member of an `OutlierEnsemble`, with the scale of its scores."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline

from .._base import OODDetectorMixin
from ..explanation import Explanation, explain
from ..layers.layer_scale import LayerScale, score_is_distance
from ..layers.weights import divided_evidence
from ._calibration_rows import settled
from ._combined_scores import combined, evidence
from ._float_types import MemberPipeline
from .cross_fit import FoldRows, cross_fit, learning_step
from .outlier_pipeline import OutlierPipeline


@dataclass(frozen=True)
class EnsembleMember:
    """A fitted detector or Pipeline, and its out-of-fold scores."""

    name: str
    estimator: Any
    scale: LayerScale
    ranked: NDArray[np.float64]
    """The out-of-fold scores, ascending."""

    @classmethod
    def fit(
        cls,
        name: str,
        estimator: Any,
        rows: FoldRows,
        folds: Sequence[NDArray[np.intp]],
        kept: NDArray[np.intp],
        fit_rows: NDArray[np.intp],
    ) -> tuple[EnsembleMember, NDArray[np.float64]]:
        """Fit to `fit_rows`, and once for each fold; also the scores of the rows `kept`."""
        last: Any = None
        if isinstance(estimator, FrozenEstimator):  # it has seen other rows
            scores = rows.final_inputs.measured(estimator.score_samples, kept).astype(np.float64)
        else:
            estimator = rows.fitted(_without_threshold(estimator), fit_rows)
            with warnings.catch_warnings():  # the fit on all rows has warned
                warnings.simplefilter("ignore", UserWarning)
                found = cross_fit(
                    _settled(estimator),
                    rows,
                    folds,
                    score_rows=kept,
                    fit_rows=fit_rows,
                    measure_drift=True,
                )
            scores, last = found.scores + found.drift, learning_step(estimator)
            if found.reference is not None:
                last.replace_reference(found.reference)
        if not np.isfinite(scores).all():
            raise ValueError(f"The scores of training rows by {name!r} must be finite.")
        if isinstance(last, OODDetectorMixin) and isinstance(
            getattr(last, "contamination", None), float
        ):
            last._set_threshold(kept, scores)  # for whoever asks it alone
        is_distance = score_is_distance(estimator)
        if is_distance:
            scores = np.minimum(scores, 0.0)  # the drift may be more than a distance
        typical = scores[np.isin(kept, fit_rows)]  # those left out of fits would rule the scale
        scale = LayerScale.fit(typical, is_distance=is_distance)
        return cls(name, estimator, scale, np.sort(typical)), scores

    def scores(self, X: Any) -> NDArray[np.float64]:
        """The member's own scores."""
        return np.asarray(self.estimator.score_samples(X), dtype=np.float64)

    def p_values(self, scores: NDArray[np.float64]) -> NDArray[np.float64]:
        """The ranks of scores among the out-of-fold scores, in (0, 1)."""
        n = len(self.ranked)
        ranks = 1 + np.searchsorted(self.ranked, scores, side="right")
        return np.minimum(ranks, n + 0.5) / (n + 1)


@contextmanager
def each_warning_once() -> Iterator[None]:
    """Show the same warning of several members once."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        yield
    for category, text in dict.fromkeys((one.category, str(one.message)) for one in caught):
        warnings.warn(text, category, stacklevel=5)


def _without_threshold(estimator: Any) -> Any:
    """The Pipeline of the same steps, because a threshold of its own would cost a cross-fit."""
    honest = isinstance(estimator, OutlierPipeline) and not estimator.trim
    if not (honest or type(estimator) is Pipeline):
        return estimator
    return MemberPipeline(estimator.steps, memory=estimator.memory, verbose=estimator.verbose)


def _settled(estimator: Any) -> Any:
    if not isinstance(estimator, MemberPipeline):
        return estimator
    return MemberPipeline(settled(estimator.steps), memory=estimator.memory)


def values_of(
    members: Sequence[EnsembleMember], scores: Sequence[NDArray[np.float64]], how: str
) -> NDArray[np.float64]:
    """The values to combine, (n_samples, n_members): standardised scores, or p-values."""
    pairs = zip(members, scores, strict=True)
    if how == "p_value":
        return np.column_stack([member.p_values(own) for member, own in pairs])
    return np.column_stack([member.scale.standardise(own) for member, own in pairs])


def explained(
    members: Sequence[EnsembleMember], X: Any, how: str, weights: NDArray[np.float64]
) -> Explanation:
    """Explain the combined score of rows."""
    parts = {member.name: explain(member.estimator, X) for member in members}
    values = values_of(members, [part.scores for part in parts.values()], how)
    scores = combined(how, values, weights)
    against = dict(zip(parts, evidence(how, values, weights, scores).T, strict=True))
    first, *others = parts.values()
    known: dict[str, Any] = {"values": first.values, "units": first.units}
    if any(not np.array_equal(first.feature_names, part.feature_names) for part in others):
        shares = np.column_stack(list(against.values()))
        names, known = np.array(list(parts), dtype=object), {}
    else:
        divided = [divided_evidence(against[name], part.shares) for name, part in parts.items()]
        shares, names = np.sum(divided, axis=0), first.feature_names
        known["expected"], known["neighbors"] = first.expected, first.neighbors
    return Explanation(
        scores=scores,
        shares=shares,
        feature_names=names,
        base=np.zeros(len(values)),
        group_shares=against,
        layers=parts,
        **known,
    )
