"""The columns of each layer among the features."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error

Layers = dict[str, NDArray[np.intp]]  # the positions of the columns of each layer, by its name

_INDEXED = re.compile(r"(.+)__\d+", re.DOTALL)
_FORMS = (
    "None, a dict of layer names to slices, column positions or column names, a sequence of these, "
    "or a sequence of the layers' widths"
)


def find_layers(owner: object, groups: Any, names: Sequence[str] | None, n_features: int) -> Layers:
    """The columns of each layer.

    `groups` is the parameter of the estimator `owner`; `names` are those of the columns, if any.
    """
    if groups is None:
        return _layers_by_name(owner, names, n_features)
    if isinstance(groups, Mapping):
        chosen = {str(name): selection for name, selection in groups.items()}
    elif (isinstance(groups, Sequence) and not isinstance(groups, str)) or (
        isinstance(groups, np.ndarray) and groups.ndim
    ):
        selections = list(groups)
        if selections and all(map(_is_int, selections)):
            selections = _slices_of_widths(owner, selections, n_features)
        chosen = {f"layer{i}": selection for i, selection in enumerate(selections)}
    else:
        raise parameter_error(owner, "groups", _FORMS, groups)
    if not chosen:
        raise parameter_error(owner, "groups", "of at least one layer", groups)
    return {
        name: _columns(owner, name, selection, names, n_features)
        for name, selection in chosen.items()
    }


def side_by_side(columns: NDArray[np.intp]) -> slice | NDArray[np.intp]:
    """Adjacent columns as a slice: a view, and cheap to differentiate."""
    first = int(columns[0])
    if np.array_equal(columns, np.arange(first, first + len(columns))):
        return slice(first, first + len(columns))
    return columns


def _layers_by_name(owner: object, names: Sequence[str] | None, n_features: int) -> Layers:
    """A layer for each prefix of ``<layer>__<i>``; one layer if no column has such a name."""
    layers: dict[str, list[int]] = {}
    for position, name in enumerate([] if names is None else names):
        match = _INDEXED.fullmatch(str(name))
        if match is not None:
            layers.setdefault(match[1], []).append(position)
    if not layers:
        return {"layer0": np.arange(n_features)}
    if sum(map(len, layers.values())) < n_features:
        allowed = "given, because only some of the columns are named '<layer>__<i>'"
        raise parameter_error(owner, "groups", allowed, None)
    return {name: np.array(columns, dtype=np.intp) for name, columns in layers.items()}


def _slices_of_widths(owner: object, widths: list[Any], n_features: int) -> list[Any]:
    if min(widths) < 1 or sum(widths) != n_features:
        allowed = f"widths of at least 1 that sum to the {n_features} columns"
        raise parameter_error(owner, "groups", allowed, widths)
    ends = np.cumsum(widths).tolist()
    return [slice(end - width, end) for end, width in zip(ends, widths, strict=True)]


def _columns(
    owner: object, name: str, selection: Any, names: Sequence[str] | None, n_features: int
) -> NDArray[np.intp]:
    """Positions of the columns of one selection."""
    if isinstance(selection, slice):
        # NumPy would cut a slice past the end in silence: it was meant for another network.
        inside = all(e is None or abs(e) <= n_features for e in (selection.start, selection.stop))
        columns = np.arange(n_features)[selection] if inside else None
    else:
        columns = _listed_columns(np.asarray(selection), names, n_features)
    if columns is None or not columns.size:
        allowed = f"columns that exist among the {n_features}, at least one for each layer"
        raise parameter_error(owner, "groups", allowed, {name: selection})
    return columns


def _listed_columns(
    listed: NDArray, names: Sequence[str] | None, n_features: int
) -> NDArray[np.intp] | None:
    """Positions of columns given by position, mask or name; None if one does not exist."""
    if listed.ndim != 1:
        return None
    if listed.dtype.kind in "UOT":
        place = {str(name): i for i, name in enumerate([] if names is None else names)}
        positions = [place.get(str(name), n_features) for name in listed]
        listed = np.array(positions, dtype=np.intp)
    elif listed.dtype.kind not in "iub":
        return None
    try:
        return np.arange(n_features)[listed]
    except IndexError:
        return None


def _is_int(value: Any) -> bool:
    return isinstance(value, Integral) and not isinstance(value, (bool, np.bool_))
