"""What stands in a file for what skops cannot write, and becomes it again in loading.

skops writes a stand-in as "call this class with these arguments" (that is what its `__reduce__`
says), and the class, called in loading, gives the real thing.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

_MODULES: ContextVar[Mapping[str, Any]] = ContextVar("modules of the file that is loaded")
_AS_THEY_ARE = (str, bytes, int, float, complex, type, ModuleType, np.generic, np.random.Generator)


@dataclass(frozen=True)
class FoundModule:
    """A torch module of an estimator, and where it was found first."""

    name: str
    module: Any
    owner: object  # whose attribute it is, or the list in it
    attribute: str


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


def with_stand_ins(estimator: Any) -> tuple[Any, list[FoundModule], list[str]]:
    """Put stand-ins into an estimator, which itself stays as it is.

    Parameters
    ----------
    estimator : estimator
        With all that it holds. Objects on the way to a stand-in are copied, all others shared.

    Returns
    -------
    estimator, list of FoundModule, list of str
        What skops can write; the torch modules in it; and the names of the types of which a part
        is left out, to be built again in loading.

    Raises
    ------
    ValueError
        If a function or class in it cannot be found again by its name.
    """
    walk = _Walk(_names_by_parameters(estimator))
    return walk.of(estimator, "", None, ""), walk.found, sorted(walk.rebuilt)


class _Walk:
    """Copies of objects with stand-ins in them, one for each object however often it is met."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._met: dict[int, tuple[Any, Any]] = {}  # the object too: its id must stay its own
        self.found: list[FoundModule] = []
        self.rebuilt: set[str] = set()

    def of(self, value: Any, path: str, owner: Any, attribute: str) -> Any:
        if value is None or isinstance(value, _AS_THEY_ARE):
            return value
        if id(value) not in self._met:
            self._met[id(value)] = value, value  # where an object leads back to itself
            self._met[id(value)] = value, self._stored(value, path, owner, attribute)
        return self._met[id(value)][1]

    def _stored(self, value: Any, path: str, owner: Any, attribute: str) -> Any:
        if _is_torch_module(value):
            name = self._names.get(id(value), path)
            self.found.append(FoundModule(name, value, owner, attribute))
            return StoredModule.standing_for(name)
        if type(value) is dict:
            return self._dict(value, path, owner, attribute)
        if isinstance(value, list | tuple):
            return self._sequence(value, path, owner, attribute)
        if isinstance(value, slice):
            return slice(*map(_plain_int, (value.start, value.stop, value.step)))
        if isinstance(value, np.ndarray):
            return self._array(value, path, owner, attribute)
        if isinstance(value, partial):
            _check_importable(value.func, path)
            return value
        if isinstance(value, np.ufunc):  # found by name, but without saying in which module
            return value
        if callable(value) and hasattr(value, "__qualname__"):
            _check_importable(value, path)
            return value
        return self._object(value, path)

    def _dict(self, value: dict[Any, Any], path: str, owner: Any, attribute: str) -> Any:
        values = [self.of(v, _joined(path, k), owner, attribute) for k, v in value.items()]
        if not all(isinstance(key, str) for key in value):
            return StoredDict.standing_for(list(value), values)
        changed = any(new is not old for new, old in zip(values, value.values(), strict=True))
        return dict(zip(value, values, strict=True)) if changed else value

    def _sequence(self, value: Any, path: str, owner: Any, attribute: str) -> Any:
        items = [
            self.of(item, _joined(path, _step(item, i)), owner, attribute)
            for i, item in enumerate(value)
        ]
        if all(new is old for new, old in zip(items, value, strict=True)):
            return value
        if hasattr(value, "_fields"):
            return type(value)(*items)
        return type(value)(items)

    def _array(self, value: np.ndarray, path: str, owner: Any, attribute: str) -> Any:
        if value.dtype != object:
            return np.asarray(value) if isinstance(value, np.memmap) else value
        items = [
            self.of(item, _joined(path, i), owner, attribute) for i, item in enumerate(value.flat)
        ]
        if all(new is old for new, old in zip(items, value.flat, strict=True)):
            return value
        changed = np.empty(value.shape, dtype=object)
        changed.flat[:] = items
        return changed

    def _object(self, value: Any, path: str) -> Any:
        attributes = getattr(value, "__dict__", None)
        if attributes is None:
            return value
        _check_importable(type(value), path)
        parts = getattr(value, "_built_in_loading", ())
        left_out = [name for name in parts if attributes.get(name) is not None]
        if left_out:
            self.rebuilt.add(type(value).__name__)
        changed = {
            name: self.of(part, _joined(path, name), value, name)
            for name, part in attributes.items()
            if name not in left_out
        }
        if not left_out and all(changed[name] is part for name, part in attributes.items()):
            return value
        copied = object.__new__(type(value))
        copied.__dict__.update(changed)
        return copied


def _names_by_parameters(estimator: Any) -> dict[int, str]:
    """The names of the torch modules among an estimator's parameters, as `set_params` has them."""
    names: dict[int, str] = {}
    for parameter, value in estimator.get_params(deep=True).items():
        listed = isinstance(value, list | tuple)
        parts = {f"{parameter}__{i}": v for i, v in enumerate(value)} if listed else {}
        for name, part in (parts or {parameter: value}).items():
            if _is_torch_module(part):
                names.setdefault(id(part), name)
    return names


def _is_torch_module(value: Any) -> bool:
    torch = sys.modules.get("torch")  # without it there is no module
    return torch is not None and isinstance(value, torch.nn.Module)


def _joined(path: str, step: object) -> str:
    return f"{path}__{step}" if path else str(step)


def _step(item: Any, position: int) -> object:
    """The name of a step of a Pipeline, or a position in any other sequence."""
    named = isinstance(item, tuple) and len(item) > 1 and isinstance(item[0], str)
    return item[0] if named else position


def _plain_int(end: Any) -> Any:
    return int(end) if isinstance(end, np.integer) else end


def _check_importable(target: Any, path: str) -> None:
    """Raise unless a class or function is found under its name, where loading looks for it."""
    module, name = target.__module__, target.__qualname__
    try:
        found = getattr(importlib.import_module(module), name, None) if module else None
    except ImportError:
        found = None
    if found is not target:
        raise ValueError(
            f"skood.save stores functions and classes by name, and {path!r} is or has one that "
            f"cannot be found by its name: {module}.{name}."
        )
