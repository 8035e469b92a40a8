"""The works of `speed.py`: their contestants, and the required ratios of times."""

from __future__ import annotations

import importlib
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from statistics import median
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import KernelDensity, LocalOutlierFactor, NearestNeighbors

import skood.neighbors
from _common.peers import (
    BRUTE,
    FAISS,
    N_JOBS,
    PRODUCT,
    SKOOD,
    exact_searches,
    gaussian_rows,
    is_installed,
    recall,
    sklearn_search,
)
from _common.timing import Seconds, timed
from skood import (
    ConformalOutlierDetector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
)
from skood.neighbors import ExactIndex

K = 15
N_CALLS = 200  # of one row each, for a latency
N_CHECKED = 1_000  # queries on which a recall is measured


@dataclass(frozen=True)
class Claim:
    """How long one contestant may take beside another, or beside the best of several."""

    subject: str
    others: tuple[str, ...]
    at_most: float | None = None
    """Of the other's seconds."""
    times_faster: float | None = None
    """At least."""


@dataclass(frozen=True)
class Quality:
    """A quality that the speed must not cost."""

    name: str
    value: Callable[[], float]
    at_least: float


@dataclass(frozen=True)
class Work:
    """Contestants for a row of the requirements."""

    name: str
    seconds: dict[str, Seconds]
    claims: list[Claim]
    once: frozenset[str] = frozenset()
    """Contestants that take minutes; they run a single time."""
    qualities: list[Quality] = field(default_factory=list)


