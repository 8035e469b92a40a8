"""The place of rows: an array, the disk, or a tensor."""

from __future__ import annotations

from typing import Any, TypeGuard

from ._stored_rows import StoredRows
from ._tensor_rows import TensorRows


def is_stored(X: Any) -> TypeGuard[StoredRows]:
    """Whether rows are on disk or in a tensor, and not in an array."""
    return isinstance(X, StoredRows)


def is_in_tensor(X: Any) -> TypeGuard[TensorRows]:
    """Whether rows are in a tensor, on any device."""
    return isinstance(X, TensorRows)


def device_of(X: Any) -> str | None:
    """The device of the tensor that holds the rows; None if no tensor holds them."""
    return X.device if is_in_tensor(X) else None


def part_of(X: Any, part: slice) -> Any:
    """Some of the rows as an index takes them: an array, or rows that stay on a device."""
    return X.part(part) if is_stored(X) else X[part]
