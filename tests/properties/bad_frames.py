"""Frames as people have them, of pandas, polars and pyarrow: a right answer or one sentence.

``python -m tests.properties.bad_frames 3000 0`` makes so many, and prints what went wrong.
"""

from __future__ import annotations

import datetime as dt
import sys
import traceback
import warnings
from collections import Counter
from collections.abc import Callable
from decimal import Decimal
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import skood
from skood._optional import is_installed
from skood.preprocessing import CategoryEncoder

N = 40
COLOURS = ["red", "green", "blue"]
Change = Callable[[pd.Series, np.random.Generator], Any]


def table(random: np.random.Generator, n: int = N) -> pd.DataFrame:
    """Two columns of numbers, one of whole numbers, one of text and one of truth values."""
    return pd.DataFrame(
        {
            "a": random.normal(10, 2, n).round(3),
            "b": random.normal(-3, 1, n).round(3),
            "n": random.integers(1, 50, n),
            "c": np.resize(COLOURS, n)[random.permutation(n)],
            "t": random.random(n) < 0.5,
        }
    )


def _as(kind: Any) -> Change:
    return lambda values, _: values.astype(kind)


def _each(change: Callable[[Any], Any], kind: Any = object) -> Change:
    return lambda values, _: pd.Series([change(v) for v in values.tolist()], dtype=kind)


def _arrow(kind: str) -> Change:
    def change(values: pd.Series, _: np.random.Generator) -> Any:
        import pyarrow as pa

        return values.astype(pd.ArrowDtype(getattr(pa, kind)()))

    return change


def _some(value: Any, kind: Any = object) -> Change:
    """One cell becomes another value."""

    def change(values: pd.Series, random: np.random.Generator) -> Any:
        changed = values.astype(object)
        changed.iloc[random.integers(len(values))] = value
        return changed if kind is object else changed.astype(kind)

    return change


def _all(make: Callable[[int], Any]) -> Change:
    return lambda values, _: make(len(values))


