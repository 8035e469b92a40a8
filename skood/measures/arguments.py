"""Checks of arguments by their annotations, for public functions that take any user's arrays.

The rooms' public names check. Estimators call the functions of the files, which do not.
"""

from __future__ import annotations

import inspect
import os
import traceback
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from functools import wraps
from pathlib import Path
from typing import Any

import numpy as np

_SHOWN, _VALUES = 200, 20  # characters, and values of an array
_FLOATS, _INTS = (float, int, np.floating, np.integer), (int, np.integer)
# Errors that pass: of the machine, and warnings that the user has made errors.
_PASSING = (ImportError, MemoryError, Warning)
_Bounds = tuple[str, Callable[[Any], Any]]
_NO_BOUNDS: _Bounds = ("", lambda v: True)  # noqa: ARG005
_POSITIVE: _Bounds = ("in (0, inf)", lambda v: 0 < v < np.inf)
_SHARE: _Bounds = ("in [0, 1]", lambda v: 0 <= v <= 1)
# A parameter of one name means the same in all functions.
_BOUNDS: dict[str, _Bounds] = {
    "alpha": ("in (0, 1)", lambda v: 0 < v < 1),
    "bandwidth": _POSITIVE,
    "bins": ("in [1, 100000]", lambda v: 1 <= v <= 100_000),
    "gamma": ("in (0, 1)", lambda v: 0 < v < 1),
    "max_iter": ("in [1, inf)", lambda v: v >= 1),
    "n_features": ("in [1, inf)", lambda v: v >= 1),
    "n_largest": ("in [1, inf)", lambda v: v >= 1),
    "n_neighbors": ("in [0, inf)", lambda v: v >= 0),
    "noise_variance": _POSITIVE,
    "n_varying": ("in [0, inf)", lambda v: v >= 0),
    "scale": ("in (-inf, inf)", lambda v: abs(v) < np.inf),
    "shrinkage": _SHARE,
    "temperature": _POSITIVE,
    "threshold": ("not NaN", lambda v: v == v),
    "tol": _POSITIVE,
    "variance_weight": ("in [0, inf)", lambda v: 0 <= v < np.inf),
    "zero_reachability": _POSITIVE,
}


def checked(function: Callable[..., Any], owner: str = "", module: str = "") -> Callable[..., Any]:
    """The function, with arguments that are checked, and errors in one sentence.

    Parameters
    ----------
    function : callable
        Annotated as ``ArrayLike``, ``float``, ``int``, ``str``, ``bool``, each also with ``None``.
        Other annotations are not checked.
    owner : str, default=""
        The class of a method.
    module : str, default=""
        The room that the checked function belongs to.

    Returns
    -------
    callable
        The same name, signature and docstring.
    """
    signature = inspect.signature(function)
    name = f"{owner}.{function.__name__}" if owner else function.__name__
    name = name.removesuffix(".__init__")

    @wraps(function)
    def with_checks(*args: Any, **kwargs: Any) -> Any:
        given = signature.bind(*args, **kwargs).arguments
        for parameter, value in given.items():
            kinds = str(signature.parameters[parameter].annotation).split(" | ")
            allowed = _allowed(kinds, parameter, value)
            if allowed:
                raise parameter_error(name, parameter, allowed, value)
        try:
            return function(*args, **kwargs)
        except Exception as error:  # of NumPy and SciPy, whatever its type
            if _is_sentence(error):
                raise
            listed = ", ".join(
                f"{parameter}={shown(value)}"
                for parameter, value in given.items()
                if parameter not in ("cls", "self")
            )
            raise ValueError(f"{name} cannot use {listed}: {_line(error)}.") from error

    if module:
        with_checks.__module__ = module
    return with_checks


def parameter_error(owner: object, name: str, allowed: str, value: Any) -> ValueError:
    """The error for a parameter of an estimator, or of a function given by its name."""
    owner_name = owner if isinstance(owner, str) else type(owner).__name__
    return ValueError(
        f"The {name!r} parameter of {owner_name} must be {allowed}. Got {shown(value)} instead."
    )


def as_path(owner: str, value: Any) -> Path:
    """The parameter `path` of a function.

    Raises
    ------
    ValueError
        If the value is no path.
    """
    try:
        path = os.fsdecode(value)
        if isinstance(value, bytes) or "\0" in path:
            raise ValueError(path)
    except (TypeError, ValueError) as error:
        raise parameter_error(owner, "path", "a str or path-like", value) from error
    return Path(path)


