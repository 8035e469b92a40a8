"""Writes the operators of an ONNX graph as arithmetic on named values."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np

from .._optional import import_optional

OPSETS = {"": 17, "ai.onnx.ml": 3}  # runtimes of 2022 and later have these
MOST_BYTES = 2_000_000_000  # of the constants; a file of protobuf is below 2 GiB
IR_VERSION = 8  # the first version with these


class Graph:
    """Nodes and constants of a model; operators are added to the innermost open body."""

    def __init__(self) -> None:
        self.onnx = import_optional("onnx", "onnx", needed_by="skood.to_onnx")
        self.constants: list[Any] = []
        self._levels: list[list[Any]] = [[]]
        self._count = self._size = 0

    @property
    def nodes(self) -> list[Any]:
        """The nodes of the innermost open body."""
        return self._levels[-1]

    def new_name(self, kind: str) -> str:
        """A name that no other value has."""
        self._count += 1
        return f"{kind}_{self._count}"

    def constant(self, values: Any) -> Value:
        """Numbers that the model holds."""
        array = np.asarray(values)
        self._size += array.nbytes
        if self._size > MOST_BYTES:
            raise ValueError(
                f"An ONNX file holds at most {MOST_BYTES / 1e9:.3g} GB, and this model needs "
                f"{self._size / 1e9:.3g} GB or more for its training rows: fit on fewer rows or "
                "columns, or on float32."
            )
        name = self.new_name("constant")
        self.constants.append(self.onnx.numpy_helper.from_array(array, name))
        return Value(self, name, array.dtype)

    def op(self, kind: str, *inputs: Any, dtype: Any = None, **attributes: Any) -> Value:
        """Add an operator with one output, which has the type of the first input by default."""
        return self.ops(kind, *inputs, dtypes=(dtype,), **attributes)[0]

    def ops(self, kind: str, *inputs: Any, dtypes: Sequence[Any], **attributes: Any) -> list[Value]:
        """Add an operator with one output for each of the types."""
        values = [self._value(one) for one in inputs]
        outputs = [
            Value(self, self.new_name(kind), dtype or values[0].dtype)  # None: as the first input
            for dtype in dtypes
        ]
        names = [[value.name for value in some] for some in (values, outputs)]
        self.add_node(kind, *names, **attributes)
        return outputs

    def add_node(self, kind: str, inputs: list[str], outputs: list[str], **attributes: Any) -> None:
        """Add a node with a name: fusions of older runtimes make one of it, which must differ."""
        name = self.new_name("node")
        self.nodes.append(self.onnx.helper.make_node(kind, inputs, outputs, name, **attributes))

    def over_rows(
        self, write: Callable[..., Sequence[Value]], *rows: Value, shapes: Sequence[Sequence[int]]
    ) -> list[Value]:
        """Stacked results of `write` for each row: the memory is that of a single row.

        `write` is given a row of each matrix or vector and returns values of these shapes.
        """
        inside = [Value(self, self.new_name("row"), one.dtype, one.row_shape) for one in rows]
        with self._body() as nodes:
            results = [self.op("Identity", one) for one in write(*inside)]
        for result, shape in zip(results, shapes, strict=True):
            result.shape = shape
        body = self._finished("each_row", nodes, inside, results)
        dtypes = [one.dtype for one in results]
        found = self.ops("Scan", *rows, dtypes=dtypes, body=body, num_scan_inputs=len(rows))
        for one, shape in zip(found, shapes, strict=True):
            one.row_shape = shape
        return found

    def until(
        self, write: Callable[..., Sequence[Value]], going: Value, start: Sequence[Value], n: int
    ) -> list[Value]:
        """Repeat `write` on its own results, n times at most.

        It returns whether to continue, and the results.
        """
        inside = [Value(self, self.new_name("state"), one.dtype) for one in start]
        number = Value(self, self.new_name("number"), np.int64, ())
        before = Value(self, self.new_name("going"), np.bool_, ())
        with self._body() as nodes:
            results = [self.op("Identity", one) for one in write(*inside)]
        body = self._finished("step", nodes, [number, before, *inside], results)
        dtypes = [one.dtype for one in start]
        return self.ops("Loop", np.array(n), going, *start, dtypes=dtypes, body=body)

    def choose(
        self, condition: Value, then: Callable[[], Value], otherwise: Callable[[], Value]
    ) -> Value:
        """The value of one of two branches, of which only that one is computed."""
        branches = {}
        for name, write in (("then_branch", then), ("else_branch", otherwise)):
            with self._body() as nodes:
                result = self.op("Identity", write())
            branches[name] = self._finished(name, nodes, [], [result])
        return self.op("If", condition, dtype=result.dtype, **branches)

    def model(
        self, x: Value, n_features: int, outputs: dict[str, Value], about: dict[str, str]
    ) -> Any:
        """The model from an input of rows to outputs of one number for each row."""
        helper = self.onnx.helper
        for name, value in outputs.items():
            self.add_node("Identity", [value.name], [name])
        graph = helper.make_graph(
            self.nodes,
            "skood",
            [helper.make_tensor_value_info(x.name, self.kind(x), ["n_samples", n_features])],
            [
                helper.make_tensor_value_info(name, self.kind(value), ["n_samples"])
                for name, value in outputs.items()
            ],
            self.constants,
        )
        opsets = [helper.make_opsetid(*one) for one in OPSETS.items()]
        model = helper.make_model(
            graph,
            opset_imports=opsets,
            ir_version=IR_VERSION,
            producer_name="skood",
            producer_version=about["skood"],
        )
        helper.set_model_props(model, about)
        return model

    def kind(self, value: Value) -> int:
        """The number that ONNX has for the type of a value."""
        return int(self.onnx.helper.np_dtype_to_tensor_dtype(value.dtype))

    @contextmanager
    def _body(self) -> Iterator[list[Any]]:
        self._levels.append([])
        try:
            yield self._levels[-1]
        finally:
            self._levels.pop()

    def _finished(
        self, name: str, nodes: list[Any], inputs: list[Value], outputs: list[Value]
    ) -> Any:
        def information(values: list[Value]) -> list[Any]:
            make = self.onnx.helper.make_tensor_value_info
            return [make(one.name, self.kind(one), one.shape) for one in values]

        return self.onnx.helper.make_graph(nodes, name, information(inputs), information(outputs))

    def _value(self, given: Any) -> Value:
        return given if isinstance(given, Value) else self.constant(given)


class Value:
    """A tensor of the graph. Python's numbers take its float type."""

    def __init__(self, graph: Graph, name: str, dtype: Any, shape: Any = None) -> None:
        self.graph = graph
        self.shape = shape  # where a body has to say it
        self.row_shape: Sequence[int | None] = (None,)
        self.name = name
        self.dtype = np.dtype(dtype)

    __array_ufunc__ = None  # arrays leave the arithmetic to this class

    def _with(self, kind: str, other: Any, *, reverse: bool = False, dtype: Any = None) -> Value:
        given = other if isinstance(other, Value) else np.asarray(other, dtype=self.dtype)
        pair = (given, self) if reverse else (self, given)
        return self.graph.op(kind, *pair, dtype=dtype)

    def __add__(self, other: Any) -> Value:
        return self._with("Add", other)

    __radd__ = __add__

    def __sub__(self, other: Any) -> Value:
        return self._with("Sub", other)

    def __rsub__(self, other: Any) -> Value:
        return self._with("Sub", other, reverse=True)

    def __mul__(self, other: Any) -> Value:
        return self._with("Mul", other)

    __rmul__ = __mul__

    def __truediv__(self, other: Any) -> Value:
        return self._with("Div", other)

    def __rtruediv__(self, other: Any) -> Value:
        return self._with("Div", other, reverse=True)

    def __matmul__(self, other: Any) -> Value:
        return self._with("MatMul", other)

    def __neg__(self) -> Value:
        return self.graph.op("Neg", self)

    def __lt__(self, other: Any) -> Value:
        return self._with("Less", other, dtype=np.bool_)

    def __le__(self, other: Any) -> Value:
        return self._with("LessOrEqual", other, dtype=np.bool_)

    def __gt__(self, other: Any) -> Value:
        return self._with("Greater", other, dtype=np.bool_)

    def __ge__(self, other: Any) -> Value:
        return self._with("GreaterOrEqual", other, dtype=np.bool_)

    def equals(self, other: Any) -> Value:
        """Whether both are equal, value by value."""
        return self._with("Equal", other, dtype=np.bool_)

    def __and__(self, other: Value) -> Value:
        return self.graph.op("And", self, other)

    def __or__(self, other: Value) -> Value:
        return self.graph.op("Or", self, other)

    def __invert__(self) -> Value:
        return self.graph.op("Not", self)

    def exp(self) -> Value:
        """The exponential."""
        return self.graph.op("Exp", self)

    def log(self) -> Value:
        """The natural logarithm."""
        return self.graph.op("Log", self)

    def sqrt(self) -> Value:
        """The square root."""
        return self.graph.op("Sqrt", self)

    def abs(self) -> Value:
        """The absolute value."""
        return self.graph.op("Abs", self)

    def least(self, other: Any) -> Value:
        """The smaller of both."""
        return self._with("Min", other)

    def most(self, other: Any) -> Value:
        """The larger of both."""
        return self._with("Max", other)

    def sum(self, axis: int = -1, *, keep: bool = False) -> Value:
        """The sum along an axis."""
        return self.graph.op("ReduceSum", self, np.array([axis]), keepdims=int(keep))

    def squares(self, axis: int = -1, *, keep: bool = False) -> Value:
        """The sum of squares along an axis."""
        return self._reduced("ReduceSumSquare", axis, keep)

    def smallest(self, axis: int = -1, *, keep: bool = False) -> Value:
        """The smallest along an axis."""
        return self._reduced("ReduceMin", axis, keep)

    def largest(self, axis: int = -1, *, keep: bool = False) -> Value:
        """The largest along an axis."""
        return self._reduced("ReduceMax", axis, keep)

    def _reduced(self, kind: str, axis: int, keep: bool) -> Value:
        return self.graph.op(kind, self, axes=[axis], keepdims=int(keep))

    def any(self) -> Value:
        """Whether one of all is True."""
        number = self.cast(np.float32)
        return self.graph.op("ReduceMax", number, keepdims=0) > 0.5

    def taken(self, places: Value, axis: int = 0) -> Value:
        """The entries at these places of an axis."""
        return self.graph.op("Gather", self, places, axis=axis)

    def columns(self, first: int, end: int, axis: int = 1) -> Value:
        """The entries from one place of an axis to another."""
        return self.graph.op("Slice", self, *(np.array([at]) for at in (first, end, axis)))

    def with_axis(self, axis: int) -> Value:
        """With one more axis of length 1."""
        return self.graph.op("Unsqueeze", self, np.array([axis]))

    def without_axis(self, axis: int) -> Value:
        """Without an axis of length 1."""
        return self.graph.op("Squeeze", self, np.array([axis]))

    def cast(self, dtype: Any) -> Value:
        """In another type."""
        if self.dtype == dtype:
            return self
        like = Value(self.graph, "", dtype)
        return self.graph.op("Cast", self, dtype=dtype, to=self.graph.kind(like))


def where(condition: Value, yes: Any, no: Any) -> Value:
    """One of two values at each place."""
    graph = condition.graph
    types = [one.dtype for one in (yes, no) if isinstance(one, Value)]
    dtype = types[0] if types else np.result_type(yes, no)
    pair = [one if isinstance(one, Value) else np.asarray(one, dtype=dtype) for one in (yes, no)]
    return graph.op("Where", condition, *pair, dtype=dtype)