@dataclass(frozen=True)
class Sizes:
    """Sizes of the requirement, or a tenth of them for a quick run."""

    quick: bool

    def rows(self, n: int) -> int:
        return max(1_000, n // 10) if self.quick else n


Limits = tuple[float, float, float]


def exact_search(n: int, d: int, m: int, limits: Limits, sizes: Sizes, *, note: str = "") -> Work:
    """Exact search in float32; limits against the product, faiss flat and scikit-learn."""
    n, m = sizes.rows(n), sizes.rows(m)
    X, Q = gaussian_rows(n, d), gaussian_rows(m, d, seed=1)
    claims = [
        Claim(SKOOD, (PRODUCT,), at_most=limits[0]),
        Claim(SKOOD, (FAISS,), at_most=limits[1]),
        Claim(SKOOD, (BRUTE,), times_faster=limits[2]),
    ]
    return Work(
        f"exact search {_shape(n, d)} float32, {m:,} queries, k {K}{note}",
        {name: timed(run) for name, run in exact_searches(X, Q, K).items()},
        claims,
        qualities=[_exactness(ExactIndex(n_jobs=N_JOBS).fit(X), Q)],
    )


def exact_search_beside_torch(n: int, d: int, m: int, limits: Limits, sizes: Sizes) -> Work:
    """The same with torch loaded, whose product skood may take."""
    importlib.import_module("torch")
    return exact_search(n, d, m, limits, sizes, note=", torch loaded")


def exact_search_float64(n: int, d: int, m: int, sizes: Sizes) -> Work:
    n, m = sizes.rows(n), sizes.rows(m)
    X, Q = gaussian_rows(n, d, np.float64), gaussian_rows(m, d, np.float64, seed=1)
    return Work(
        f"exact search {_shape(n, d)} float64, {m:,} queries, k {K}",
        {name: timed(run) for name, run in exact_searches(X, Q, K).items()},
        [Claim(SKOOD, (BRUTE,), at_most=1.0), Claim(SKOOD, (PRODUCT,))],
    )


def few_columns(d: int, sizes: Sizes) -> Work:
    """A detector's automatic index, against scikit-learn's fastest algorithm."""
    n, m = sizes.rows(200_000), sizes.rows(20_000)
    X, Q = gaussian_rows(n, d, np.float64), gaussian_rows(m, d, np.float64, seed=1)
    index = KNNOutlierDetector(K, algorithm="auto", n_jobs=N_JOBS).fit(X).index_
    subject = f"auto: {type(index).__name__}"
    best = _fastest_of_sklearn(X, Q)
    return Work(
        f"search {_shape(n, d)} float64, {m:,} queries, k {K}",
        {subject: timed(lambda: index.query(Q, K)), **best},
        [Claim(subject, tuple(best), at_most=1.0)],
        qualities=[_exactness(index, Q)],
    )


def _fastest_of_sklearn(X: NDArray, Q: NDArray) -> dict[str, Seconds]:
    """scikit-learn's fastest algorithm on a part of the queries, and any that is about as fast.

    The slowest one takes minutes for all queries. Its time is proportional to their number.
    """
    algorithms = ("kd_tree", "ball_tree", "brute")
    part = Q[: len(Q) // 20]
    took = {name: timed(sklearn_search(X, part, K, name))() for name in algorithms}
    kept = [name for name in algorithms if took[name] < 1.1 * min(took.values())]
    return {f"scikit-learn {name}": timed(sklearn_search(X, Q, K, name)) for name in kept}


def lcp_scoring(n: int, d: int, m: int, sizes: Sizes) -> Work:
    n, m = sizes.rows(n), sizes.rows(m)
    X, Q = gaussian_rows(n, d), gaussian_rows(m, d, seed=1)
    lcp = LCPOutlierDetector(K, n_jobs=N_JOBS).fit(X)
    knn = KNNOutlierDetector(K, n_jobs=N_JOBS).fit(X)
    return Work(
        f"LCP scoring {m:,} of {_shape(n, d)} float32, k {K}",
        {
            "LCP": timed(lambda: lcp.score_samples(Q)),
            "kNN": timed(lambda: knn.score_samples(Q)),
        },
        [Claim("LCP", ("kNN",), at_most=1.25)],
    )


def lof(dtype: type, sizes: Sizes) -> Work:
    n, d, m = sizes.rows(20_000), 64, sizes.rows(2_000)
    X, Q = gaussian_rows(n, d, dtype), gaussian_rows(m, d, dtype, seed=1)
    fits: dict[str, Callable[[], Any]] = {
        "skood": lambda: LOFOutlierDetector(n_jobs=N_JOBS).fit(X),
        "scikit-learn": lambda: LocalOutlierFactor(novelty=True, n_jobs=N_JOBS).fit(X),
    }
    if is_installed("pyod"):
        from pyod.models.lof import LOF

        fits["PyOD"] = lambda: LOF(n_jobs=N_JOBS).fit(X)
    seconds = {f"{name} fit": timed(fit) for name, fit in fits.items()}
    for name, fit in fits.items():
        seconds[f"{name} score"] = timed(scoring_of(fit(), Q))
    claims = [
        Claim(f"skood {verb}", (f"{peer} {verb}",), times_faster=2.5)
        for verb in ("fit", "score")
        for peer in ("scikit-learn", "PyOD")
    ]
    name = f"LOF {_shape(n, d)} {np.dtype(dtype).name}, scoring {m:,}, k 20"
    return Work(name, seconds, claims)


def kernel_density_scoring(sizes: Sizes) -> Work:
    n, d, m = sizes.rows(20_000), 64, sizes.rows(2_000)
    X, Q = gaussian_rows(n, d, np.float64), gaussian_rows(m, d, np.float64, seed=1)
    detector = KernelDensityOutlierDetector(n_jobs=N_JOBS).fit(X)
    peer = KernelDensity(bandwidth="scott").fit(X)
    return Work(
        f"KD scoring {m:,} of {_shape(n, d)} float64",
        {
            "skood": timed(lambda: detector.score_samples(Q)),
            "KernelDensity": timed(lambda: peer.score_samples(Q)),
        },
        [Claim("skood", ("KernelDensity",), times_faster=10)],
        once=frozenset({"KernelDensity"}),
    )


def kernel_density_fit(sizes: Sizes) -> Work:
    """PyOD's fit scores all rows, so it grows with n²; skood's scores at most 10,000 of them."""
    n, d = sizes.rows(20_000), 64
    X = gaussian_rows(n, d, np.float64)
    seconds = {"skood": timed(lambda: KernelDensityOutlierDetector(n_jobs=N_JOBS).fit(X))}
    if is_installed("pyod"):
        from pyod.models.kde import KDE

        seconds["PyOD KDE"] = timed(lambda: KDE(bandwidth="scott").fit(X))
    return Work(
        f"KD fit {_shape(n, d)} float64",
        seconds,
        [Claim("skood", ("PyOD KDE",), times_faster=50)],
        once=frozenset({"PyOD KDE"}),
    )


def neighbor_fit(sizes: Sizes) -> Work:
    """PyOD's fit queries all rows, so it grows with n²; skood's at most 10,000 of them."""
    n, d, m = sizes.rows(200_000), 128, sizes.rows(12_000)
    X, Q = gaussian_rows(n, d), gaussian_rows(m, d, seed=1)
    index = ExactIndex(n_jobs=N_JOBS).fit(X)
    queries = f"{m:,} queries"
    seconds = _fits(X, sizes) | {queries: timed(lambda: index.query(Q, K))} | _pyod_fit(X)
    claims = [Claim(f"{name} fit", (queries,), at_most=1.0) for name in ("LCP", "kNN")]
    claims += [Claim(f"{name} fit", tuple(_PYOD_KNN), times_faster=10) for name in ("LCP", "kNN")]
    return Work(f"fit {_shape(n, d)} float32, k {K}", seconds, claims, once=_PYOD_KNN)


_PYOD_KNN = frozenset({"PyOD KNN fit"})


def _fits(X: NDArray, sizes: Sizes) -> dict[str, Seconds]:
    drawn = sizes.rows(10_000)  # the default, unless in a quick run
    lcp = LCPOutlierDetector(K, n_jobs=N_JOBS, threshold_samples=drawn)
    knn = KNNOutlierDetector(K, n_jobs=N_JOBS, threshold_samples=drawn)
    return {"LCP fit": timed(lambda: lcp.fit(X)), "kNN fit": timed(lambda: knn.fit(X))}


def _pyod_fit(X: NDArray) -> dict[str, Seconds]:
    if not is_installed("pyod"):
        return {}
    from pyod.models.knn import KNN

    return {"PyOD KNN fit": timed(lambda: KNN(n_neighbors=K, n_jobs=N_JOBS).fit(X))}


def approximate_search(sizes: Sizes) -> Work:
    """Rows in clusters, since practical data for approximate searches has some structure."""
    n, d, m = sizes.rows(200_000), 128, sizes.rows(10_000)
    X, Q = clustered_rows(n, d), clustered_rows(m, d, seed=1)
    exact = ExactIndex(n_jobs=N_JOBS).fit(X)
    reference = "exact pass"
    name = f"FaissIndex {_shape(n, d)} float32 in 100 clusters, {m:,} queries, k {K}"
    claims = [
        Claim("FaissIndex query", (reference,), times_faster=5),
        Claim("FaissIndex fit", (reference,), at_most=3),
    ]
    seconds = {reference: timed(lambda: exact.query(Q, K))}
    if not (hasattr(skood.neighbors, "FaissIndex") and is_installed("faiss")):
        return Work(name, seconds, claims)
    make = partial(
        skood.neighbors.FaissIndex,
        kind="ivf",
        target_recall=0.95,
        random_state=0,
        n_jobs=N_JOBS,
    )
    index = make().fit(X)
    seconds["FaissIndex query"] = timed(lambda: index.query(Q, K))
    seconds["FaissIndex fit"] = timed(lambda: make().fit(X))
    qualities = [
        Quality("recall of the queries", lambda: _recall_against(exact, index, Q), 0.95),
        Quality("recall_ reported by the fit", lambda: float(index.recall_), 0.95),
    ]
    return Work(name, seconds, claims, qualities=qualities)


def full_conformal(make: type, limit: float, sizes: Sizes) -> Work:
    """P-values by full conformal ranks, against the detector's scores alone."""
    n, d, m = sizes.rows(20_000), 64, sizes.rows(2_000)
    X, Q = gaussian_rows(n, d, np.float64), gaussian_rows(m, d, np.float64, seed=1)
    plain = make(n_jobs=N_JOBS).fit(X)
    full = ConformalOutlierDetector(make(n_jobs=N_JOBS), method="full").fit(X)
    return Work(
        f"full conformal p-values {m:,} of {_shape(n, d)} float64, {make.__name__}",
        {
            "p-values": timed(lambda: full.p_values(Q)),
            "scores": timed(lambda: plain.score_samples(Q)),
        },
        [Claim("p-values", ("scores",), at_most=limit)],
    )


def one_row_at_a_time(sizes: Sizes) -> Work:
    n, d = sizes.rows(50_000), 64
    X, Q = gaussian_rows(n, d), gaussian_rows(N_CALLS, d, seed=1)
    detector = KNNOutlierDetector(n_jobs=N_JOBS).fit(X)
    neighbors = NearestNeighbors(n_neighbors=10, algorithm="brute", n_jobs=N_JOBS).fit(X)
    limit = "1.3 × (X @ q) + 1 ms"

    def product_latency() -> float:
        return _p50_latency(lambda row: X @ row[0], Q)

    return Work(
        f"one row at a time, {_shape(n, d)} float32, p50 of {N_CALLS} calls",
        {
            "kNN score_samples": lambda: _p50_latency(detector.score_samples, Q),
            limit: lambda: 1.3 * product_latency() + 1e-3,
            "X @ q": product_latency,
            BRUTE: lambda: _p50_latency(neighbors.kneighbors, Q),
        },
        [
            Claim("kNN score_samples", (limit,), at_most=1.0),
            Claim("kNN score_samples", ("X @ q",)),
            Claim("kNN score_samples", (BRUTE,)),
        ],
    )


LIMITS_512, LIMITS_64 = (1.2, 1.0, 3), (1.7, 1.05, 3)

WORK: dict[str, Callable[[Sizes], Work]] = {
    "exact-512": lambda sizes: exact_search(50_000, 512, 2_000, LIMITS_512, sizes),
    "exact-64": lambda sizes: exact_search(100_000, 64, 5_000, LIMITS_64, sizes),
    "float64-512": lambda sizes: exact_search_float64(50_000, 512, 2_000, sizes),
    "float64-64": lambda sizes: exact_search_float64(100_000, 64, 5_000, sizes),
    "columns-3": lambda sizes: few_columns(3, sizes),
    "columns-8": lambda sizes: few_columns(8, sizes),
    "lcp-512": lambda sizes: lcp_scoring(50_000, 512, 2_000, sizes),
    "lcp-64": lambda sizes: lcp_scoring(100_000, 64, 5_000, sizes),
    "lcp-3": lambda sizes: lcp_scoring(200_000, 3, 20_000, sizes),
    "lof-float32": lambda sizes: lof(np.float32, sizes),
    "lof-float64": lambda sizes: lof(np.float64, sizes),
    "kd-score": kernel_density_scoring,
    "kd-fit": kernel_density_fit,
    "fit": neighbor_fit,
    "faiss": approximate_search,
    "one-row": one_row_at_a_time,
    "full-knn": lambda sizes: full_conformal(KNNOutlierDetector, 1.3, sizes),
    "full-lcp": lambda sizes: full_conformal(LCPOutlierDetector, 2.0, sizes),
    "full-lof": lambda sizes: full_conformal(LOFOutlierDetector, 3.0, sizes),
    "full-kd": lambda sizes: full_conformal(KernelDensityOutlierDetector, 1.3, sizes),
}
if is_installed("torch"):  # last, since the other works run without torch
    WORK |= {
        "torch-512": lambda sizes: exact_search_beside_torch(50_000, 512, 2_000, LIMITS_512, sizes),
        "torch-64": lambda sizes: exact_search_beside_torch(100_000, 64, 5_000, LIMITS_64, sizes),
    }


def clustered_rows(n: int, d: int, seed: int = 0) -> NDArray:
    """Gaussian clusters about the same 100 centres, whatever the seed."""
    centres = 2 * gaussian_rows(100, d, seed=1_000)
    rng = np.random.default_rng(seed)
    return centres[rng.integers(100, size=n)] + rng.standard_normal((n, d), dtype=np.float32)


def _shape(n: int, d: int) -> str:
    return f"{n:,} × {d}"


def scoring_of(detector: Any, Q: NDArray) -> Callable[[], Any]:
    """A call that scores new rows, by the method name of either package."""
    name = "score_samples" if hasattr(detector, "score_samples") else "decision_function"
    return lambda: getattr(detector, name)(Q)


def _exactness(index: Any, Q: NDArray) -> Quality:
    def value() -> float:
        rows = index.training_rows_.astype(np.float64)
        true = NearestNeighbors(n_neighbors=K).fit(rows).kneighbors(Q[:N_CHECKED])[1]
        return recall(index.query(Q[:N_CHECKED], K).indices, true)

    return Quality("recall", value, 1.0)


def _recall_against(exact: Any, index: Any, Q: NDArray) -> float:
    return recall(index.query(Q, K).indices, exact.query(Q, K).indices)


def _p50_latency(call: Callable[[NDArray], Any], Q: NDArray) -> float:
    """Median seconds of calls with one row each."""
    took = []
    for i in range(len(Q)):
        start = time.perf_counter()
        call(Q[i : i + 1])
        took.append(time.perf_counter() - start)
    return median(took)