# The same values in another type: the scores stay, or the frame is refused.
SAME_NUMBERS: dict[str, Change] = {
    "object": _as(object),
    "Float64": _as("Float64"),
    "text": _as(str),
    "objects of text": _each(str),
    "comma": _each(lambda v: str(v).replace(".", ",") + "0"),
    "Decimal": _each(lambda v: Decimal(str(v))),
    "Fraction": _each(Fraction),
    "numpy scalars": _each(np.float64),
    "longdouble": _as(np.longdouble),
    "big-endian": _as(">f8"),
    "double of arrow": _arrow("float64"),
    "text of arrow": lambda v, _: v.astype(str).astype("string[pyarrow]"),
    "categories": _as("category"),
    "categories of text": lambda v, _: v.astype(str).astype("category"),
    "sparse": lambda v, _: pd.Series(pd.arrays.SparseArray(v.to_numpy())),
    "complex": _as(complex),
    "kg": _each(lambda v: f"{v} kg"),
    "spaces": _each(lambda v: f"  {v} "),
}
SAME_WHOLE: dict[str, Change] = {
    name: change for name, change in SAME_NUMBERS.items() if name not in ("comma",)
} | {
    "Int64": _as("Int64"),
    "int8": _as(np.int8),
    "uint64": _as(np.uint64),
    "float": _as(float),
    "float of text": lambda v, _: v.astype(float).astype(str),
    "int of arrow": _arrow("int16"),
}
SAME_TEXT: dict[str, Change] = {
    "object": _as(object),
    "string": _as("string"),
    "text of arrow": _as("string[pyarrow]"),
    "categories": _as("category"),
    "more categories": lambda v, _: pd.Series(
        pd.Categorical(v, categories=[*COLOURS, "never"], ordered=True)
    ),
    "text of numpy": _each(np.str_),
    "spaces": _each(lambda v: f" {v} "),
    "large text of arrow": lambda v, _: v.astype(
        pd.ArrowDtype(__import__("pyarrow").large_string())
    ),
}
SAME_TRUTH: dict[str, Change] = {
    "object": _as(object),
    "boolean": _as("boolean"),
    "int": _as(int),
    "text": _as(str),
    "lower": _each(lambda v: str(v).lower()),
    "yes": _each(lambda v: "yes" if v else "no"),
    "categories": _as("category"),
    "bool of arrow": _arrow("bool_"),
    "sparse": lambda v, _: pd.Series(pd.arrays.SparseArray(v.to_numpy())),
}
# Other values: any answer for all rows, or one sentence.
OTHER: dict[str, Change] = {
    "a gap": _some(None),
    "NA": _some(pd.NA),
    "a gap of numbers": _some(np.nan),
    "a word": _some("east"),
    "an empty text": _some(""),
    "infinity": _some(np.inf),
    "a huge whole number": _some(10**400),
    "a large one": _some(1e200),
    "a list": _some([1, 2]),
    "a dict": _some({"a": 1}),
    "a tuple": _some((1, 2)),
    "an array": lambda v, _: pd.Series([np.arange(2)] * len(v)),
    "a frame in a cell": _some(pd.DataFrame({"x": [1]})),
    "a date": _some(dt.date(2024, 1, 1)),
    "bytes": _each(lambda v: str(v).encode()),
    "a class": _some(int),
    "a set": _each(lambda v: {v}),
    "mixture": lambda v, r: pd.Series(
        [(v.iloc[i], str(v.iloc[i]), None, True)[r.integers(4)] for i in range(len(v))],
        dtype=object,
    ),
    "all missing": _all(lambda n: pd.Series([None] * n, dtype=object)),
    "all NaN": _all(lambda n: pd.Series(np.full(n, np.nan))),
    "all NaT": _all(lambda n: pd.Series([pd.NaT] * n)),
    "all NA": _all(lambda n: pd.Series([pd.NA] * n, dtype="Int64")),
    "dates": _all(lambda n: pd.Series(pd.date_range("2024-01-01", periods=n))),
    "dates with a zone": _all(
        lambda n: pd.Series(pd.date_range("2024-01-01", periods=n, tz="Europe/Vienna"))
    ),
    "old dates": _all(lambda n: pd.Series(pd.date_range("0001-01-01", periods=n, unit="s"))),
    "periods": _all(lambda n: pd.Series(pd.period_range("2024-01", periods=n, freq="M"))),
    "intervals": _all(lambda n: pd.Series(pd.interval_range(0, n, n))),
    "spans of time": _all(lambda n: pd.Series(pd.timedelta_range("1h", periods=n))),
    "complex": _all(lambda n: pd.Series(np.arange(n) * 1j)),
    "codes": _all(lambda n: pd.Series([f"id{i:07d}" for i in range(n)])),
    "counter": _all(lambda n: pd.Series(np.arange(n))),
    "constant": _all(lambda n: pd.Series([1.0] * n)),
    "one text": _all(lambda n: pd.Series(["x"] * n)),
    "long texts": _all(lambda n: pd.Series(["x" * 100_000] * n)),
    "controls": _all(lambda n: pd.Series(["a\x1b[2J\n", "b\0", "\u202ec"] * n).iloc[:n]),
    "surrogates": _all(lambda n: pd.Series(["a\ud800", "b"] * n, dtype=object).iloc[:n]),
    "tiny": _all(lambda n: pd.Series(np.full(n, 5e-324))),
    "half": _as(np.float16) and _all(lambda n: pd.Series(np.linspace(0, 1, n).astype(np.float16))),
    "categories of dates": _all(
        lambda n: pd.Series(pd.date_range("2024-01-01", periods=n)).astype("category")
    ),
    "no categories": _all(lambda n: pd.Series(pd.Categorical([None] * n, categories=[]))),
    "sparse gaps": _all(lambda n: pd.Series(pd.arrays.SparseArray([np.nan, 1.0] * n)).iloc[:n]),
}
SAME = {"a": SAME_NUMBERS, "b": SAME_NUMBERS, "n": SAME_WHOLE, "c": SAME_TEXT, "t": SAME_TRUTH}


def _renamed(names: list[Any]) -> Callable[[pd.DataFrame, Any], Any]:
    return lambda frame, _: frame.set_axis(names[: frame.shape[1]], axis=1)


