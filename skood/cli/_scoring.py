"""Scores the blocks of a file: a table of results for each block, and counts over all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

from skood import ConformalOutlierDetector, explain
from skood._optional import import_optional
from skood._validation import last_step
from skood.cli.files import Block
from skood.measures.blocks import slices
from skood.preprocessing import TableScaler

from ._alarms import Alarms
from ._fitted import Fitted

if TYPE_CHECKING:
    import pyarrow as pa
else:
    pa = import_optional("pyarrow", "io", needed_by="Reading and writing files of rows")

_EXPLAINED = 4096  # rows at a time: an explanation holds the neighbours of all its rows
REASONS, BETWEEN_REASONS = "reasons", "; "
_LOWEST, _NAMED = 5, 5  # rows, and new categories of each column, in the report


class Scorer:
    """Scores, p-values, decisions, and the `n_top` columns that lower each score most.

    `tally` counts the rows and the flagged ones, and holds the results with the lowest scores and
    the categories that no training row has. It can begin with that of an earlier run. `also` is
    given the rows of each block, as the detector takes them, and their results.
    """

    def __init__(
        self,
        fitted: Fitted,
        row_name: str,
        n_top: int,
        alarms: Alarms,
        tally: Mapping[str, Any] | None = None,
        also: Callable[[Any, pa.RecordBatch], None] | None = None,
    ) -> None:
        self.fitted, self._detector, self._layout = fitted, fitted.detector, fitted.layout
        self._row_name, self._n_top, self.alarms = row_name, n_top, alarms
        self._also = also
        self._known = _known_categories(self._detector)
        self.tally: dict[str, Any] = {"rows": 0, "flagged": 0, "lowest": [], "new": {}}
        self.tally.update(tally or {})

    def score(self, block: Block) -> pa.RecordBatch:
        """The results of a block, a line for each row."""
        rows = self.fitted.rows_of(block)
        scores = np.asarray(self._detector.score_samples(rows), dtype=np.float64)
        ids: Any = range(block.start + 1, block.start + len(block) + 1)
        name = self._row_name
        if block.ids is not None:
            ids, name = _as_array(block.ids), self._layout.id_column or name
        columns: dict[str, Any] = {name: ids, "score": scores}
        if isinstance(self._detector, ConformalOutlierDetector):
            columns["p_value"] = self._detector.p_values(rows, scores=scores)
            above = self._detector.decision_function(rows, scores=scores)
        else:
            above = scores - last_step(self._detector).offset_
        columns["decision"] = np.where(self.alarms.take(rows, scores, above), -1, 1)
        if self._n_top:
            columns |= self._top_columns(rows)
        results = pa.RecordBatch.from_arrays(
            [v if isinstance(v, pa.Array) else pa.array(v) for v in columns.values()],
            names=list(columns),
        )
        self._count(block, results)
        if self._also is not None:
            self._also(rows, results)
        return results

    def _top_columns(self, rows: Any) -> dict[str, Any]:
        """Names and shares of the columns with the largest shares, and the reasons in words."""
        columns: dict[str, list[Any]] = {}
        for part in slices(len(rows), _EXPLAINED):
            explanation = explain(self._detector, rows[part])
            names, shares = explanation.feature_names.astype(str), explanation.shares
            order = np.argsort(-shares, axis=1, kind="stable")
            for place in range(min(self._n_top, shares.shape[1])):
                top = order[:, place]
                columns.setdefault(f"top_{place + 1}", []).extend(names[top])
                taken = shares[np.arange(len(shares)), top]
                columns.setdefault(f"share_{place + 1}", []).extend(taken)
            texts = map(BETWEEN_REASONS.join, explanation.reasons(self._n_top))
            columns.setdefault(REASONS, []).extend(texts)
        columns[REASONS] = columns.pop(REASONS)
        return columns

    def _count(self, block: Block, results: pa.RecordBatch) -> None:
        flagged = np.asarray(results["decision"]) == -1
        self.tally["rows"] += len(block)
        self.tally["flagged"] += int(flagged.sum())
        lowest = np.argsort(np.asarray(results["score"]), kind="stable")[:_LOWEST]
        lines = results.take(pa.array(lowest)).to_pylist()
        self.tally["lowest"] = sorted(
            [*self.tally["lowest"], *lines], key=lambda line: line["score"]
        )[:_LOWEST]
        if self._known:
            self._count_new(block.rows)

    def _count_new(self, rows: Any) -> None:
        """Count the rows with a category that no training row has, and keep the first of these."""
        for column, categories in self._known.items():
            is_new = ~(rows[column].isin(categories) | (rows[column].isna() & _has_gap(categories)))
            if not is_new.any():
                continue
            new = self.tally["new"].setdefault(column, {"rows": 0, "texts": []})
            new["rows"] += int(is_new.sum())
            texts = ["" if text is None else str(text) for text in rows[column][is_new].unique()]
            new["texts"] = list(dict.fromkeys([*new["texts"], *texts]))[:_NAMED]


def _has_gap(categories: NDArray[Any]) -> bool:
    return any(text is None or text != text for text in categories)  # NaN


def _known_categories(detector: Any) -> dict[str, NDArray[Any]]:
    """The categories of each such column."""
    inner = getattr(detector, "detector_", detector)
    first = inner.steps[0][1] if hasattr(inner, "steps") else None
    return first.known_categories() if isinstance(first, TableScaler) else {}


def _as_array(values: Any) -> pa.Array:
    if isinstance(values, pa.ChunkedArray):
        values = values.combine_chunks()
    return values.chunk(0) if isinstance(values, pa.ChunkedArray) else values
