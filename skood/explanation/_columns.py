"""The way back through transformers that map each column separately, to the columns of a table."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .expected import Categories, ExpectedValues, merged

_RISING = (
    "MaxAbsScaler",
    "MinMaxScaler",
    "NormalScoreTransformer",
    "PowerTransformer",
    "QuantileTransformer",
    "RobustScaler",
    "StandardScaler",
)
_FILLING = ("SimpleImputer", "KNNImputer", "IterativeImputer")

# Shares and expected values of the features that come out, or of those that go in.
Explained = tuple[NDArray[np.float64], ExpectedValues | None]


@dataclass(frozen=True, eq=False)
class Columns:
    """A transformer that makes one or more columns of each column that it uses."""

    used: NDArray[np.intp]  # positions of these columns in what goes in
    owners: NDArray[np.intp]  # of each column that comes out, the position of its column
    n_in: int
    back: Callable[[NDArray], NDArray] | None = None  # of numbers; NaN where a column has none
    labels: dict[int, tuple[Any, ...]] = field(default_factory=dict)  # of columns of categories
    scales: dict[int, NDArray[np.float64]] = field(default_factory=dict)  # of these categories

    def explain(self, shares: NDArray[np.float64], expected: ExpectedValues | None) -> Explained:
        """Turn an explanation of the outputs into one of the inputs."""
        sums = np.zeros((len(shares), self.n_in))
        np.add.at(sums.T, self.owners, shares.T)
        if expected is None:
            return sums, None
        found = expected.mapped(self.back or self._nothing)
        for j, labels in self.labels.items():
            found.categories[j] = self._shown(j, labels, expected)
        return sums, found

    def _nothing(self, rows: NDArray) -> NDArray[np.float64]:
        return np.full((len(rows), self.n_in), np.nan)

    def _shown(self, j: int, labels: tuple[Any, ...], expected: ExpectedValues) -> Categories:
        """Shares of the categories: the mean of their columns, in the unit of each."""
        columns = expected.mean[:, self.owners == j][:, : len(labels)]
        parts = np.maximum(np.nan_to_num(columns), 0.0) / self.scales.get(j, 1.0)
        total = parts.sum(axis=1, keepdims=True)
        shares = np.divide(parts, total, out=np.zeros_like(parts), where=total > 0)
        return Categories(labels, shares)


@dataclass(frozen=True, eq=False)
class Steps:
    """Transformers one after the other."""

    steps: Sequence[Way]

    @property
    def used(self) -> NDArray[np.intp]:
        """Positions of the columns that the first one uses."""
        return self.steps[0].used

    def explain(self, shares: NDArray[np.float64], expected: ExpectedValues | None) -> Explained:
        """Turn an explanation of the outputs into one of the inputs."""
        for step in reversed(self.steps):
            shares, expected = step.explain(shares, expected)
        return shares, expected


@dataclass(frozen=True, eq=False)
class Parts:
    """Transformers of some columns each, side by side."""

    parts: Sequence[tuple[slice, NDArray[np.intp], Way]]  # what comes out, what goes in
    n_in: int

    @property
    def used(self) -> NDArray[np.intp]:
        """Positions of the columns that a part uses, in the order of the parts."""
        return np.concatenate([given[way.used] for _, given, way in self.parts])

    def explain(self, shares: NDArray[np.float64], expected: ExpectedValues | None) -> Explained:
        """Turn an explanation of the outputs into one of the inputs."""
        sums, found = np.zeros((len(shares), self.n_in)), []
        for place, given, way in self.parts:
            part = (
                None
                if expected is None
                else expected.of_features(np.arange(expected.low.shape[1])[place])
            )
            of_part, part = way.explain(shares[:, place], part)
            sums[:, given] += of_part
            found.append((given, part))
        return sums, merged(found, self.n_in)


Way = Columns | Steps | Parts


def way_back(transformer: Any) -> Way | None:
    """The way back through a fitted transformer; None if it mixes columns or is not known."""
    if getattr(transformer, "feature_owners_", None) is not None:
        return _of_owners(transformer)
    if not type(transformer).__module__.startswith(("sklearn.", "skood.")):
        return None
    name = type(transformer).__name__
    if name == "ColumnTransformer":
        return _of_parts(transformer)
    if name == "Pipeline":
        return _of_steps([step for _, step in transformer.steps])
    if name == "OneHotEncoder":
        return _of_one_hot(transformer)
    if name in _RISING:
        return _one_to_one(transformer.n_features_in_, transformer.inverse_transform)
    if name in _FILLING and len(transformer.get_feature_names_out()) == transformer.n_features_in_:
        return _one_to_one(transformer.n_features_in_)
    if name == "FunctionTransformer":
        keeps = transformer.func is None or transformer.feature_names_out == "one-to-one"
        if keeps and (transformer.func is None or transformer.inverse_func is not None):
            return _one_to_one(transformer.n_features_in_, transformer.inverse_func or np.asarray)
    return None


def _one_to_one(n_columns: int, back: Callable[[NDArray], NDArray] = np.asarray) -> Columns:
    everything = np.arange(n_columns)
    return Columns(everything, everything, n_columns, back)


def _of_owners(transformer: Any) -> Columns:
    """By the column of the table behind each column of a TableScaler."""
    place = {str(name): j for j, name in enumerate(transformer.column_names())}
    owners = np.array([place[str(name)] for name in transformer.feature_owners_], dtype=np.intp)
    labels = {place[str(k)]: tuple(v) for k, v in transformer.known_categories().items()}
    used = np.array(list(dict.fromkeys(owners.tolist())), dtype=np.intp)
    scales = {place[str(name)]: v for name, v in transformer.category_scales().items()}
    return Columns(used, owners, len(place), transformer.numbers_back, labels, scales)


def _of_one_hot(encoder: Any) -> Columns | None:
    widths = [len(categories) for categories in encoder.categories_]
    if encoder.drop_idx_ is not None or sum(widths) != len(encoder.get_feature_names_out()):
        return None  # some categories have no column of their own
    everything = np.arange(len(widths))
    labels = {j: tuple(categories) for j, categories in enumerate(encoder.categories_)}
    return Columns(everything, np.repeat(everything, widths), len(widths), None, labels)


def _of_steps(steps: Sequence[Any]) -> Way | None:
    found = [way_back(step) for step in steps if not (step is None or isinstance(step, str))]
    ways = [way for way in found if way is not None]
    return Steps(ways) if found and len(ways) == len(found) else None


def _of_parts(transformer: Any) -> Way | None:
    names = [str(name) for name in getattr(transformer, "feature_names_in_", ())]
    parts: list[tuple[slice, NDArray[np.intp], Way]] = []
    for name, part, chosen in transformer.transformers_:
        place = transformer.output_indices_.get(name, slice(0, 0))
        if place.start == place.stop:
            continue
        given = _positions(chosen, names, transformer.n_features_in_)
        way = _one_to_one(len(given)) if isinstance(part, str) else way_back(part)
        if way is None:
            return None
        parts.append((place, given, way))
    whole = Parts(parts, transformer.n_features_in_) if parts else None
    if whole is None or len(set(whole.used.tolist())) < len(whole.used):
        return None  # a column goes two ways
    return whole


def _positions(chosen: Any, names: list[str], n_columns: int) -> NDArray[np.intp]:
    """Positions of the columns that a part of a ColumnTransformer takes."""
    if isinstance(chosen, slice):
        start, stop = chosen.start, chosen.stop
        start = names.index(start) if isinstance(start, str) else start
        stop = names.index(stop) + 1 if isinstance(stop, str) else stop
        return np.arange(n_columns)[start:stop]
    several = np.atleast_1d(np.asarray(chosen))
    if several.dtype.kind in "UO":
        return np.array([names.index(str(name)) for name in several], dtype=np.intp)
    return np.arange(n_columns)[several]
