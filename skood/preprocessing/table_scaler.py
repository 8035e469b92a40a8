"""Tables as people have them, as numbers of one scale."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.validation import check_is_fitted

from .._validation import check_column_names, check_option, forget_columns
from ..measures.arguments import rows_in_one_sentence
from .category_encoder import CategoryEncoder
from .table_columns import RawColumn, as_pandas, is_frame, raw_column
from .table_decisions import TableOptions, decide, typed_values
from .table_findings import all_sentences
from .table_schema import ColumnSchema

# Without scikit-learn's wrapper, which `transform` has itself: it takes long for a single row.
_scaled = getattr(StandardScaler.transform, "__wrapped__", StandardScaler.transform)
FEWEST_ROWS = 5  # of fewer rows, none need have a known category
_MISSING = ("refuse", "median", "mean", "most_frequent")


class TableScaler(StandardScaler):
    """A `StandardScaler` that also takes frames with text, categories, dates and gaps.

    Arrays, and frames of numbers alone, are standardised as by scikit-learn. For any other frame,
    `fit` decides what each column is: numbers, also as text with a decimal comma, a unit, or signs
    of a spreadsheet; categories and truth values, which become columns as by `CategoryEncoder`;
    or dates, which are left out. Columns that can be no feature are an error that names them and
    what to do.

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
    schema : sequence of ColumnSchema, mapping, or None, default=None
        Descriptions of columns in place of decisions: ``{"zip": {"kind": "category"}}``.

    Attributes
    ----------
    schema_ : tuple of ColumnSchema
        For frames: what each column is, and why; empty for arrays.
    numbers_, categories_ : list of str
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
        a known category.

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
        check_option(self, "missing", self.missing, _MISSING)
        self.schema_: tuple[ColumnSchema, ...] = ()
        self._is_table = is_frame(X) and not self._takes_as_numbers(X)
        if not self._is_table:
            with rows_in_one_sentence(self):
                return super().fit(X, y, sample_weight)
        forget_columns(self)
        for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
            self.__dict__.pop(name, None)
        frame = as_pandas(X)
        names = [str(name) for name in frame.columns]
        raw = [raw_column(name, frame.iloc[:, j]) for j, name in enumerate(names)]
        self.schema_ = tuple(self._decided(raw))
        self.numbers_ = [column.name for column in self.schema_ if column.kind == "number"]
        self.categories_ = [
            column.name for column in self.schema_ if column.is_feature and column.kind != "number"
        ]
        self.feature_names_in_ = np.array(names, dtype=object)
        self.n_features_in_ = len(names)
        numbers, texts = self._typed({column.name: column for column in raw})
        fill = "passthrough" if self.missing == "refuse" else SimpleImputer(strategy=self.missing)
        scaler = StandardScaler(with_mean=self.with_mean, with_std=self.with_std)
        self._scaler = make_pipeline(fill, scaler).fit(numbers) if self.numbers_ else None
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
            with rows_in_one_sentence(self):
                return super().partial_fit(X, y, sample_weight)
        if self._scaler is not None:
            self._scaler[-1].partial_fit(self._scaler[:-1].transform(self._read(X)[0]))
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
            with rows_in_one_sentence(self):
                return _scaled(self, X, copy)
        numbers, texts = self._read(X)
        parts = [] if self._scaler is None else [self._scaler.transform(numbers)]
        if self._encoder is not None:
            parts.append(self._encoder.transform(texts))
            self._warn_of_other_categories(texts)
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
        names = list(self.numbers_)
        if self._encoder is not None:
            names += list(self._encoder.get_feature_names_out(self.categories_))
        return np.array(names, dtype=object)

    @property
    def feature_owners_(self) -> NDArray[np.object_] | None:
        """The column of the frame that each column of the output comes from; None for arrays."""
        if not self._is_table:
            return None
        owners = list(self.numbers_)
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

    def _takes_as_numbers(self, X: Any) -> bool:
        """Whether a frame holds numbers of NumPy alone, and no option is given for its columns."""
        given = (self.exclude, self.categorical, self.features, self.schema)
        if any(option is not None for option in given) or self.missing != "refuse":
            return False
        dtypes = getattr(X, "dtypes", None)
        if not hasattr(X, "iloc") or dtypes is None:
            return False
        return all(getattr(dtype, "kind", "O") in "iuf" for dtype in dtypes)

    def _options(self, features: Sequence[str] = ()) -> TableOptions:
        return TableOptions(
            None,
            tuple(self.exclude or ()),
            tuple(self.categorical or ()),
            (*(self.features or ()), *features),
            self.decimal,
            self.thousands,
            self.max_categories,
            described(self.schema),
        )

    def _decided(self, raw: list[RawColumn]) -> list[ColumnSchema]:
        """The schema; raises for columns that can be no features, and warns of row numbers."""
        schema, findings = decide(raw, self._options())
        errors = [finding for finding in findings if finding.is_error]
        if errors:
            raise ValueError(all_sentences("", errors, command=False))
        if findings:
            counters = [finding.column for finding in findings]
            for finding in findings:
                warnings.warn(finding.sentence(command=False), UserWarning, stacklevel=4)
            schema, _ = decide(raw, self._options(counters))
        dates = [column.name for column in schema if column.kind == "date"]
        if dates and self.schema is None:
            warnings.warn(
                f"The dates in {', '.join(map(repr, dates))} are left out: exclude={dates} says so "
                "without this warning.",
                UserWarning,
                stacklevel=4,
            )
        if not any(column.is_feature for column in schema):
            raise ValueError("X has no columns that are features.")
        return schema

    def _read(self, X: Any) -> tuple[NDArray[Any], NDArray[Any]]:
        """The numbers and the texts of new rows."""
        names = [*self.numbers_, *self.categories_]
        if not is_frame(X):
            raise ValueError(
                f"X must be a frame with the columns {', '.join(names)}, as in fit. Got a "
                f"{type(X).__name__} instead."
            )
        frame = as_pandas(X)
        place = {str(name): j for j, name in enumerate(frame.columns)}
        lacking = [name for name in names if name not in place]
        if lacking:
            raise ValueError(f"X lacks the columns {', '.join(map(repr, lacking))} of the fit.")
        if not self.categories_ and all(
            str(frame.dtypes.iloc[place[n]]) == "float64" for n in names
        ):
            numbers = frame.iloc[:, [place[n] for n in names]].to_numpy()
            if not np.isnan(numbers).any():
                return numbers, np.empty((len(numbers), 0), dtype=object)
        return self._typed({n: raw_column(n, frame.iloc[:, place[n]]) for n in names})

    def _typed(self, raw: Mapping[str, RawColumn]) -> tuple[NDArray[Any], NDArray[Any]]:
        """The numbers and the texts of a frame."""
        schema = {column.name: column for column in self.schema_}
        n_rows = len(next(iter(raw.values())))
        numbers = np.empty((n_rows, len(self.numbers_)), order="F")  # as pandas holds them
        texts = np.empty((n_rows, len(self.categories_)), dtype=object)
        for j, name in enumerate(self.numbers_):
            numbers[:, j] = typed_values(raw[name], schema[name])
        for j, name in enumerate(self.categories_):
            texts[:, j] = typed_values(raw[name], schema[name])
        if self.missing == "refuse":
            self._refuse_gaps(numbers, texts)
        return numbers, texts

    def _refuse_gaps(self, numbers: NDArray[Any], texts: NDArray[Any]) -> None:
        columns = zip((*self.numbers_, *self.categories_), (*numbers.T, *texts.T), strict=True)
        counts = {
            name: int(np.isnan(v).sum()) if v.dtype == float else sum(text is None for text in v)
            for name, v in columns
        }
        gaps = [f"{count:,} in {name!r}" for name, count in counts.items() if count]
        if gaps:
            raise ValueError(
                f"X has missing values ({', '.join(gaps)}): fill them with missing='median' of "
                "TableScaler, or leave these columns out."
            )

    def _warn_of_other_categories(self, texts: NDArray[Any]) -> None:
        for j, (name, known) in enumerate(self.known_categories().items()):
            if len(texts) >= FEWEST_ROWS and not set(known) & set(texts[:, j]):
                warnings.warn(
                    f"No row has a category of {name!r} that was known in fit: {texts[0, j]!r} is "
                    "none of them.",
                    UserWarning,
                    stacklevel=3,
                )


def described(schema: Any) -> dict[str, ColumnSchema]:
    """Descriptions by name, of a sequence of them or a mapping of names to kinds or fields."""
    if schema is None:
        return {}
    if not isinstance(schema, Mapping):
        return {column.name: column for column in schema}
    fields = {
        name: {"kind": about} if isinstance(about, str) else dict(about)
        for name, about in schema.items()
    }
    return {name: ColumnSchema.from_dict({**about, "name": name}) for name, about in fields.items()}
