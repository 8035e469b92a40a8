"""Puts stand-ins into a copy of an estimator."""

from __future__ import annotations

import importlib
import operator
import sys
from dataclasses import dataclass
from functools import partial
from types import ModuleType
from typing import Any

import numpy as np

from ._stand_ins import StoredDict, StoredModule, StoredView

_UNCHANGED = (str, bytes, int, float, complex, type, ModuleType, np.generic, np.random.Generator)


@dataclass(frozen=True)
class FoundModule:
    """A torch module of an estimator, and the first attribute that holds it."""

    name: str
    module: Any
    owner: object  # the object whose attribute is the module, or a list with the module
    attribute: str


def with_stand_ins(estimator: Any) -> tuple[Any, list[FoundModule], list[str]]:
    """A copy of an estimator that skops can write, its torch modules, and types to build again.

    The copy has copies of the objects that hold a stand-in; it shares all other objects.
    """
    walk = _Walk(_names_by_parameters(estimator))
    return walk.of(estimator, "", None, ""), walk.modules, sorted(walk.rebuilt)


class _Walk:
    """Copies of objects with stand-ins in them; one copy for each object, even if met twice."""

    def __init__(self, names: dict[int, str]) -> None:
        self._names = names
        self._met: dict[int, tuple[Any, Any]] = {}  # the object too: its id must stay its own
        self.modules: list[FoundModule] = []
        self.rebuilt: set[str] = set()

    def of(self, value: Any, path: str, owner: Any, attribute: str) -> Any:
        if value is None or isinstance(value, _UNCHANGED):
            return value
        if id(value) not in self._met:
            self._met[id(value)] = value, value  # the object may lead back to itself
            self._met[id(value)] = value, self._stored(value, path, owner, attribute)
        return self._met[id(value)][1]

    def _stored(self, value: Any, path: str, owner: Any, attribute: str) -> Any:
        if _is_torch_module(value):
            name = self._names.get(id(value), path)
            self.modules.append(FoundModule(name, value, owner, attribute))
            return StoredModule.standing_for(name)
        if _is_torch(value, "Tensor"):
            _check_not_stored(owner, attribute, path)
            return value
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
        if isinstance(value, np.ufunc):  # skops finds it by its name; it names no module
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
            value = np.asarray(value) if isinstance(value, np.memmap) else value
            whole = value.flags.c_contiguous or value.flags.f_contiguous or value.size == 0
            plain = type(value) is np.ndarray and not value.dtype.hasobject
            return StoredView.standing_for(value) if plain and not whole else value
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
        copied: Any = value.__class__.__new__(value.__class__)
        copied.__dict__.update(changed)
        return copied


def _names_by_parameters(estimator: Any) -> dict[int, str]:
    """The names of the torch modules among an estimator's parameters, as in `set_params`."""
    names: dict[int, str] = {}
    for parameter, value in estimator.get_params(deep=True).items():
        listed = isinstance(value, list | tuple)
        parts = {f"{parameter}__{i}": v for i, v in enumerate(value)} if listed else {}
        for name, part in (parts or {parameter: value}).items():
            if _is_torch_module(part):
                names.setdefault(id(part), name)
    return names


def _is_torch_module(value: Any) -> bool:
    return _is_torch(value, "nn.Module")


def _is_torch(value: Any, kind: str) -> bool:
    torch = sys.modules.get("torch")  # without torch there are no objects of torch
    return torch is not None and isinstance(value, operator.attrgetter(kind)(torch))


def _check_not_stored(owner: Any, attribute: str, path: str) -> None:
    """Raise if the owner of a tensor would store it."""
    if owner is None or attribute in owner.__getstate__():
        raise ValueError(
            f"skood.save stores arrays and torch modules, but {path!r} is or has a torch.Tensor; "
            "give an array instead."
        )


def _joined(path: str, step: object) -> str:
    return f"{path}__{step}" if path else str(step)


def _step(item: Any, position: int) -> object:
    """The name of a step of a Pipeline, or the position in another sequence."""
    named = isinstance(item, tuple) and len(item) > 1 and isinstance(item[0], str)
    return item[0] if named else position


def _plain_int(end: Any) -> Any:
    return int(end) if isinstance(end, np.integer) else end


def _check_importable(target: Any, path: str) -> None:
    """Raise unless a class or function can be imported by its name, as loading does."""
    module, name = target.__module__, target.__qualname__
    try:
        imported = getattr(importlib.import_module(module), name, None) if module else None
    except ImportError:
        imported = None
    if imported is not target:
        raise ValueError(
            f"skood.save stores functions and classes by name, but {path!r} is or has a function "
            f"or class that cannot be imported by its name: {module}.{name}."
        )
