"""The names that a file may hold besides the names of scikit-learn and NumPy that skops trusts."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from .._validation import parameter_error
from ._names import OLD_NAMES, STABLE_NAMES

# Types that hold only numbers, and whose construction runs no other code.
# In some versions of scikit-learn `ColumnTransformer` keeps the remaining columns in its own list.
_OTHER_TYPES = (
    "builtins.range",
    "numpy.dtype",
    "sklearn.compose._column_transformer._RemainderColsList",
    "torch.device",
)

ALLOWED_TYPES = STABLE_NAMES | OLD_NAMES.keys() | frozenset(_OTHER_TYPES)


def names_of(trusted: Iterable[Any]) -> set[str]:
    """The full names of types and functions, with dots only; an item may already be a name.

    A name may have a colon before its last part, like the import path of a callable.

    Examples
    --------
    >>> from collections import Counter
    >>> from skood.storage._types import names_of
    >>> sorted(names_of([Counter, "nets:LeNet"]))
    ['collections.Counter', 'nets.LeNet']
    """
    try:
        items = [None] if isinstance(trusted, str) else [*trusted]
    except TypeError:
        items = [None]
    if not all(isinstance(item, str) or hasattr(item, "__qualname__") for item in items):
        raise parameter_error("skood.load", "trusted", "a list of names and types", trusted)
    names = (item if isinstance(item, str) else import_path(item) for item in items)
    return {name.replace(":", ".") for name in names}


def import_path(target: Any) -> str:
    """The import path of a class or function, as ``"package.module:name"``."""
    return f"{target.__module__}:{target.__qualname__}"