FRAMES: dict[str, Callable[[pd.DataFrame, np.random.Generator], Any]] = {
    "a name twice": _renamed(["a", "a", "n", "c", "t"]),
    "numbers as names": _renamed([0, 1, 2, 3, 4]),
    "names of several types": _renamed(["a", 1, None, 2.5, ("x", "y")]),
    "names that are one as text": _renamed(["1", 1, 1.0, "c", "t"]),
    "levels of names": lambda f, _: f.set_axis(
        pd.MultiIndex.from_product([["x"], list(f.columns)]), axis=1
    ),
    "dates as names": lambda f, _: f.set_axis(pd.date_range("2024", periods=f.shape[1]), axis=1),
    "empty names": _renamed(["", " ", "\n", "\x1b[2J", "é"]),
    "categories as names": lambda f, _: f.set_axis(pd.CategoricalIndex(list(f.columns)), axis=1),
    "no rows": lambda f, _: f.iloc[:0],
    "no columns": lambda f, _: f[[]],
    "one row": lambda f, _: f.iloc[:1],
    "two rows": lambda f, _: f.iloc[:2],
    "one column": lambda f, _: f[["a"]],
    "other order": lambda f, r: f[list(r.permutation(f.columns))],
    "a column less": lambda f, _: f.drop(columns="b"),
    "a column more": lambda f, _: f.assign(z=1.5),
    "transposed": lambda f, _: f.T,
    "a series": lambda f, _: f["a"],
    "many columns": lambda f, _: pd.concat([f.add_suffix(str(i)) for i in range(60)], axis=1),
    "a numpy record": lambda f, _: f.to_records(index=False),
    "a dict": lambda f, _: f.to_dict("list"),
    "rows of dicts": lambda f, _: f.to_dict("records"),
    "groups": lambda f, _: f.groupby("c"),
    "a style": lambda f, _: f.index,
}
INDEXES: dict[str, Callable[[int, np.random.Generator], Any]] = {
    "usual": lambda n, _: pd.RangeIndex(n),
    "shuffled": lambda n, r: r.permutation(n),
    "equal": lambda n, _: np.zeros(n),
    "text": lambda n, _: [f"r{i}" for i in range(n)],
    "levels": lambda n, _: pd.MultiIndex.from_product([range(n), ["x"]]),
    "dates": lambda n, _: pd.date_range("2024", periods=n),
    "missing": lambda n, _: [None] * n,
}


def _polars(frame: Any) -> Any:
    import polars as pl

    return pl.from_pandas(frame)


def _pyarrow(frame: Any) -> Any:
    import pyarrow as pa

    return pa.Table.from_pandas(frame, preserve_index=False)


LIBRARIES: dict[str, Callable[[Any], Any]] = {"pandas": lambda frame: frame}
if is_installed("polars"):
    LIBRARIES["polars"] = _polars
if is_installed("pyarrow"):
    LIBRARIES["pyarrow"] = _pyarrow
# Whether it takes text; what it makes of the rows of a frame.
ESTIMATORS: dict[str, tuple[bool, Callable[[], Any]]] = {
    "tabular": (True, lambda: skood.make_outlier_detector("tabular")),
    "tabular that fills": (
        True,
        lambda: skood.make_outlier_pipeline(
            skood.TableScaler(missing="median"), skood.KNNOutlierDetector()
        ),
    ),
    "TableScaler": (True, skood.TableScaler),
    "conformal": (
        True,
        lambda: skood.ConformalOutlierDetector(
            skood.make_outlier_detector("tabular"), alpha=0.2, random_state=0
        ),
    ),
    "CategoryEncoder": (True, CategoryEncoder),
    "KNN": (False, skood.KNNOutlierDetector),
    "MD": (False, skood.MahalanobisOutlierDetector),
    "KD": (False, skood.KernelDensityOutlierDetector),
    "LOF": (False, skood.LOFOutlierDetector),
    "embedding": (False, lambda: skood.make_outlier_detector("embedding")),
    "PartialWhitener": (False, skood.PartialWhitener),
    "trimmed": (False, lambda: skood.TrimmedOutlierDetector(skood.KNNOutlierDetector())),
    "LayerEnsemble": (
        False,
        lambda: skood.LayerEnsemble(skood.KNNOutlierDetector(), groups=[1, 2]),
    ),
}


