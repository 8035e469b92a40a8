"""Labels that are missing, of any library."""

from __future__ import annotations

from typing import Any

import numpy as np


def count_missing_labels(labels: Any) -> int:
    """How many labels are NaN, NaT, NA, None or masked."""
    if isinstance(labels, np.ma.MaskedArray):
        n_masked = int(np.ma.count_masked(labels))
        return n_masked + count_missing_labels(labels.compressed())
    values = labels
    if not isinstance(labels, np.ndarray):
        # As objects: the cast to text would make words of None and NaN.
        values = np.asarray(labels, dtype=object)
        if values.ndim != 1:
            values = np.asarray(labels)
    if values.dtype.kind == "O":
        return sum(map(_is_missing, values.ravel()))
    return int(np.count_nonzero(values != values)) if values.dtype.kind in "fcmM" else 0


def _is_missing(label: Any) -> bool:
    try:
        return label is None or bool(label != label)  # NaN and NaT differ from themselves
    except TypeError:  # pandas.NA refuses to be a truth value
        return True
    except ValueError:  # an array in place of a label
        return False
