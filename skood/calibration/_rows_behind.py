"""Training rows behind the transformers of each fold, for several detectors."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer

from .._validation import pipeline_steps
from ._calibration_rows import settled
from ._float_types import MemberPipeline
from .cross_fit import FoldRows


def without_last(pipeline: Pipeline) -> Pipeline:
    """The transformers of a Pipeline, and a last step that does nothing."""
    unchanged = ("unchanged", FrozenEstimator(FunctionTransformer()))
    return Pipeline([*pipeline.steps[:-1], unchanged], memory=pipeline.memory)


class RowsBehindSteps:
    """Rows for the members of an ensemble at the end of a Pipeline.

    The transformers before it are fitted once for each fold, for any number of members. A member
    for the final fit stays alone, because the Pipeline has its transformers. A member for a fold is
    put behind the transformers of the same fold.

    Parameters
    ----------
    rows : FoldRows
        The rows as the Pipeline takes them.
    pipeline : Pipeline
        Its transformers are fitted to the rows of the final fit.
    fit_rows : ndarray of int
        Positions of the rows of the final fit.
    """

    def __init__(self, rows: FoldRows, pipeline: Pipeline, fit_rows: NDArray[np.intp]) -> None:
        before = without_last(pipeline)
        self._rows, self._fit_rows = rows, fit_rows
        self._steps = Pipeline(settled(before.steps), memory=pipeline.memory)
        self._fitted: dict[bytes, list[Any]] = {}
        self._final_inputs = rows.behind(pipeline_steps(before)[0])

    def fitted(self, estimator: Any, positions: NDArray[np.intp]) -> Any:
        """The estimator, fitted to some of the rows."""
        if np.array_equal(positions, self._fit_rows):
            return self._final_inputs.fitted(estimator, positions)
        before = self._fitted_transformers(positions)
        member = self._rows.behind(before).fitted(estimator, positions)
        own = member.steps if isinstance(member, Pipeline) else [("detector", member)]
        return MemberPipeline([*((f"before {i}", step) for i, step in enumerate(before)), *own])

    def measured(
        self, measure: Callable[[Any], NDArray[np.float64]], positions: NDArray[np.intp]
    ) -> NDArray[np.float64]:
        """One number for each of some of the rows."""
        return self._rows.measured(measure, positions)

    def behind(self, transformers: Sequence[Any]) -> FoldRows:
        """All rows after fitted transformers, those before the ensemble among them."""
        return self._rows.behind(transformers)

    @property
    def final_inputs(self) -> FoldRows:
        """All rows behind the transformers of the final fit."""
        return self._final_inputs

    def _fitted_transformers(self, positions: NDArray[np.intp]) -> list[Any]:
        key = positions.tobytes()
        if key not in self._fitted:
            fitted = self._rows.fitted(clone(self._steps), positions)
            self._fitted[key] = pipeline_steps(fitted)[0]
        return self._fitted[key]
