"""The peers of skood: the bare product, faiss, scikit-learn and PyOD."""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from importlib.util import find_spec
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.neighbors import NearestNeighbors

from skood.neighbors import ExactIndex

N_JOBS = 2
INSTALL = 'not installed: `python -m pip install ".[bench]"`'
PRODUCT_BLOCK = (1024, 2048)

PRODUCT = "bare product"
FAISS = "faiss flat"
BRUTE = "scikit-learn brute"
SKOOD = "skood"

Search = Callable[[], Any]


def is_installed(module: str) -> bool:
    return find_spec(module) is not None


def gaussian_rows(n: int, d: int, dtype: type = np.float32, seed: int = 0) -> NDArray:
    """Rows of a standard normal distribution: no structure that a search could use."""
    return np.random.default_rng(seed).standard_normal((n, d), dtype=dtype)


def product(X: NDArray, Q: NDArray) -> Search:
    """The bare inner products of all pairs, block by block in one buffer."""
    rows, columns = PRODUCT_BLOCK
    buffer = np.empty(rows * columns, dtype=X.dtype)

    def run() -> None:
        for i in range(0, len(Q), rows):
            for j in range(0, len(X), columns):
                q, x = Q[i : i + rows], X[j : j + columns]
                np.matmul(q, x.T, out=buffer[: len(q) * len(x)].reshape(len(q), len(x)))

    return run


def faiss_flat(X: NDArray, Q: NDArray, k: int) -> Search:
    """Exact search by faiss, which returns squared distances."""
    import faiss

    index = faiss.IndexFlatL2(X.shape[1])
    index.add(X)
    return lambda: index.search(Q, k)


def sklearn_search(X: NDArray, Q: NDArray, k: int, algorithm: str = "brute") -> Search:
    """scikit-learn's search by the named algorithm."""
    neighbors = NearestNeighbors(n_neighbors=k, algorithm=algorithm, n_jobs=N_JOBS).fit(X)
    return lambda: neighbors.kneighbors(Q)


def exact_searches(X: NDArray, Q: NDArray, k: int) -> dict[str, Search]:
    """All exact searches of these rows, and the product, which is their limit."""
    index = ExactIndex(n_jobs=N_JOBS).fit(X)
    searches: dict[str, Search] = {SKOOD: lambda: index.query(Q, k), PRODUCT: product(X, Q)}
    if X.dtype == np.float32 and is_installed("faiss"):  # faiss has no float64
        searches[FAISS] = faiss_flat(X, Q, k)
    searches[BRUTE] = sklearn_search(X, Q, k)
    return searches


def recall(neighbors: NDArray[np.intp], nearest: NDArray[np.intp]) -> float:
    """Share of the true neighbours that were found."""
    hits = [
        len(np.intersect1d(row, nearest_row))
        for row, nearest_row in zip(neighbors, nearest, strict=True)
    ]
    return float(np.sum(hits) / nearest.size)


class FromPyOD(BaseEstimator):  # a Pipeline asks its last step for tags
    """A detector of PyOD: its scores are higher for outliers, so their sign is flipped."""

    def __init__(self, module: str, name: str, **params: Any) -> None:
        self.detector_ = getattr(import_module(f"pyod.models.{module}"), name)(**params)

    def fit(self, X: NDArray, y: Any = None) -> Self:  # noqa: ARG002  # a Pipeline gives labels
        self.detector_.fit(X)
        return self

    def score_samples(self, X: NDArray) -> NDArray:
        return -self.detector_.decision_function(X)
