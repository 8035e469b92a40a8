"""Transformers before a detector: skood's own here, scikit-learn's by skl2onnx."""

from __future__ import annotations

import copy
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.preprocessing import StandardScaler

from .._optional import import_optional
from .._validation import parameter_error
from ..preprocessing import NormalScoreTransformer, PartialWhitener, TableScaler
from ._errors import not_converted
from ._graph import OPSETS, Graph, Value, where
from ._inputs import lengths
from ._normal_scores import normal_scores

# Those of scikit-learn that skl2onnx writes in float64 to the last digits; tests compare each.
_OF_SKLEARN = (
    "ColumnTransformer",
    "FeatureUnion",
    "FunctionTransformer",
    "GaussianRandomProjection",
    "MaxAbsScaler",
    "MinMaxScaler",
    "Normalizer",
    "PCA",
    "RobustScaler",
    "SelectKBest",
    "TruncatedSVD",
    "VarianceThreshold",
)


_NO_NUMBERS = ("category", "boolean", "date")  # that are features
# These give the same numbers in any program.
_EXACT = (
    "FunctionTransformer",
    "SelectKBest",
    "SimpleImputer",
    "StandardScaler",
    "TableScaler",
    "VarianceThreshold",
)


def is_exact(step: Any) -> bool:
    """Whether any program computes the values of the step to the last bit."""
    return type(step).__name__ in _EXACT


def transformed(graph: Graph, name: str, step: Any, x: Value) -> Value:
    """The values of a fitted step."""
    own = _OWN.get(type(step))
    if own is not None:
        return own(step, x)
    for inner_name, inner in _inside(name, step):
        if not _is_of_sklearn(inner):
            names = sorted([*(kind.__name__ for kind in _OWN), *_OF_SKLEARN])
            raise not_converted(f"the step {inner_name!r}", inner, ", ".join(names))
    return _by_skl2onnx(graph, name, step, x)


def _is_of_sklearn(step: Any) -> bool:
    of_sklearn = type(step).__module__.startswith("sklearn.")
    return of_sklearn and type(step).__name__ in (*_OF_SKLEARN, "Pipeline", "StandardScaler")


def _inside(name: str, step: Any) -> Iterator[tuple[str, Any]]:
    """A step and, of one that holds others, all of these."""
    if not isinstance(step, str):
        yield name, step
        kinds = ("transformers_", "transformer_list", "steps")
        for inner in next((getattr(step, kind) for kind in kinds if hasattr(step, kind)), ()):
            yield from _inside(inner[0], inner[1])


def _by_skl2onnx(graph: Graph, name: str, step: Any, x: Value) -> Value:
    skl2onnx = import_optional("skl2onnx", "onnx", needed_by=f"The step {name!r} in skood.to_onnx")
    types = import_optional("skl2onnx.common.data_types", "onnx")
    kind = types.DoubleTensorType if x.dtype == np.float64 else types.FloatTensorType
    inputs = [("X", kind([None, step.n_features_in_]))]
    try:
        step = _by_position(step)
        model = skl2onnx.convert_sklearn(step, initial_types=inputs, target_opset=OPSETS)
    except (RuntimeError, TypeError, ValueError) as error:  # what skl2onnx raises for its gaps
        reason = str(error).strip().split("\n", 1)[0]
        raise ValueError(
            f"skl2onnx can't convert the step {name!r} ({type(step).__name__}): {reason}"
        ) from error
    prefix = graph.new_name("step") + "_"
    part = graph.onnx.compose.add_prefix_graph(model.graph, prefix)
    graph.add_node("Identity", [x.name], [part.input[0].name])
    graph.nodes.extend(part.node)
    graph.constants.extend(part.initializer)
    return Value(graph, part.output[0].name, x.dtype)


def _by_position(step: Any) -> Any:
    """A `ColumnTransformer` with positions in place of the names of columns."""
    if not isinstance(step, ColumnTransformer) or not hasattr(step, "feature_names_in_"):
        return step
    places = {name: place for place, name in enumerate(step.feature_names_in_)}
    step = copy.copy(step)
    step.transformers_ = [
        (name, one, [places.get(at, at) for at in np.atleast_1d(columns).tolist()])
        for name, one, columns in step.transformers_
    ]
    return step


def _standardised(step: StandardScaler, x: Value) -> Value:
    """As scikit-learn rounds: skl2onnx multiplies float32 values by the inverse of the scale."""
    if step.with_mean:
        x = x - step.mean_
    return x / step.scale_ if step.with_std else x


def _table(step: TableScaler, x: Value) -> Value:
    if not step._is_table:
        most = float(np.finfo(x.dtype).max)
        return _standardised(step, x).most(-most).least(most)
    _check_numbers(step)
    names = getattr(step, "feature_names_in_", [column.name for column in step.schema_])
    places = [list(names).index(name) for name in step.numbers_]
    x = x.cast(np.float64)  # as a table is read
    if places != list(range(len(names))):
        x = x.taken(x.graph.constant(np.array(places)), axis=1)
    for _, inner in step._scaler.steps:
        if not isinstance(inner, str):
            x = _OWN[type(inner)](inner, x)
    return x


def _check_numbers(step: TableScaler) -> None:
    """Raise unless a table has columns of numbers alone, which are standardised."""
    if step.missing == "expected":
        allowed = "another than 'expected' for to_onnx, since its columns depend on hashes"
        raise parameter_error(step, "missing", allowed, step.missing)
    if step.scale != "standard":
        raise parameter_error(step, "scale", "'standard' for to_onnx", step.scale)
    others = [column.name for column in step.schema_ if column.kind in _NO_NUMBERS or column.na]
    if others:
        raise ValueError(
            "skood.to_onnx converts a TableScaler of columns of numbers, whose gaps are NaN. The "
            f"column {others[0]!r} holds categories, dates, or marks of missing values."
        )


def _imputed(step: SimpleImputer, x: Value) -> Value:
    known = step.missing_values is np.nan or step.missing_values != step.missing_values
    if not known or step.add_indicator or np.isnan(step.statistics_.astype(np.float64)).any():
        raise not_converted(
            "these options of a step",
            step,
            "one that fills NaN in columns with values, without add_indicator",
        )
    return where(x.graph.op("IsNaN", x, dtype=np.bool_), step.statistics_.astype(x.dtype), x)


def _whitened(step: PartialWhitener, x: Value) -> Value:
    rows = x.cast(np.float64)
    if step.length_power:
        length = lengths(rows)
        length = where(length > 0.0, length, 1.0)
        rows = rows / length.graph.op("Pow", length, np.float64(step.length_power))
    return (((rows - step.mean_) @ step.axes_) * step.scales_).cast(x.dtype)


_OWN: dict[type, Callable[[Any, Value], Value]] = {
    NormalScoreTransformer: normal_scores,
    PartialWhitener: _whitened,
    SimpleImputer: _imputed,
    StandardScaler: _standardised,
    TableScaler: _table,
}
