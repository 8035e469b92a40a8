"""Exact neighbours by a matrix product."""

from __future__ import annotations

import warnings
from typing import Any, Self, cast

import numpy as np
from numpy.typing import NDArray
from sklearn.base import clone

from .._optional import import_optional
from .._validation import (
    check_n_jobs,
    check_new_rows,
    check_option,
    parameter_error,
    working_memory_bytes,
)
from ..measures.blocks import slices
from ..rows import unit_rows
from ..rows.growing import GrowingRows
from ..rows.place import device_of, is_in_tensor
from ..rows.threads import n_threads
from ._exact_search import ExactSearch
from ._neighbors import Neighbors
from ._reach import Pairs, PairsWithin, Reach
from ._tensor_search import TensorSearch, tensor_norms
from .contract import METRICS, NeighborIndex

_CENTRED_BYTES = 1 << 18  # of rows at a time: they stay in the cache
_PRECISIONS = ("auto", "full", "half")


class ExactIndex(NeighborIndex):
    """Index that compares each query with all training rows.

    A matrix product compares the rows. All rows that could be among the nearest within its rounding
    error are compared again in float64. So neighbours and distances are exact, also for float32
    rows far from the origin.

    Parameters
    ----------
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance: Euclidean, or one minus the cosine of the angle.
    device : str, default="cpu"
        The device that compares rows. "cpu": NumPy, or torch's product if the process has loaded
        torch and a trial finds it faster. "cuda", "cuda:1" or another device of torch: torch, with
        a copy of the rows there. A torch tensor is searched on its own device, or on this one if it
        is in the host's memory; queries that are tensors there are not copied. Neighbours and
        distances are the same on all devices up to the last digit. Apple's "mps" has no float64:
        NumPy searches rows for it, or on it, on the host, with a warning.
    precision : {"auto", "full", "half"}, default="auto"
        The precision of torch's candidates: "full" is float32; "half" is float16, several times as
        fast on most GPUs, with 2 more bytes a value there. "auto" is half on CUDA devices. It
        changes no answer: the candidates are all rows that could be among the nearest within the
        rounding errors, and they are compared again in float64. If half precision leaves too many
        candidates, the index switches to full.
    n_jobs : int or None, default=None
        Number of threads. None means as many as the BLAS uses, -1 all processors that the process
        may use.

    Attributes
    ----------
    training_rows_ : ndarray or StoredRows of shape (n_samples, n_features)
        The training rows. Rows on disk stay there, and a tensor stays on its device.
    row_norms_ : ndarray of shape (n_samples,) or None
        Their lengths, for ``metric="cosine"``.
    n_samples_fit_ : int
        Number of training rows.
    n_features_in_ : int
        Number of features.

    Notes
    -----
    Temporary arrays stay within scikit-learn's ``working_memory`` setting. On a CUDA device a
    search takes an eighth of the memory that was free after the fit, 8 GiB at most.

    Training rows on disk are read in blocks, once for each 1,024 queries, and once more for the
    rows that are compared in float64. 24 bytes a row are in memory: its hash, the place of the
    hash, and its squared length.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.neighbors import ExactIndex
    >>> index = ExactIndex().fit(np.array([[0.0, 0.0], [3.0, 4.0], [6.0, 8.0]]))
    >>> index.query([[0.0, 1.0]], k=2).indices
    array([[0, 1]])
    >>> index.query_training(k=1).distances  # each row itself left out
    array([[5.],
           [5.],
           [5.]])
    """

    def __init__(
        self,
        *,
        metric: str = "euclidean",
        device: str = "cpu",
        precision: str = "auto",
        n_jobs: int | None = None,
    ) -> None:
        self.metric = metric
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs

    _keeps_stored_rows = True

    def partial_fit(self, X: Any, y: Any = None) -> Self:
        """Add training rows; their positions follow those of the earlier rows.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features)
            The rows. They are converted to the float type of the earlier rows and copied. Rows on
            disk stay there.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The index, with the answers of an index that is fitted to all rows.

        Raises
        ------
        ValueError
            If a parameter or X is not valid.
        """
        if not hasattr(self, "training_rows_"):
            return self.fit(X, y)
        check_option(self, "metric", self.metric, METRICS)
        self._check_parameters()
        X = check_new_rows(self, X, self.training_rows_.dtype, stored=True)
        self.__dict__.update(self._extended(X).__dict__)
        return self

    def _extended(self, X: Any) -> Self:
        """A new index of these rows and of checked rows after them; this index does not change."""
        other = clone(self)
        other.__dict__.update(self.__dict__)
        if is_in_tensor(self.training_rows_):
            return other._hold(self.training_rows_.joined(X))
        before, room = self.training_rows_, getattr(self, "_room", None) or GrowingRows()
        rows = room.appended(before, X)
        other._room = room
        other.training_rows_ = rows
        other.n_samples_fit_ = len(rows)
        if self.row_norms_ is not None:
            other.row_norms_ = np.concatenate([self.row_norms_, self.norms(X)])
        other._lookup = self._lookup.extended(rows)
        if isinstance(self._engine, TensorSearch):
            other._build()
        else:
            other._engine = self._engine.extended(rows, other.row_norms_)
        return other

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        state.pop("_room", None)
        return state

    def _check_parameters(self) -> None:
        check_n_jobs(self)
        check_option(self, "precision", self.precision, _PRECISIONS)
        self._check_device()

    def _check_device(self) -> None:
        allowed = "'cpu' or a device that torch has here"
        if not isinstance(self.device, str):
            raise parameter_error(self, "device", allowed, self.device)
        if _is_for_numpy(self.device):
            return
        torch = import_optional("torch", "torch", needed_by=f"device={self.device!r}")
        try:
            torch.empty(0, device=self.device)
        except (RuntimeError, AssertionError, NotImplementedError) as error:
            raise parameter_error(self, "device", allowed, self.device) from error

    def _hold(self, X: Any) -> Self:
        tensor_device = device_of(X)
        device = self.device if tensor_device in (None, "cpu") else tensor_device
        if device != "cpu" and _is_for_numpy(device):
            warnings.warn(
                f"ExactIndex searches on the host: the device {device!r} has no float64. "
                "device='cpu' and rows in the host's memory do the same without this warning.",
                UserWarning,
                stacklevel=3,
            )
            X = np.asarray(X) if is_in_tensor(X) else X
        elif is_in_tensor(X):
            X = X.to(device)
        return super()._hold(X)

    def _build(self) -> None:
        rows, norms = self.training_rows_, self.row_norms_
        self._engine: ExactSearch | TensorSearch
        tensor_device = device_of(rows)
        if tensor_device is None and _is_for_numpy(self.device):
            if self.precision == "half":
                allowed = "'auto' or 'full', because NumPy searches"
                raise parameter_error(self, "precision", allowed, self.precision)
            self._engine = ExactSearch(rows, norms)
            return
        device = tensor_device or self.device
        on_cuda = device.startswith("cuda")
        half = self.precision == "half" or (self.precision == "auto" and on_cuda)
        self._engine = TensorSearch(rows, norms, device=device, half=half)

    def norms(self, rows: Any) -> NDArray[np.float64] | None:
        """Lengths by which the rows are divided before the search; None without a division."""
        if self.metric != "cosine" or not is_in_tensor(rows):
            return super().norms(rows)
        return self._checked_norms(tensor_norms(rows))

    def _answer_stored(self, Q: Any, k: int, exclude: NDArray[np.intp] | None) -> Neighbors:
        if not (is_in_tensor(Q) and isinstance(self._engine, TensorSearch)):
            return super()._answer_stored(Q, k, exclude)
        norms = self.norms(Q)
        indices, distances = self._engine.search(Q, k, q_norms=norms, exclude=exclude)
        return Neighbors(indices, distances if norms is None else 0.5 * distances**2)

    def reach_of(self, radii: NDArray[np.float64]) -> Reach:
        """Prepare radii, one for each training row, for `answer_within`.

        Parameters
        ----------
        radii : ndarray of shape (n,)
            Distances; inf reaches everything.
        """
        engine: Any = self._engine
        cosine = self.row_norms_ is not None
        return Reach(engine.reference, np.sqrt(2.0 * radii) if cosine else radii)

    def answer_within(self, Q: NDArray[Any], k: int, reach: Reach) -> tuple[Neighbors, Pairs]:
        """Neighbours of new rows, and the training rows that have them within their radius.

        The search is NumPy's, in one thread.

        Parameters
        ----------
        Q : ndarray of shape (m, n_features)
            Finite rows of the training rows' type.
        k : int
            Number of neighbours.
        reach : Reach
            From `reach_of`.

        Returns
        -------
        Neighbors, (queries, rows, distances)
            The second names pairs, query by query: positions in Q and among the training rows, and
            their distance, which may exceed the radius by a rounding error.
        """
        within, engine = PairsWithin(reach), cast(ExactSearch, self._engine)
        indices, distances = engine.search(
            Q, k, q_norms=self.norms(Q), within=within, max_bytes=working_memory_bytes()
        )
        pairs = within.pairs()
        if self.row_norms_ is not None:
            distances = 0.5 * distances**2
            pairs = pairs._replace(distances=0.5 * pairs.distances**2)
        return Neighbors(indices, distances), pairs

    def in_float32(
        self, positions: NDArray[np.intp], Q: NDArray[Any]
    ) -> tuple[NDArray[np.float32], NDArray[np.float64], float]:
        """Training rows at these positions and, after them, new rows for a product in float32.

        Parameters
        ----------
        positions : ndarray of shape (n,)
            Positions of training rows, if NumPy searches; see `is_on_host`.
        Q : ndarray of shape (m, n_features)
            Finite rows of the training rows' type.

        Returns
        -------
        vectors, sizes, unit
            The rows minus a common centre, in this unit, rounded to float32; values that are too
            far away are inf. The rounding error of a training row is relative to its size. With
            ``metric="cosine"`` rows are divided by their lengths first.
        """
        reference, norms = cast(ExactSearch, self._engine).reference, self.norms(Q)
        new = Q if norms is None else unit_rows(Q, norms)
        vectors = np.empty((len(positions) + len(Q), Q.shape[1]), dtype=np.float32)
        with np.errstate(over="ignore"):
            for part in slices(len(positions), _CENTRED_BYTES, each=8 * Q.shape[1]):
                rows = reference.rows.take(positions[part], axis=0)
                vectors[part] = reference.centred(rows)
            vectors[len(positions) :] = reference.centred(new)
        sizes = np.sqrt(2.0 * reference.half_squares.take(positions).astype(np.float64))
        return vectors, sizes + (norms is not None), reference.unit

    @property
    def is_on_host(self) -> bool:
        """Whether NumPy searches."""
        return isinstance(self._engine, ExactSearch)

    def _search(
        self,
        Q: NDArray[Any],
        q_norms: NDArray[np.float64] | None,
        k: int,
        exclude: NDArray[np.intp] | None,
    ) -> tuple[NDArray[np.intp], NDArray[np.float64]]:
        if isinstance(self._engine, TensorSearch):
            return self._engine.search(Q, k, q_norms=q_norms, exclude=exclude)
        return self._engine.search(
            Q,
            k,
            q_norms=q_norms,
            exclude=exclude,
            n_threads=1 if len(Q) == 1 else n_threads(self.n_jobs),
            max_bytes=working_memory_bytes(),
        )


def _is_for_numpy(device: str) -> bool:
    """Whether rows of the host's memory are searched there: torch's mps has no float64."""
    return device == "cpu" or device.startswith("mps")
