"""Times of rows, as whole nanoseconds since 1970 in UTC."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error


def row_times(timestamps: Any, n_rows: int, last: int | None) -> NDArray[np.int64] | None:
    """Check the times of rows: one for each row, none missing, in ascending order."""
    if timestamps is None:
        return None
    times = _as_datetimes(timestamps)
    if times.shape != (n_rows,):
        allowed = f"None or {n_rows} times, one for each row"
        raise parameter_error("ConformalMonitor.update", "timestamps", allowed, timestamps)
    if np.isnat(times).any():
        missing = int(np.flatnonzero(np.isnat(times))[0])
        raise ValueError(f"The timestamps have no time for row {missing} of the batch.")
    whole = times.astype(np.int64)
    before = np.append(whole[0] if last is None else last, whole[:-1])
    back = np.flatnonzero(whole < before)
    if back.size:
        row = int(back[0])
        raise ValueError(
            f"The timestamps go back at row {row} of the batch: {times[row]} comes after "
            f"{np.datetime64(int(before[row]), 'ns')}; give rows in the order of their times."
        )
    return whole


def _as_datetimes(timestamps: Any) -> NDArray[Any]:
    if hasattr(timestamps, "dt") and getattr(timestamps.dt, "tz", None) is not None:
        timestamps = timestamps.dt.tz_convert(None)  # a pandas Series with a time zone
    elif getattr(timestamps, "tz", None) is not None:
        timestamps = timestamps.tz_convert(None)  # a DatetimeIndex
    values = np.atleast_1d(np.asarray(timestamps))
    if values.dtype.kind == "O":
        values = np.array([_naive(value) for value in values])
    elif values.dtype.kind in "US":
        values = np.array([_naive(str(value)) for value in values])
    try:
        if values.dtype.kind not in "MO":
            raise TypeError
        return values.astype("datetime64[ns]")
    except (TypeError, ValueError) as error:
        allowed = "None, datetimes, or ISO 8601 texts"
        raise parameter_error(
            "ConformalMonitor.update", "timestamps", allowed, timestamps
        ) from error


def _naive(value: Any) -> Any:
    """A datetime in UTC without its zone; other values unchanged."""
    from datetime import UTC, datetime

    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value.strip())
        except ValueError:
            return value
    if isinstance(value, datetime):
        if value.tzinfo is not None:
            value = value.astimezone(UTC).replace(tzinfo=None)
        return np.datetime64(value, "ns")
    return value
