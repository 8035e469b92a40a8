"""The past of a stream as a frame."""

from __future__ import annotations

from typing import Any

from .._optional import import_optional
from ._segments import Segments


def segment_frame(segments: Segments) -> Any:
    """The frame of `ConformalMonitor.history_`: a line for each segment."""
    pandas = import_optional("pandas", "io", needed_by="ConformalMonitor.history_")
    segments.settle()
    return pandas.DataFrame(
        {
            "first_row": segments.starts,
            "n_rows": segments.n_rows,
            "first_time": segments.first_time.astype("datetime64[ns]"),
            "last_time": segments.last_time.astype("datetime64[ns]"),
            "n_flagged": segments.n_flagged,
            "mean_p_value": segments.p_sums / segments.n_rows,
            "e_value": segments.last_value,
            "max_e_value": segments.max_value,
        }
    )
