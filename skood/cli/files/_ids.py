"""The column that identifies rows, in a type that every format of results can hold."""

from __future__ import annotations

from typing import Any

from ...preprocessing.table_findings import shortened
from ._errors import TableError
from ._values import is_text


def plain_ids(name: str, column: str, values: Any) -> Any:
    """Whole numbers, floats, truth values and dates stay; other values become texts.

    Raises
    ------
    TableError
        If they cannot be written as text, such as lists and bytes that are no UTF-8.
    """
    import pyarrow as pa

    try:
        values.validate(full=True)  # Arrow reads texts that are no UTF-8 from a damaged file
        return _plain(values)
    except (pa.ArrowException, ValueError, OverflowError) as error:
        if is_text(values.type):
            fault = f"{name} is damaged: the text of {column!r} is not UTF-8."
            raise TableError(fault) from error
        raise TableError(
            f"The column {column!r} of {name} has values of the type "
            f"{shortened(str(values.type))}, and some cannot be written as text: identify rows by "
            "another column, or by none."
        ) from error


def _plain(values: Any) -> Any:
    import pyarrow as pa
    from pyarrow import compute

    types, kind = pa.types, values.type
    inner = kind.value_type if types.is_dictionary(kind) else kind
    if types.is_string_view(inner):  # which Arrow neither decodes nor casts in every version
        return pa.chunked_array([pa.array(values.to_pylist(), pa.string())])
    if types.is_binary_view(inner):
        values = pa.chunked_array([pa.array(values.to_pylist(), pa.binary())])
        return values.cast(pa.string())
    if types.is_dictionary(kind):
        return _plain(values.cast(inner))
    if types.is_run_end_encoded(kind):
        return _plain(compute.run_end_decode(values))
    if isinstance(kind, pa.BaseExtensionType):
        if kind.extension_name == "arrow.uuid":
            texts = [v and str(v) for v in values.to_pylist()]
            return pa.chunked_array([pa.array(texts, pa.string())])
        return _plain(values.cast(kind.storage_type))
    if types.is_integer(kind) or types.is_floating(kind) or types.is_boolean(kind):
        return values
    if types.is_date(kind) or types.is_timestamp(kind):
        compute.min_max(values).as_py()  # raises for years and zones that are none
        return values
    return values.cast(pa.string())
