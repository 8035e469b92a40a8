"""Tables as people have them, as numbers of one scale."""

from __future__ import annotations

import os
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from .._validation import check_column_names, forget_columns
from ..measures.arguments import rows_in_one_sentence
from . import table_checks as checks
from ._extreme_scales import bounded, learned, standardise_in_units
from ._table_matrices import NumberColumns, matrices, names_of
from .category_encoder import CategoryEncoder
from .schema_files import described
from .table_columns import RawColumn, as_pandas, is_frame, is_of_numbers, raw_column
from .table_decisions import DATES_LEFT_OUT, TableOptions, decide
from .table_explained import ExplainedTable
from .table_findings import Finding, all_sentences, did_you_mean
from .table_schema import ColumnSchema

# Without scikit-learn's wrapper, which `transform` has itself: it takes long for a single row.
_scaled = getattr(StandardScaler.transform, "__wrapped__", StandardScaler.transform)


class TableScaler(ExplainedTable, StandardScaler):
    """A `StandardScaler` that also takes frames with text, categories, dates and gaps.

    Arrays, and frames of numbers alone, are standardised as by scikit-learn. For any other frame,
    `fit` decides what each column is: numbers, also as text with a decimal comma, a unit, or signs
    of a spreadsheet; categories and truth values, which become columns as by `CategoryEncoder`;
    or dates. Columns that can be no feature are an error that names them and what to do.

    Parameters
    ----------
    copy : bool, default=True
        As in scikit-learn.
    with_mean, with_std : bool, default=True
        Whether numbers are centred, and divided by their standard deviation.
    missing : {"refuse", "median", "mean", "most_frequent"}, default="refuse"
        What fills missing numbers of a frame. Then missing categories are a category too.
    exclude, categorical, features : sequence of str or None, default=None
        Columns that are left out, that hold categories, and that are features although they look
        like row numbers.
    decimal, thousands : str or None, default=None
        The marks in numbers that are text. None: found out.
    max_categories : int or None, default=None
        Most categories of a column. None: one for every five rows, and 1,000.
    dates : {"exclude", "parts"}, default="exclude"
        Whether dates are left out, or become features: time of day, weekday and season, each as a
        sine and a cosine, and the age in days. Of these `fit` takes the parts that the training
        rows show and that new rows can share; a `schema` chooses others. Dates with a time zone are
        read in UTC.
    schema : mapping, path of a TOML or JSON file, sequence of ColumnSchema, or None, default=None
        Descriptions of columns in place of decisions, such as ``{"zip": "category", "kg": {"kind":
        "number", "low": 0, "na": ["-999"]}}``. Other columns are decided on. See the user guide.

    Attributes
    ----------
    schema_ : tuple of ColumnSchema
        For frames: what each column is, and why; empty for arrays.
    numbers_, dates_, categories_ : list of str
        For frames that are not of numbers alone: the columns of each kind, in the order of the
        output.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of a frame.

    Warns
    -----
    UserWarning
        By `fit`, if dates are left out, or a column of integers numbers the rows: it stays a
        feature, and new rows lie outside its range. By `transform`, if no row of five or more has
        a known category, or if nearly all rows of 30 or more lie above the range of the training
        rows in a column of a frame, or below it.

    Examples
    --------
    >>> import pandas as pd
    >>> from skood.preprocessing import TableScaler
    >>> frame = pd.DataFrame({"kg": ["1,5", "2,5", "2"], "colour": ["red", "blue", "red"]})
    >>> scaler = TableScaler().fit(frame)
    >>> [f"{column.name}: {column.describe()}" for column in scaler.schema_]
    ["kg: number; 1.5 to 2.5; read with the decimal mark ','", 'colour: category; blue, red']
    >>> scaler.transform(frame).round(2)
    array([[-1.22,  0.  ,  1.5 ,  0.  ],
           [ 1.22,  1.5 ,  0.  ,  0.  ],
           [ 0.  ,  0.  ,  1.5 ,  0.  ]])
    """

    _is_table = False
    _scales_as = "StandardScaler"  # for explanations, where the rows are numbers

    def __init__(
        self,
        *,
        copy: bool = True,
        with_mean: bool = True,
        with_std: bool = True,
        missing: str = "refuse",
        exclude: Sequence[str] | None = None,
        categorical: Sequence[str] | None = None,
        features: Sequence[str] | None = None,
        decimal: str | None = None,
        thousands: str | None = None,
        max_categories: int | None = None,
        dates: str = "exclude",
        schema: Any = None,
    ) -> None:
        super().__init__(copy=copy, with_mean=with_mean, with_std=with_std)
        self.missing = missing
        self.exclude = exclude
        self.categorical = categorical
        self.features = features
        self.decimal = decimal
        self.thousands = thousands
        self.max_categories = max_categories
        self.dates = dates
        self.schema = schema

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Decide what the columns are, and learn their scales.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows; a frame of pandas, or of another library with Arrow's interface.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, for numbers alone.

        Returns
        -------
        self : object
            The fitted scaler.

        Raises
        ------
        ValueError
            If a column can be no feature, or a parameter is not valid.
        """
        checks.check_parameters(self)
        self.schema_: tuple[ColumnSchema, ...] = ()
        self._is_table = is_frame(X) and not self._takes_as_numbers(X)
        if not self._is_table:
            self.schema_ = self._of_numbers(X) if is_frame(X) else ()
            if self.schema_:
                checks.refuse_gaps_of_numbers(np.asarray(X), self.schema_)
            super().fit(X, y, sample_weight)
            return self
        forget_columns(self)
        for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
            self.__dict__.pop(name, None)
        frame = as_pandas(X)
        names = [str(name) for name in frame.columns]
        raw = [raw_column(name, frame.iloc[:, j]) for j, name in enumerate(names)]
        self.schema_ = tuple(self._decided(raw))
        self.numbers_ = names_of(self.schema_, "number")
        self.dates_ = names_of(self.schema_, "date")
        self.categories_ = names_of(self.schema_, "category", "boolean")
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        numbers, texts = self._typed({column.name: column for column in raw})
        fill = "passthrough" if self.missing == "refuse" else SimpleImputer(strategy=self.missing)
        scaler = TableScaler(with_mean=self.with_mean, with_std=self.with_std)
        self._scaler = make_pipeline(fill, scaler).fit(numbers) if numbers.shape[1] else None
        self._encoder = CategoryEncoder().fit(texts) if self.categories_ else None
        return self

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the scales of numbers from more rows. The first call is a `fit`.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows, as for `fit`.
        y : Ignored
            Present for API consistency.
        sample_weight : array-like of shape (n_samples,), default=None
            Weights of the rows, for numbers alone.

        Returns
        -------
        self : object
            The fitted scaler.
        """
        is_first = not self._is_table and not hasattr(self, "n_samples_seen_")
        if is_first and is_frame(X) and not self._takes_as_numbers(X):
            return self.fit(X)
        if not self._is_table:
            return self._partial_fit_numbers(X, y, sample_weight)
        if self._scaler is not None:
            self._scaler[-1].partial_fit(self._scaler[:-1].transform(self._read(X)[0]))
        return self

    def _partial_fit_numbers(self, X: Any, y: Any, sample_weight: Any) -> Self:
        checks.check_parameters(self)
        before = learned(self)
        with np.errstate(over="ignore", invalid="ignore"), rows_in_one_sentence(self):
            super().partial_fit(X, y, sample_weight)
        standardise_in_units(self, X, sample_weight, before)
        return self

    def transform(self, X: Any, copy: bool | None = None) -> NDArray[Any]:
        """Scale numbers, and give the columns of categories.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows with the columns of `fit`; those that are no features may be missing.
        copy : bool or None, default=None
            As in scikit-learn.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            Numbers, then the columns of the categories.

        Raises
        ------
        ValueError
            If a column is missing, or does not hold what it held in `fit`.
        """
        if not self._is_table:
            schema = getattr(self, "schema_", ())
            if is_frame(X) and X.shape[1] == len(schema):
                values = np.asarray(X)
                checks.refuse_gaps_of_numbers(values, schema)
                checks.warn_of_other_ranges(self, values, schema)
            with np.errstate(over="ignore"), rows_in_one_sentence(self):
                return bounded(_scaled(self, X, copy))
        numbers, texts = self._read(X)
        parts = []
        if self._scaler is not None:
            scaled = self._scaler.transform(numbers)
            parts.append(scaled * NumberColumns(self.schema_).weights if self.dates_ else scaled)
            checks.warn_of_other_ranges(self, numbers, self.schema_)
        if self._encoder is not None:
            parts.append(self._encoder.transform(texts))
            checks.warn_of_other_categories(texts, self.known_categories())
        return np.hstack(parts)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray[np.object_]:
        """Names of the columns, such as "colour=red".

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Names of the features, if X had none in `fit`.

        Returns
        -------
        ndarray of str of shape (n_columns,)
            The names.
        """
        check_is_fitted(self)
        if not self._is_table:
            return super().get_feature_names_out(input_features)
        check_column_names(self, input_features)
        names = NumberColumns(self.schema_).names
        if self._encoder is not None:
            names += list(self._encoder.get_feature_names_out(self.categories_))
        return np.array(names, dtype=object)

    @property
    def feature_owners_(self) -> NDArray[np.object_] | None:
        """The column of the frame that each column of the output comes from; None for arrays."""
        if not self._is_table:
            return None
        owners = NumberColumns(self.schema_).owners
        if self._encoder is not None:
            widths = self._encoder.widths()
            for name, width in zip(self.categories_, widths, strict=True):
                owners += [name] * width
        return np.array(owners, dtype=object)

    def known_categories(self) -> dict[str, NDArray[Any]]:
        """The categories of each such column; None stands for missing values."""
        if not self._is_table or self._encoder is None:
            return {}
        return dict(zip(self.categories_, self._encoder.categories_, strict=True))

    def settled(self) -> Self:
        """An unfitted clone that decides as this one has, for fits on some of the rows."""
        return clone(self).set_params(schema=self.schema_) if self._is_table else clone(self)

    def __getstate__(self) -> dict[str, Any]:
        """A path as text, which any machine reads."""
        is_path = isinstance(self.schema, os.PathLike)
        text = {"schema": os.fspath(self.schema)} if is_path else {}
        return {**super().__getstate__(), **text}

    def _takes_as_numbers(self, X: Any) -> bool:
        """Whether a frame holds numbers of NumPy alone, and no option is given for its columns."""
        given = (self.exclude, self.categorical, self.features, self.schema)
        if any(option is not None for option in given) or self.missing != "refuse":
            return False
        return is_of_numbers(X)

    def _of_numbers(self, frame: Any) -> tuple[ColumnSchema, ...]:
        """The schema of a frame that is taken as numbers; warns of row numbers."""
        names = [str(name) for name in frame.columns]
        if len(set(names)) < len(names):
            return ()
        raw = [raw_column(name, frame.iloc[:, j]) for j, name in enumerate(names)]
        known = {column.name: column for column in self._without_counters(raw, {})[0]}
        return tuple(known.get(name, ColumnSchema(name)) for name in names)

    def _decided(self, raw: list[RawColumn]) -> list[ColumnSchema]:
        """The schema; raises for columns that can be no features, and warns of doubtful ones."""
        known = described(self.schema)
        absent = [name for name in known if name not in {column.name for column in raw}]
        if absent:
            raise ValueError(
                f"The schema describes {', '.join(map(repr, absent))}, which X lacks: the columns "
                f"of X are {', '.join(repr(column.name) for column in raw)}."
            )
        schema, errors = self._without_counters(raw, known)
        if errors:
            raise ValueError(all_sentences("", errors, command=False))
        left_out = [c.name for c in schema if c.reason == DATES_LEFT_OUT and c.name not in known]
        if left_out:
            warnings.warn(
                f"The dates in {', '.join(map(repr, left_out))} are left out: "
                f"exclude={left_out} says so without this warning, and dates='parts' makes "
                "features of them.",
                UserWarning,
                stacklevel=4,
            )
        if not any(column.is_feature for column in schema):
            raise ValueError("X has no columns that are features.")
        return schema

    def _without_counters(
        self, raw: list[RawColumn], known: Mapping[str, ColumnSchema]
    ) -> tuple[list[ColumnSchema], list[Finding]]:
        """The schema and errors; columns that look like row numbers stay, with a warning."""
        options = TableOptions(
            None,
            tuple(self.exclude or ()),
            tuple(self.categorical or ()),
            tuple(self.features or ()),
            self.decimal,
            self.thousands,
            self.max_categories,
            self.dates,
            known,
        )
        schema, findings = decide(raw, options)
        errors = [finding for finding in findings if finding.is_error]
        counters = [finding for finding in findings if not finding.is_error]
        if counters and not errors:
            for finding in counters:
                warnings.warn(finding.sentence(command=False), UserWarning, stacklevel=5)
            features = (*options.features, *(finding.column for finding in counters))
            schema, _ = decide(raw, replace(options, features=features))
        return schema, errors

    def _read(self, X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """The numbers and the texts of new rows."""
        names = [*self.numbers_, *self.dates_, *self.categories_]
        if not is_frame(X):
            raise ValueError(
                f"X must be a frame with the columns {', '.join(names)}, as in fit. Got a "
                f"{type(X).__name__} instead."
            )
        frame = as_pandas(X)
        place = {str(name): j for j, name in enumerate(frame.columns)}
        lacking = [name for name in names if name not in place]
        if lacking:
            lacked = f"X lacks the columns {', '.join(map(repr, lacking))} of the fit."
            raise ValueError(lacked + did_you_mean(lacking, [*place]))
        has_marks = any(column.na for column in self.schema_)
        is_plain = len(names) == len(self.numbers_) and not has_marks
        if is_plain and all(str(frame.dtypes.iloc[place[n]]) == "float64" for n in names):
            numbers = frame.iloc[:, [place[n] for n in names]].to_numpy()
            if not np.isnan(numbers).any():
                return numbers, np.empty((len(numbers), 0), dtype=object)
        return self._typed({n: raw_column(n, frame.iloc[:, place[n]]) for n in names})

    def _typed(self, raw: Mapping[str, RawColumn]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The numbers, with the parts of dates, and the texts of a frame."""
        numbers, texts = matrices(raw, self.schema_)
        checks.refuse_infinite(numbers, self.schema_)
        if self.missing == "refuse":
            checks.refuse_gaps(numbers, texts, self.schema_)
        return numbers, texts
