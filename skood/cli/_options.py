"""The options of the commands: one concern in each dataclass, one argument in each field."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from ._errors import UsageError

if TYPE_CHECKING:
    from skood.preprocessing import ColumnSchema
    from skood.preprocessing.table_decisions import TableOptions

    from .files import ColumnRoles, ReadingOptions, ResultsFormat

T = TypeVar("T")


@dataclass(frozen=True)
class PreparationOptions:
    """How columns are prepared for a detector."""

    scale: str
    missing: str
    categorical: tuple[str, ...]
    feature: tuple[str, ...]
    max_categories: int | None  # None: by the number of rows
    dates: str
    schema: Path | None

    @cached_property
    def known(self) -> dict[str, ColumnSchema]:
        """The columns that the user describes."""
        from skood.preprocessing.schema_files import read_schema

        try:
            return {} if self.schema is None else read_schema(self.schema)
        except ValueError as error:
            raise UsageError(str(error)) from error

    def roles(self, given: ColumnRoles) -> ColumnRoles:
        """The roles of columns, with the column that identifies rows by the schema."""
        ids = [name for name, column in self.known.items() if column.kind == "id"]
        return replace(given, id_column=given.id_column or next(iter(ids), None))

    def table(
        self, id_column: str | None, exclude: tuple[str, ...], reading: ReadingOptions
    ) -> TableOptions:
        """The options for a table."""
        from skood.preprocessing.table_decisions import TableOptions

        return TableOptions(
            id_column,
            exclude,
            self.categorical,
            self.feature,
            reading.decimal,
            reading.thousands,
            self.max_categories,
            self.dates,
            self.known,
        )


@dataclass(frozen=True)
class DetectorOptions:
    """Which detector is fitted, on which features, with which p-values."""

    detector: str
    robust: bool
    alpha: float | None  # None: no p-values
    calibration_size: float
    features: Path | None
    trust: tuple[str, ...]
    rows: tuple[str, ...]
    settings: tuple[tuple[str, Any], ...]
    seed: int


@dataclass(frozen=True)
class ResultOptions:
    """Which results are written, and where."""

    output: Path
    explain: int
    block_rows: int | None  # None: by the width of the rows
    escape_formulas: bool

    @property
    def format(self) -> ResultsFormat:
        """How the output is written."""
        from .files import results_format

        return results_format(self.output, escape_formulas=self.escape_formulas)


@dataclass(frozen=True)
class LabelOptions:
    """The labels that `skood bench` reads, and their meaning."""

    labels: str | None
    in_label: str | None
    clusters: int | None


@dataclass(frozen=True)
class ComparisonOptions:
    """Which detectors `skood bench` compares, on which rows."""

    detectors: tuple[str, ...]
    splits: int | None
    max_rows: int | None
    resamples: int
    settings: tuple[tuple[str, Any], ...]
    seed: int


@dataclass(frozen=True)
class BenchOutputs:
    """The outputs of `skood bench`, and the arguments that its report names."""

    output: Path | None  # a folder
    report: Path | None
    escape_formulas: bool
    argv: tuple[str, ...]


@dataclass(frozen=True)
class SuiteOptions:
    """A folder of sets with official splits."""

    suite: Path
    jobs: int | None
    scale: str


def pick(kind: type[T], arguments: Mapping[str, Any]) -> T:
    """Make a dataclass of the arguments with the names of its fields; lists become tuples.

    Examples
    --------
    >>> from skood.cli._options import LabelOptions, pick
    >>> pick(LabelOptions, {"labels": "y", "in_label": None, "clusters": None, "seed": 0})
    LabelOptions(labels='y', in_label=None, clusters=None)
    """
    names = [field.name for field in fields(kind)]  # type: ignore[arg-type]  # a dataclass
    values = {name: arguments[name] for name in names}
    return kind(**{k: tuple(v) if isinstance(v, list) else v for k, v in values.items()})