def answer(estimator: Any, frame: Any) -> np.ndarray:
    """What an estimator makes of rows."""
    return getattr(estimator, "score_samples" if hasattr(estimator, "predict") else "transform")(
        frame
    )


def what_is_wrong(error: Exception) -> str:
    """Empty if an error is one sentence for users, of skood or scikit-learn."""
    text = str(error)
    trace = traceback.extract_tb(error.__traceback__)
    place = Path(trace[-1].filename).parts
    if "sklearn" in place and text.startswith("The feature names should match"):
        return ""  # a list of columns, which scikit-learn's checks ask for
    ours = "skood" in place or "sklearn" in place
    plain = "\n" not in text.strip() and text.isprintable() and text.endswith(".")
    if isinstance(error, (ValueError, TypeError, ImportError)) and ours and plain:
        return "" if len(text) < 1500 or "need a decision: " in text else f"long: {text[:100]}"
    return f"{type(error).__name__}: {text[:200]!r} ({'/'.join(place[-2:])}:{trace[-1].lineno})"


def case(random: np.random.Generator) -> tuple[str, str]:
    """A frame and what came of it: "answered", "refused", or what is wrong."""
    takes_text, make = ESTIMATORS[name := str(random.choice(list(ESTIMATORS)))]
    frame, new = table(random), table(random)
    if not takes_text:
        frame, new = frame[["a", "b", "n"]], new[["a", "b", "n"]]
    kind = str(random.choice(["same", "same", "other", "frame"]))
    library = str(random.choice(list(LIBRARIES)))
    fits = bool(random.integers(2))  # the odd frame is the one to fit
    changes, odd = [], frame if fits else new
    try:
        for _ in range(random.integers(1, 3) if kind != "frame" else 0):
            column = str(random.choice(list(odd.columns)))
            of = SAME[column] if kind == "same" else OTHER
            changes.append((column, change := str(random.choice(list(of)))))
            changed = of[change](table(random)[column] if kind == "other" else odd[column], random)
            odd = odd.assign(**{column: getattr(changed, "array", changed)})
        if kind == "frame":
            changes.append(change := str(random.choice(list(FRAMES))))
            odd = FRAMES[change](odd, random)
        if isinstance(odd, pd.DataFrame):
            changes.append(index := str(random.choice(list(INDEXES))))
            odd = odd.set_axis(INDEXES[index](len(odd), random))
        given = LIBRARIES[library](odd)
    except Exception as error:  # the library cannot hold it
        return f"{changes}", f"not made: {type(error).__name__}"
    text = f"{name} {library} {'fit' if fits else 'new'} {changes}"
    # The encoder takes texts as they are. Numbers declared as categories in the fit are categories.
    is_same = kind == "same" and name != "CategoryEncoder"
    is_same &= not (fits and any(c[0] in "abnt" and "categories" in c[1] for c in changes))
    plain = answer(make().fit(frame), new) if is_same else None
    try:
        estimator = make().fit(given if fits else frame)
        found = answer(estimator, given if kind == "frame" or not fits else new)
    except Exception as error:  # whatever it is
        return text, what_is_wrong(error) or "refused"
    n_rows = odd.num_rows if hasattr(odd, "num_rows") else len(odd)
    if len(found) != (n_rows if kind == "frame" or not fits else len(new)):
        return text, f"{len(found)} rows of {n_rows}"
    if not np.isfinite(found).all():
        return text, "not finite"
    if plain is not None and not (
        found.shape == plain.shape and np.allclose(found, plain, rtol=1e-6, atol=1e-8)
    ):
        return text, "other scores"
    return text, "answered"


def cases(n: int, seed: int) -> list[tuple[str, str]]:
    """What came of so many frames."""
    random = np.random.default_rng(seed)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [case(random) for _ in range(n)]


def is_right(outcome: str) -> bool:
    """Whether a frame was answered or refused, or could not be made."""
    return outcome in ("answered", "refused") or outcome.startswith("not made")


if __name__ == "__main__":
    found = cases(int(sys.argv[1]), int(sys.argv[2]))
    print(Counter(o if is_right(o) else "wrong" for _, o in found))
    for text, outcome in found:
        if not is_right(outcome):
            print(text, "->", outcome)
    sys.exit(not all(is_right(outcome) for _, outcome in found))
