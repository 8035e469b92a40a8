"""The layout of the rows of a file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from functools import cached_property
from typing import Any, Self

from ...preprocessing.table_decisions import TableOptions
from ...preprocessing.table_findings import did_you_mean
from ...preprocessing.table_schema import ColumnSchema
from ._errors import TableError, listed


@dataclass(frozen=True)
class ColumnRoles:
    """Which columns are no features."""

    id_column: str | None = None
    exclude: tuple[str, ...] = ()
    ignore_extra: bool = False  # leave out what the training rows lack


@dataclass(frozen=True)
class RowLayout:
    """The columns that are features, and the others; or the shape of a row.

    `kind` is "table", "array" or "images". The columns of a table are numbers, categories (text or
    truth values), or dates, each in the order of the file, and `schema` describes them. `shape` is
    that of one row otherwise.
    """

    kind: str = "table"
    numbers: tuple[str, ...] = ()
    categories: tuple[str, ...] = ()
    id_column: str | None = None
    exclude: tuple[str, ...] = ()
    shape: tuple[int, ...] = ()
    schema: tuple[ColumnSchema, ...] = ()
    dates: tuple[str, ...] = ()

    @classmethod
    def of(
        cls, schema: Sequence[ColumnSchema], columns: Sequence[str], options: TableOptions
    ) -> Self:
        """The layout of a table with this schema."""
        place = {name: i for i, name in enumerate(columns)}
        schema = sorted(schema, key=lambda column: place.get(column.name, len(place)))
        numbers = tuple(c.name for c in schema if c.kind == "number")
        categories = tuple(c.name for c in schema if c.kind in ("category", "boolean"))
        dates = tuple(c.name for c in schema if c.kind == "date")
        others = (c.name for c in schema if not c.is_feature and c.name != options.id_column)
        exclude = tuple(dict.fromkeys((*options.exclude, *others)))
        known = tuple(schema)
        return cls("table", numbers, categories, options.id_column, exclude, (), known, dates)

    def column(self, name: str) -> ColumnSchema:
        """The description of a feature."""
        if name in self._by_name:
            return self._by_name[name]
        return ColumnSchema(name, "number" if name in self.numbers else "category")

    @cached_property
    def _by_name(self) -> dict[str, ColumnSchema]:
        return {column.name: column for column in self.schema}

    @property
    def features(self) -> tuple[str, ...]:
        """The columns of the detector."""
        return self.numbers + self.categories + self.dates

    @property
    def width(self) -> int:
        """The number of values in a row, before categories are encoded."""
        if self.kind == "table":
            return len(self.features)
        size = 1
        for length in self.shape:
            size *= length
        return size

    def to_dict(self) -> dict[str, Any]:
        """The layout as a dict for JSON."""
        return {**asdict(self), "schema": [column.to_dict() for column in self.schema]}

    @classmethod
    def from_dict(cls, values: dict[str, Any]) -> Self:
        """The layout of such a dict."""
        plain: dict[str, Any] = {
            name: tuple(v) if isinstance(v, list) else v for name, v in values.items()
        }
        plain["schema"] = tuple(map(ColumnSchema.from_dict, plain.get("schema", ())))
        layout = cls(**plain)
        names = (layout.kind, *layout.features, *layout.exclude)
        if not all(isinstance(name, str) for name in names):
            raise TypeError(f"names of columns must be texts, not {names}")
        if not all(isinstance(length, int) and length > 0 for length in layout.shape):
            raise TypeError(f"lengths must be whole numbers, not {layout.shape}")
        return layout

    def with_roles(self, roles: ColumnRoles) -> Self:
        """The layout with the columns of `roles` beside its own."""
        exclude = tuple(dict.fromkeys((*self.exclude, *roles.exclude)))
        return replace(self, id_column=roles.id_column or self.id_column, exclude=exclude)

    def columns_beyond(
        self, columns: Sequence[str], ignored: Sequence[str] = ()
    ) -> tuple[str, ...]:
        """The columns of a file that the training rows lack, except the `ignored` ones."""
        known = {*self.features, *self.exclude, *ignored, self.id_column}
        return tuple(column for column in columns if column not in known)

    def check_columns(self, name: str, columns: Sequence[str], ignored: Sequence[str] = ()) -> None:
        """Raise unless a file has exactly these columns, in any order, and the `ignored` ones."""
        missing = [column for column in self.features if column not in columns]
        extra = self.columns_beyond(columns, ignored)
        if missing:
            also = f", and has {_columns(extra)} instead" if extra else ""
            near = did_you_mean(missing, columns)
            raise TableError(f"{name} lacks {_columns(missing)} of the training rows{also}.{near}")
        if extra:
            raise TableError(
                f"{name} has {_columns(extra)} that the training rows lack: leave out what is no "
                "feature with --exclude, or all with --ignore-extra, or name it with --id-column."
            )


def _columns(names: Sequence[str]) -> str:
    return f"the column{'s' * (len(names) != 1)} {listed(tuple(names))}"
