"""Neighbours by pynndescent: a walk along a graph of neighbours."""

from __future__ import annotations

import sys
import threading
import warnings
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._optional import import_optional, is_installed
from .._validation import check_int
from ..rows.threads import n_threads
from ._approximate import ApproximateIndex, Shortlist
from ._recall import RecallSample

_EPSILON_STEP = 0.05
_MOST_STEPS = 20
# A pynndescent index marks visited rows in one place for all queries, so one thread searches.
_LOCK = threading.Lock()
_warned = False  # the line about the compilation is written once in a process


class PyNNDescentIndex(ApproximateIndex):
    """Index that asks pynndescent for candidates and ranks them by their true distances.

    pynndescent compiles itself for minutes in every new process: before the first fit or, in a
    process that loads a fitted index, before the first query. `FaissIndex` needs no compilation.

    Parameters
    ----------
    metric : {"euclidean", "cosine"}, default="euclidean"
        The distance: Euclidean, or one minus the cosine of the angle.
    target_recall : float, default=0.95
        Share of the nearest neighbours that the search has to find, in (0, 1].
    recall_at : int, default=15
        Number of neighbours at which the recall is measured.
    exact_below : int, default=5000
        With fewer rows the exact search answers, without any compilation.
    n_links : int, default=30
        Neighbours of each row in the graph.
    random_state : int, RandomState or None, default=None
        Draws the trees from which the graph is built, and the rows for the recall.
    verbose : bool, default=True
        Whether a line on standard error announces the compilation.
    n_jobs : int or None, default=None
        Number of threads to build the graph with. None means as many as the BLAS uses, -1 all
        processors that the process may use. Queries take one.

    Attributes
    ----------
    recall_ : float
        Share of the `recall_at` nearest neighbours found, for training rows on which the effort was
        not tuned, each row itself left out. 1 if the search is exact.
    epsilon_ : float or None
        The walk also visits rows this much further than the k-th nearest row found, as a share of
        that distance; None if the exact search answers.
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
        By `fit`, if pynndescent is not installed: the extra ``ann`` brings it.

    Warns
    -----
    UserWarning
        By `fit`, if `recall_` is less than `target_recall`.

    Notes
    -----
    pynndescent holds the graph and a float32 copy of the rows, centred and scaled. A query has the
    same neighbours alone and in any batch.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.neighbors import PyNNDescentIndex
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> index = PyNNDescentIndex().fit(X)  # few rows: the exact search answers
    >>> index.epsilon_, index.recall_
    (None, 1.0)
    >>> index.query([[0.0, 0.0, 0.0, 0.0]], k=3).indices.shape
    (1, 3)
    """

    _structure: Any
    # `skood.save` leaves the structure out: only a pickle could hold its functions.
    _built_in_loading = ("_structure",)

    def __init__(
        self,
        *,
        metric: str = "euclidean",
        target_recall: float = 0.95,
        recall_at: int = 15,
        exact_below: int = 5000,
        n_links: int = 30,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = True,
        n_jobs: int | None = None,
    ) -> None:
        self.metric = metric
        self.target_recall = target_recall
        self.recall_at = recall_at
        self.exact_below = exact_below
        self.n_links = n_links
        self.random_state = random_state
        self.verbose = verbose
        self.n_jobs = n_jobs

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if "_structure" not in state and hasattr(self, "_seed"):
            self._build_graph()

    def _check_parameters(self) -> None:
        check_int(self, "n_links", self.n_links, 2)
        super()._check_parameters()

    def _check_installed(self) -> None:
        if not is_installed("pynndescent"):
            _import_pynndescent()  # raises; a successful import would take seconds

    def _forget_structure(self) -> None:
        self.epsilon_: float | None = None
        self._structure = None
        if hasattr(self, "_seed"):
            del self._seed

    def _build_structure(
        self,
        random_state: np.random.RandomState,
        sample: RecallSample,  # noqa: ARG002
    ) -> None:
        self._seed = int(random_state.randint(2**31 - 1))
        self._build_graph()

    def _build_graph(self) -> None:
        """Build the graph; equal rows and an equal seed give an equal graph."""
        self._announce_compilation()
        points, _ = self._points.of(self.training_rows_, self.row_norms_)
        with _LOCK, warnings.catch_warnings():
            # pynndescent warns of rows with few links; `recall_` measures what they cost.
            warnings.simplefilter("ignore")
            self._structure = _import_pynndescent().NNDescent(
                points,
                n_neighbors=min(self.n_links, self.n_samples_fit_ - 1),
                random_state=self._seed,
                n_jobs=n_threads(self.n_jobs),
            )
            self._structure.prepare()

    def _announce_compilation(self) -> None:
        global _warned
        if self.verbose and not _warned:
            print(
                "PyNNDescentIndex: pynndescent compiles for minutes, once in every process "
                "(verbose=False hides this line; FaissIndex needs no compilation).",
                file=sys.stderr,
            )
        _warned = True

    def _effort_range(self, k: int) -> tuple[int, int] | None:  # noqa: ARG002
        return 1, 1 + _MOST_STEPS

    def _set_effort(self, effort: int) -> None:
        self.epsilon_ = _epsilon(effort)

    def _shortlist(
        self,
        points: NDArray[np.float32],
        n_candidates: int,
        k: int,  # noqa: ARG002
        effort: int | None,
    ) -> Shortlist:
        self._announce_compilation()
        epsilon = self.epsilon_ if effort is None else _epsilon(effort)
        positions = np.empty((len(points), n_candidates), dtype=np.intp)
        with _LOCK:
            # One by one, since the random numbers of a row depend on the rows before it in a batch.
            for row in range(len(points)):
                positions[row] = self._structure.query(
                    points[row : row + 1], k=n_candidates, epsilon=epsilon
                )[0]
        return Shortlist(positions)


def _epsilon(effort: int) -> float:
    return round((effort - 1) * _EPSILON_STEP, 2)


def _import_pynndescent() -> ModuleType:
    return import_optional("pynndescent", "ann", needed_by="PyNNDescentIndex")
