"""Tables of mixed columns as numbers of one scale."""

from __future__ import annotations

import os
import warnings
from collections.abc import Sequence
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone
from sklearn.impute import SimpleImputer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import QuantileTransformer, StandardScaler
from sklearn.utils.validation import check_is_fitted

from .._validation import check_column_names
from ..measures.arguments import rows_in_one_sentence
from . import table_checks as checks
from ._extreme_scales import bounded, learned, standardise_in_units
from ._table_matrices import HALF, NumberColumns, gaps_of, names_of
from .category_encoder import CategoryEncoder
from .table_columns import is_frame
from .table_explained import ExplainedTable
from .table_gaps import GapColumns
from .table_reading import TableReader
from .table_schema import ColumnSchema

_QUANTILES = 1000
# Without scikit-learn's wrapper, which `transform` has itself: it takes long for a single row.
_scaled = getattr(StandardScaler.transform, "__wrapped__", StandardScaler.transform)


class TableScaler(TableReader, ExplainedTable, StandardScaler):
    """A `StandardScaler` that also takes frames with text, categories, dates and gaps.

    Arrays, and frames of numbers alone, are standardised as by scikit-learn. For any other frame,
    `fit` decides on the kind of each column: numbers, also as text with a decimal comma, a unit, or
    signs of a spreadsheet; categories and truth values, which `CategoryEncoder` turns into columns;
    or dates. A column that cannot be a feature is an error that names the column and the remedy. An
    array is a table too if an option is about its columns, gaps or scales.

    Parameters
    ----------
    copy : bool, default=True
        As in scikit-learn.
    with_mean, with_std : bool, default=True
        Whether numbers are centred, and divided by their standard deviation.
    missing : {"refuse", "median", "mean", "most_frequent", "expected"}, default="refuse"
        The fill of missing numbers. With "median", "mean" and "most_frequent", missing categories
        are a category. "expected": a missing cell is as far from a known value as a random value is
        on average, and two missing cells are as far apart. Each feature has one more column for
        that, "kg (missing)". Rows with a gap are alike only if gaps depend on other columns in the
        training rows.
    exclude, categorical, features : sequence of str or int, or None, default=None
        Columns to leave out, columns of categories, and columns that are features although they
        look like row numbers; by name or position.
    decimal, thousands : str or None, default=None
        The marks in numbers that are text. None: detected.
    max_categories : int or None, default=None
        Largest number of categories of a column. None: one for every five rows, at most 1,000.
    dates : {"exclude", "parts"}, default="exclude"
        Whether dates are left out, or become features: time of day, weekday and season, each as a
        sine and a cosine, and the age in days. `fit` takes only parts that the training rows show
        and that new rows can share; a `schema` can choose other parts. Dates with a time zone are
        read in UTC.
    schema : mapping, path of a TOML or JSON file, sequence of ColumnSchema, or None, default=None
        Descriptions of columns in place of decisions, such as ``{"zip": "category", "kg": {"kind":
        "number", "low": 0, "na": ["-999"]}}``. `fit` decides on the other columns. See the user
        guide.
    scale : {"standard", "quantile", "both"}, default="standard"
        How numbers are scaled. "quantile": by their ranks, as the quantiles of a normal
        distribution, so that heavy tails do not rule; all values beyond the training rows are
        alike. "both": as two columns of half the weight, "kg" and "kg (rank)".
    rarity, novelty : float, default=0.5 and 3.0
        The distances of rare and of new categories; see `CategoryEncoder`.

    Attributes
    ----------
    schema_ : tuple of ColumnSchema
        For tables: the kind of each column, and the reason; empty for arrays that are only
        standardised. The columns of an array are x0, x1 and so on.
    numbers_, dates_, categories_ : list of str
        For tables that are not only standardised: the columns of each kind, in the order of the
        output.
    n_features_in_ : int
        Number of columns.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns of a frame.

    Warns
    -----
    UserWarning
        By `fit`, if dates are left out, or if a column of integers numbers the rows: it stays a
        feature, and new rows lie outside its range. By `transform`, if no row of five or more has a
        known category, or if nearly all rows of 30 or more lie on one side of the range of the
        training rows in a column of a frame.

    Examples
    --------
    >>> import pandas as pd
    >>> from skood.preprocessing import TableScaler
    >>> frame = pd.DataFrame({"kg": ["1,5", "2,5", "2"], "colour": ["red", "blue", "red"]})
    >>> scaler = TableScaler().fit(frame)
    >>> [f"{column.name}: {column.describe()}" for column in scaler.schema_]
    ["kg: number; 1.5 to 2.5; read with the decimal mark ','", 'colour: category; blue, red']
    >>> scaler.transform(frame).round(2)
    array([[-1.22,  0.93,  0.  ,  0.  ],
           [ 1.22,  0.  ,  1.11,  0.  ],
           [ 0.  ,  0.93,  0.  ,  0.  ]])
    >>> rows = [[1.5, 0.0], [2.5, 4.0], [2.0, 0.0]]  # numbers, and codes of categories
    >>> TableScaler(categorical=[1]).fit(rows).get_feature_names_out()
    array(['x0', 'x1=0', 'x1=4', 'x1=(new)'], dtype=object)
    """

    _is_table = False
    # of files that older versions wrote
    _gaps: GapColumns | None = None
    _ranks: Any = None
    scale, rarity, novelty = "standard", 0.0, 1.0
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
        scale: str = "standard",
        rarity: float = 0.5,
        novelty: float = 3.0,
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
        self.scale = scale
        self.rarity = rarity
        self.novelty = novelty

    def fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Decide on the columns, and learn their scales.

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
        self._is_table = not self._takes_as_numbers(X)
        if not self._is_table:
            self.schema_ = self._of_numbers(X) if is_frame(X) else ()
            if self.schema_:
                checks.refuse_gaps_of_numbers(np.asarray(X), self.schema_)
            super().fit(X, y, sample_weight)
            return self
        if sample_weight is not None:
            raise ValueError(
                "TableScaler takes sample_weight only for numbers without other options, and not "
                "for categories."
            )
        for name in ("mean_", "var_", "scale_", "n_samples_seen_"):
            self.__dict__.pop(name, None)
        raw = self._raw_columns(X)
        self.schema_ = tuple(self._decided(raw))
        self.numbers_ = names_of(self.schema_, "number")
        self.dates_ = names_of(self.schema_, "date")
        self.categories_ = names_of(self.schema_, "category", "boolean")
        self._fit_scales(*self._typed({column.name: column for column in raw}))
        return self

    def _fit_scales(self, numbers: NDArray[Any], texts: NDArray[Any]) -> None:
        self._encoder = self._ranks = self._gaps = None
        is_expected = self.missing == "expected"
        if self.categories_:
            missing = "expected" if is_expected else "category"
            encoder = CategoryEncoder(rarity=self.rarity, novelty=self.novelty, missing=missing)
            self._encoder = encoder.fit(texts)
        kept = self.missing == "refuse" or is_expected
        fill = "passthrough" if kept else SimpleImputer(strategy=self.missing)
        scaler = TableScaler(with_mean=self.with_mean, with_std=self.with_std)
        self._scaler = make_pipeline(fill, scaler).fit(numbers) if numbers.shape[1] else None
        n = len(self.numbers_)
        if self.scale != "standard" and n:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore", RuntimeWarning)  # a column without values in a fold
                self._ranks = make_pipeline(
                    fill,
                    TableScaler(),  # so that no value is too large for the differences of quantiles
                    QuantileTransformer(
                        n_quantiles=min(_QUANTILES, len(numbers)),
                        output_distribution="normal",
                        random_state=0,
                    ),
                    StandardScaler(),
                ).fit(numbers[:, :n])
        if is_expected:
            scaled, encoded = self._scaled_numbers(numbers), self._encoded(texts)
            spreads = np.empty(0) if self._encoder is None else self._encoder.spreads()
            _, firsts, owners = self._number_features()
            gaps = gaps_of(scaled[:, firsts], texts)
            self._gaps = GapColumns().fit(scaled, encoded, spreads, gaps, owners)

    def _number_features(self) -> tuple[list[str], list[int], NDArray[np.intp]]:
        """The columns that become numbers; the first number of each; the place of each number."""
        owners = NumberColumns(self.schema_, self.scale).owners
        names = list(dict.fromkeys(owners))
        places = np.array([names.index(name) for name in owners], dtype=np.intp)
        return names, [owners.index(name) for name in names], places

    def _scaled_numbers(self, numbers: NDArray[Any]) -> NDArray[Any]:
        """The columns that numbers and dates become."""
        if self._scaler is None:
            return np.empty((len(numbers), 0))
        columns = NumberColumns(self.schema_, self.scale)
        scaled = self._scaler.transform(numbers)
        scaled = scaled * columns.weights if self.dates_ else scaled
        if self._ranks is None:
            return scaled
        n = len(self.numbers_)
        ranks = self._ranks.transform(numbers[:, :n])
        if self.scale == "quantile":
            return np.hstack([ranks, scaled[:, n:]])
        return np.hstack([scaled[:, :n] * HALF, scaled[:, n:], ranks * HALF])

    def _encoded(self, texts: NDArray[Any]) -> NDArray[np.float64]:
        return (
            np.empty((len(texts), 0)) if self._encoder is None else self._encoder.transform(texts)
        )

    def partial_fit(self, X: Any, y: Any = None, sample_weight: Any = None) -> Self:
        """Learn the scales of numbers from more rows. The first call is a `fit`.

        Categories, quantiles and the meaning of gaps stay those of the first rows.

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
        if is_first and not self._takes_as_numbers(X):
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
        """Scale numbers, and make the columns of categories.

        Parameters
        ----------
        X : array-like or frame of shape (n_samples, n_features)
            Rows with the columns of `fit`; columns that are no features may be missing.
        copy : bool or None, default=None
            As in scikit-learn.

        Returns
        -------
        ndarray of shape (n_samples, n_columns)
            Numbers, then the columns of the categories.

        Raises
        ------
        ValueError
            If a column is missing, or does not hold values of its kind in `fit`.
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
        scaled, encoded = self._scaled_numbers(numbers), self._encoded(texts)
        if not self._is_array:
            checks.warn_of_other_ranges(self, numbers, self.schema_)
        if self._encoder is not None:
            checks.warn_of_other_categories(texts, self.known_categories(), self.missing)
        if self._gaps is None:
            return np.hstack([scaled, encoded]) if encoded.shape[1] else scaled
        gaps = gaps_of(scaled[:, self._number_features()[1]], texts)
        filled = self._gaps.filled(scaled)
        sizes = encoded if self._encoder is None else self._encoder.sums(encoded)
        return np.hstack([filled, encoded, self._gaps.columns(filled, sizes, gaps)])

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
        names = list(NumberColumns(self.schema_, self.scale).names)
        features = (*self._number_features()[0], *self.categories_)
        missing = [f"{name} (missing)" for name in features]
        if self._encoder is not None:
            names += list(self._encoder.get_feature_names_out(self.categories_))
        return np.array(names if self._gaps is None else names + missing, dtype=object)

    @property
    def feature_owners_(self) -> NDArray[np.object_] | None:
        """The column of X behind each column of the output; None for numbers alone."""
        if not self._is_table:
            return None
        owners = list(NumberColumns(self.schema_, self.scale).owners)
        missing = [*self._number_features()[0], *self.categories_]
        if self._encoder is not None:
            widths = self._encoder.widths()
            for name, width in zip(self.categories_, widths, strict=True):
                owners += [name] * width
        return np.array(owners if self._gaps is None else owners + missing, dtype=object)

    def known_categories(self) -> dict[str, NDArray[Any]]:
        """The categories of each such column; None stands for missing values."""
        if not self._is_table or self._encoder is None:
            return {}
        return dict(zip(self.categories_, self._encoder.categories_, strict=True))

    def category_scales(self) -> dict[str, NDArray[Any]]:
        """The number in the column of each of these categories."""
        if not self._is_table or self._encoder is None:
            return {}
        return dict(zip(self.categories_, self._encoder.scales_, strict=True))

    def settled(self) -> Self:
        """An unfitted clone with the same decisions, for fits on some of the rows."""
        return clone(self).set_params(schema=self.schema_) if self._is_table else clone(self)

    def __getstate__(self) -> dict[str, Any]:
        """The state, with a path as text, which any machine reads."""
        is_path = isinstance(self.schema, os.PathLike)
        text = {"schema": os.fspath(self.schema)} if is_path else {}
        return {**super().__getstate__(), **text}
