"""Stand-ins in a file for objects that skops cannot write; loading turns them into these objects.

skops writes a stand-in as "call this class with these arguments", by its `__reduce__`. The class,
called in loading, gives the object.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

_GAPS, _SPARE = 8, 1 << 20  # times the values, and bytes beside these
_MODULES: ContextVar[Mapping[str, Any]] = ContextVar("modules of the file that is loaded")


class StoredModule:
    """Takes the place of a torch module of the loaded file."""

    def __new__(cls, name: str) -> Any:
        """Give the module of that name."""
        return _MODULES.get()[name]

    @classmethod
    def standing_for(cls, name: str) -> StoredModule:
        """A stand-in for the module of a name."""
        return _stand_in(cls, name)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.__dict__["arguments"]


class StoredDict:
    """Takes the place of a dict with keys that are not text, which JSON would turn into text."""

    def __new__(cls, keys: list[Any], values: list[Any]) -> Any:
        """Give the dict."""
        return dict(zip(keys, values, strict=True))

    @classmethod
    def standing_for(cls, keys: list[Any], values: list[Any]) -> StoredDict:
        """A stand-in for the dict of these keys and values."""
        return _stand_in(cls, keys, values)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.__dict__["arguments"]


class StoredView:
    """Takes the place of an array with gaps or in reverse order in memory.

    A plain array would come back without gaps. A matrix product that reads its values in another
    order may then round differently. Gaps of many times the values are closed: they would take
    memory that the file does not have.
    """

    def __new__(cls, values: np.ndarray, strides: list[int]) -> Any:
        """Give the array."""
        reach = [(n - 1) * step for n, step in zip(values.shape, strides, strict=True)]
        before = -sum(min(0, end) for end in reach)
        size = before + sum(max(0, end) for end in reach) + values.itemsize
        if size > _GAPS * values.nbytes + _SPARE:
            return values
        buffer = np.zeros(size, np.uint8)
        array = np.ndarray(values.shape, values.dtype, buffer, before, strides)
        array[...] = values
        return array

    @classmethod
    def standing_for(cls, array: np.ndarray) -> StoredView:
        """A stand-in for an array."""
        return _stand_in(cls, np.ascontiguousarray(array), list(array.strides))

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), self.__dict__["arguments"]


def _stand_in(cls: type, *arguments: Any) -> Any:
    made: Any = object.__new__(cls)
    made.__dict__["arguments"] = arguments
    return made


@contextmanager
def loaded_modules(modules: Mapping[str, Any]) -> Iterator[None]:
    """Give the stand-ins their modules while a file is loaded."""
    token = _MODULES.set(modules)
    try:
        yield
    finally:
        _MODULES.reset(token)
