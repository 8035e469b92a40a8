"""Rows that stay where they are, on disk, and are read a block at a time."""

from ._joined_rows import JoinedRows, joined_rows
from ._mapped_rows import MappedRows
from ._selected_rows import SelectedRows, selected_rows
from ._stored_rows import StoredRows
from ._tensor_rows import TensorRows
from ._unit_rows import UnitRows, unit_rows
from .byte_order import native_byte_order
from .open_rows import as_stored_rows, open_rows

__all__ = [
    "JoinedRows",
    "MappedRows",
    "SelectedRows",
    "StoredRows",
    "TensorRows",
    "UnitRows",
    "as_stored_rows",
    "joined_rows",
    "native_byte_order",
    "open_rows",
    "selected_rows",
    "unit_rows",
]
