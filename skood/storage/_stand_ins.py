"""What stands in a file for what skops cannot write, and becomes it again in loading.

skops writes a stand-in as "call this class with these arguments" (that is what its `__reduce__`
says), and the class, called in loading, gives the real thing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import numpy as np

_MODULES: ContextVar[Mapping[str, Any]] = ContextVar("modules of the file that is loaded")


class StoredModule:
    """Stands for a torch module of the file that is being loaded."""

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
    """Stands for a dict whose keys are not all text, which JSON would make of them."""

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
    """Stands for an array that lies in memory with gaps or backwards.

    As a plain array it would come back without them, and a matrix product that meets its values in
    another order may round in another way.
    """

    def __new__(cls, values: np.ndarray, strides: list[int]) -> Any:
        """Give the array."""
        reach = [(n - 1) * step for n, step in zip(values.shape, strides, strict=True)]
        before = -sum(min(0, end) for end in reach)
        buffer = np.zeros(before + sum(max(0, end) for end in reach) + values.itemsize, np.uint8)
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
    """Say which modules the stand-ins mean while a file is loaded."""
    token = _MODULES.set(modules)
    try:
        yield
    finally:
        _MODULES.reset(token)