@contextmanager
def rows_in_one_sentence(owner: object) -> Iterator[None]:
    """Turn each error of the block, which checks rows X, into one sentence.

    scikit-learn's list of columns that differ from those of `fit` stays.

    Raises
    ------
    ValueError or TypeError
        As scikit-learn and NumPy raise them, with their words.
    """
    try:
        yield
    except OverflowError as error:
        raise ValueError("Input X contains a whole number too large for float64.") from error
    except Exception as error:  # of NumPy, or of a library of frames
        text, from_sklearn = str(error), _is_of_sklearn(error)
        ours = text.startswith(("The feature names", "X must hold numbers"))
        if isinstance(error, _PASSING) or ours:
            raise
        if from_sklearn and "\n" not in text and text.endswith("."):
            raise
        kind = type(error) if type(error) in (ValueError, TypeError) else ValueError
        name = type(owner).__name__
        if not from_sklearn:
            text = (
                f"X must hold numbers for {name}: {_line(error)}. "
                "skood.make_outlier_detector('tabular') takes frames of text and dates too."
            )
        elif text.startswith("Input X contains"):
            text = f"{text.splitlines()[0].rstrip('.')}: {name} takes finite numbers alone."
        elif text.startswith("Complex data not supported"):
            text = f"Complex data not supported: X must hold real numbers for {name}."
        elif text.startswith("Expected"):  # another number of axes; the array is between
            first, *_, last = text.splitlines()
            text = f"X must have rows and columns. {first.rstrip(':')}. {last}"
        else:
            text = f"{_line(error)}."
        raise kind(text) from error


def as_array(owner: object, X: Any) -> Any:
    """Inputs with a shape as they are, any others as an array; errors as of the checks of rows."""
    with rows_in_one_sentence(owner):
        return X if hasattr(X, "shape") else np.asarray(X)


def _allowed(kinds: Sequence[str], parameter: str, value: Any) -> str:
    """The values that are allowed; empty if the value is one, or its annotation is not checked."""
    tests = [_TESTS[kind.partition("[")[0]] for kind in kinds if kind.partition("[")[0] in _TESTS]
    if len(tests) < len(kinds) or parameter == "y_true":  # the functions check labels
        return ""
    words = []
    for kind, (noun, fits) in zip(kinds, tests, strict=True):
        bounds, inside = (
            _BOUNDS.get(parameter, _NO_BOUNDS) if kind in ("float", "int") else _NO_BOUNDS
        )
        if fits(value) and inside(value):
            return ""
        words.append(f"{noun} {bounds}".rstrip())
    return " or ".join(words)


def _is_numeric(value: Any) -> bool:
    try:
        array = np.asarray(value)
        if array.dtype.kind == "O":
            array = np.asarray(value, dtype=np.float64)
    except Exception:  # whatever the object raises
        return False
    return array.dtype.kind in "biuf"


def _is_number(value: Any) -> bool:
    return isinstance(value, _FLOATS) and (not isinstance(value, int) or _is_int(value))


def _is_int(value: Any) -> bool:
    whole = isinstance(value, _INTS) and not isinstance(value, bool)
    return whole and -(2**63) < int(value) < 2**63


_TESTS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    "ArrayLike": ("an array of numbers", _is_numeric),
    "NDArray": ("an array of numbers", _is_numeric),
    "None": ("None", lambda value: value is None),
    "bool": ("a bool", lambda value: isinstance(value, (bool, np.bool_))),
    "float": ("a float", _is_number),
    "int": ("an int", _is_int),
    "str": ("a str", lambda value: isinstance(value, str)),
}


def _is_sentence(error: Exception) -> bool:
    """Whether an error is one for users, of skood's form or of scikit-learn, or of the machine."""
    if isinstance(error, _PASSING) or str(error).startswith("The '"):
        return True
    return isinstance(error, ValueError) and _is_of_sklearn(error)


def _is_of_sklearn(error: Exception) -> bool:
    """Whether scikit-learn has raised an error, and no compiled code that it has called."""
    frame = traceback.extract_tb(error.__traceback__)[-1]
    return "sklearn" in Path(frame.filename).parts and str(frame.line).startswith("raise ")


def shown(value: Any) -> str:
    """A value in one line of an error: an array of two axes or more by its shape."""
    shape = getattr(value, "shape", None)
    if isinstance(shape, tuple) and (len(shape) > 1 or np.prod(shape) > _VALUES):
        return f"{type(value).__name__} of shape {shape}"
    try:
        text = " ".join(repr(value).split())
    except Exception:  # a very long int, or a repr that raises
        text = f"a {type(value).__name__}"
    return text if len(text) <= _SHOWN else f"{text[:_SHOWN]}..."


def _line(error: Exception) -> str:
    text = " ".join(str(error).split()).rstrip(".")
    return text[:_SHOWN] if text else type(error).__name__
