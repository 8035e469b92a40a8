"""Neighbours by faiss: cells, a graph, or all rows."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import check_int, check_option
from ..measures.blocks import slices
from ..rows.threads import n_threads
from ._approximate import ApproximateIndex, Shortlist
from ._faiss import empty_cells, faiss_threads, import_faiss, radius_of_the_rest
from ._recall import RecallSample

_KINDS = ("ivf", "hnsw", "flat")
_ROW_BLOCK = 1 << 14  # training rows handed to faiss at a time
# faiss compares fewer than 20 queries with the centres of the cells one by one. It compares more
# queries by a matrix product, whose rounding depends on their number.
_FEW_QUERIES = 16
_ROWS_PER_CELL = 32  # rows for the computation of the centres: twice as many gave the same recall
_LARGEST_EF = 2048
_ROUGH_SAMPLE = 64


class FaissIndex(ApproximateIndex):
    """Index that asks faiss for candidates and ranks them by their true distances.

    ``"ivf"`` divides the rows into cells and searches the cells nearest to the query. ``"hnsw"``
    walks along a graph of the rows, which takes about ten times as long to build. ``"flat"``
    compares all rows and is exact. `fit` chooses the number of cells, or the width of the walk: the
    least that finds `target_recall` of the neighbours of a sample of training rows.

    Parameters
    ----------
    kind : {"ivf", "hnsw", "flat"}, default="ivf"
        The structure that faiss builds.
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance: Euclidean, or one minus the cosine of the angle.
    target_recall : float, default=0.95
        Share of the nearest neighbours that the search has to find, in (0, 1].
    recall_at : int, default=15
        Number of neighbours at which the recall is measured.
    exact_below : int, default=5000
        With fewer rows the exact search answers, which is as fast.
    n_cells : int or None, default=None
        Number of cells of ``"ivf"``. None means 4 times the root of the number of rows.
    compress : bool, default=True
        Whether cells hold one byte a value, which saves memory and a third of the time. If that
        loses too many neighbours, cells hold float32.
    n_links : int, default=16
        Links of each row in the graph of ``"hnsw"``.
    random_state : int, RandomState or None, default=None
        Draws the rows for the centres of the cells and the rows for the recall. With None, several
        threads build the graph of ``"hnsw"``, which is faster and gives another graph every time.
    n_jobs : int or None, default=None
        Number of threads. None means as many as the BLAS uses, -1 all processors that the process
        may use.

    Attributes
    ----------
    recall_ : float
        Share of the `recall_at` nearest neighbours found, for training rows on which the effort was
        not tuned, each row itself left out. 1 if the search is exact.
    kind_ : {"ivf", "hnsw", "flat", "exact"}
        The search that answers: `kind`, or ``"exact"`` with fewer rows than `exact_below`.
    nprobe_ : int or None
        Number of cells that a query searches, for ``"ivf"``.
    ef_search_ : int or None
        Width of the walk, for ``"hnsw"``.
    n_cells_ : int or None
        Number of cells, for ``"ivf"``.
    compressed_ : bool
        Whether the cells hold one byte a value.
    training_rows_ : ndarray of shape (n_samples, n_features)
        The training rows.
    row_norms_ : ndarray of shape (n_samples,) or None
        Their lengths, for ``metric="cosine"``.
    n_samples_fit_ : int
        Number of training rows.
    n_features_in_ : int
        Number of features.

    Raises
    ------
    ImportError
        By `fit`, if faiss is not installed: the extra ``ann`` brings it.

    Warns
    -----
    UserWarning
        By `fit`, if `recall_` is less than `target_recall`.

    Notes
    -----
    faiss holds a copy of the rows: one byte a value if compressed, else float32. The copy is
    centred and scaled, so that neither an offset nor the unit costs precision. A query has the same
    neighbours alone and in any batch. The exact search answers queries with fewer than k
    candidates, and queries too far away for float32. Rows found at equal distance are in the order
    of training. The effort grows in proportion to k above `recall_at`.

    Training rows are part of the graph of ``"hnsw"``, so `recall_` is slightly too high: 0.992, for
    instance, with 0.977 for new rows. Cells save time for rows in clusters. For rows of one cloud
    with many columns, a query must search most cells.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.neighbors import FaissIndex
    >>> X = np.random.default_rng(0).normal(size=(6000, 4))
    >>> index = FaissIndex(random_state=0).fit(X)
    >>> index.kind_, bool(index.recall_ >= 0.95)
    ('ivf', True)
    >>> index.query([[0.0, 0.0, 0.0, 0.0]], k=3).indices.shape
    (1, 3)
    """

    _structure: Any

    def __init__(
        self,
        kind: str = "ivf",
        *,
        metric: str = "euclidean",
        target_recall: float = 0.95,
        recall_at: int = 15,
        exact_below: int = 5000,
        n_cells: int | None = None,
        compress: bool = True,
        n_links: int = 16,
        random_state: int | np.random.RandomState | None = None,
        n_jobs: int | None = None,
    ) -> None:
        self.kind = kind
        self.metric = metric
        self.target_recall = target_recall
        self.recall_at = recall_at
        self.exact_below = exact_below
        self.n_cells = n_cells
        self.compress = compress
        self.n_links = n_links
        self.random_state = random_state
        self.n_jobs = n_jobs

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        if state.get("_structure") is not None:
            state["_structure"] = import_faiss().serialize_index(self._structure)
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if state.get("_structure") is not None:
            self._structure = import_faiss().deserialize_index(state["_structure"])

    def _check_parameters(self) -> None:
        check_option(self, "kind", self.kind, _KINDS)
        check_int(self, "n_cells", self.n_cells, 1, or_none=True)
        check_int(self, "n_links", self.n_links, 2)
        super()._check_parameters()

    def _check_installed(self) -> None:
        import_faiss()

    def _forget_structure(self) -> None:
        self.kind_ = "exact"
        self.nprobe_: int | None = None
        self.ef_search_: int | None = None
        self.n_cells_: int | None = None
        self.compressed_ = False
        self._structure = None

    def _build_structure(self, random_state: np.random.RandomState, sample: RecallSample) -> None:
        self.kind_ = self.kind
        faiss = import_faiss()
        d = self.training_rows_.shape[1]
        # With several threads the graph depends on their order.
        one_thread = self.kind == "hnsw" and self.random_state is not None
        with faiss_threads(faiss, 1 if one_thread else n_threads(self.n_jobs)):
            if self.kind == "ivf":
                self._build_cells(faiss, random_state, sample)
            elif self.kind == "hnsw":
                self._structure = faiss.IndexHNSWFlat(d, self.n_links)
                self._add_rows()
            else:
                self._structure = faiss.IndexFlatL2(d)
                self._add_rows()

    def _build_cells(
        self, faiss: ModuleType, random_state: np.random.RandomState, sample: RecallSample
    ) -> None:
        n, d = self.training_rows_.shape
        self.n_cells_ = min(n, self.n_cells or int(4 * np.sqrt(n)))
        n_some = min(n, _ROWS_PER_CELL * self.n_cells_)
        sample_points = self._points_at(np.sort(random_state.choice(n, n_some, replace=False)))
        seed = random_state.randint(2**31 - 1)
        centres = faiss.IndexFlatL2(d)
        self.compressed_ = bool(self.compress)
        self._structure = empty_cells(faiss, centres, self.n_cells_, self.compressed_, seed)
        self._structure.train(sample_points)
        self._add_rows()
        if not self.compressed_:
            return
        # Neighbours that are missing although all cells were searched are lost by the compression.
        recall = sample.rough_recall(_ROUGH_SAMPLE, self._distances_with(self.n_cells_))
        if 1 - recall > (1 - self.target_recall) / 4:
            self.compressed_ = False
            self._structure = empty_cells(faiss, centres, self.n_cells_, self.compressed_, seed)
            self._structure.train(sample_points)  # keeps the centres
            self._add_rows()

    def _add_rows(self) -> None:
        for part in slices(self.n_samples_fit_, _ROW_BLOCK):
            self._structure.add(self._points_at(part))

    def _points_at(self, rows: NDArray[np.intp] | slice) -> NDArray[np.float32]:
        norms = None if self.row_norms_ is None else self.row_norms_[rows]
        return self._points.of(self.training_rows_[rows], norms)[0]

    def _effort_range(self, k: int) -> tuple[int, int] | None:
        if self.kind_ == "flat":
            return None
        if self.n_cells_ is None:
            return min(k, _LARGEST_EF), _LARGEST_EF
        # Cells with about 4 k rows in all: with fewer, many queries would not find k rows.
        least = -(-4 * k * self.n_cells_ // self.n_samples_fit_)
        return min(self.n_cells_, least), self.n_cells_

    def _set_effort(self, effort: int) -> None:
        if self.kind_ == "ivf":
            self.nprobe_ = effort
        else:
            self.ef_search_ = effort

    def _shortlist(
        self, points: NDArray[np.float32], n_candidates: int, k: int, effort: int | None
    ) -> Shortlist:
        if self.kind_ == "flat":
            squares, positions = self._structure.search(points, n_candidates)
            return Shortlist(positions, radius_of_the_rest(points, squares[:, -1]))
        parameters = self._search_parameters(k, effort)
        parts = [
            self._structure.search(points[part], n_candidates, params=parameters)[1]
            for part in slices(len(points), _FEW_QUERIES)
        ]
        return Shortlist(np.concatenate(parts))

    def _search_parameters(self, k: int, effort: int | None) -> Any:
        """The effort as an argument of faiss; more than the chosen one for k above `recall_at`."""
        faiss = import_faiss()
        if effort is None:
            chosen = self.nprobe_ or self.ef_search_ or 1
            effort = int(np.ceil(chosen * max(1.0, k / self.recall_at)))
        if self.n_cells_ is not None:
            return faiss.SearchParametersIVF(nprobe=min(self.n_cells_, effort))
        return faiss.SearchParametersHNSW(efSearch=effort)

    def _each(self, work: Callable[[slice], None], parts: list[slice]) -> None:
        # Threads of Python with one OpenMP thread each. OpenMP keeps its number for each thread, so
        # the number of the calling thread does not change.
        faiss = import_faiss()
        workers = min(n_threads(self.n_jobs), len(parts))
        one_thread = {"initializer": faiss.omp_set_num_threads, "initargs": (1,)}
        with ThreadPoolExecutor(workers, **one_thread) as pool:
            list(pool.map(work, parts))
