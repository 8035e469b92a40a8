"""Ten small cases that show whether a commit makes skood slower: two minutes on one processor.

    python -m pytest benchmarks/guard.py

The developer guide describes how to compare two commits. The guard writes no page of results.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from pytest_benchmark.fixture import BenchmarkFixture
from threadpoolctl import threadpool_limits

import skood
from skood.cli import main
from skood.measures import perplexity_weights
from skood.neighbors import ExactIndex

K = 15
DETECTORS = {
    "LCP": skood.LCPOutlierDetector,
    "kNN": skood.KNNOutlierDetector,
    "LOF": skood.LOFOutlierDetector,
    "KD": skood.KernelDensityOutlierDetector,
    "MD": skood.MahalanobisOutlierDetector,
}


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    """Limit BLAS to one thread, since other programs slow down a second one the most."""
    with threadpool_limits(1):
        yield


def gaussian_rows(n: int, d: int, seed: int) -> NDArray[np.float32]:
    return np.random.default_rng(seed).standard_normal((n, d), dtype=np.float32)


@pytest.mark.parametrize("name", DETECTORS)
def test_score_of_one_row(benchmark: BenchmarkFixture, name: str) -> None:
    n = 20_000 if name == "LOF" else 50_000  # LOF searches for the neighbours of all rows
    detector = DETECTORS[name]().fit(gaussian_rows(n, 64, seed=0))
    scores = benchmark(detector.score_samples, gaussian_rows(1, 64, seed=1))
    assert scores.shape == (1,)


@pytest.mark.parametrize("d", [64, 512])
def test_exact_search(benchmark: BenchmarkFixture, d: int) -> None:
    index = ExactIndex(n_jobs=1).fit(gaussian_rows(20_000, d, seed=0))
    neighbors = benchmark(index.query, gaussian_rows(1_000, d, seed=1), K)
    assert neighbors.indices.shape == (1_000, K)


def test_fit(benchmark: BenchmarkFixture) -> None:
    detector = skood.LCPOutlierDetector(threshold_samples=2_000, random_state=0, n_jobs=1)
    benchmark(detector.fit, gaussian_rows(20_000, 64, seed=0))
    assert detector.training_scores_.shape == (2_000,)


def test_lcp_weights(benchmark: BenchmarkFixture) -> None:
    distances = np.sqrt(np.random.default_rng(0).chisquare(64, size=(20_000, K)))
    result = benchmark(perplexity_weights, distances, 5.0)
    assert result.converged.all()


def test_scores_of_a_csv_file(benchmark: BenchmarkFixture, tmp_path: Path) -> None:
    names = ("train.csv", "new.csv", "detector.skood", "scores.csv")
    train, new, detector, scores = (str(tmp_path / name) for name in names)
    for path, n in ((train, 1_000), (new, 20_000)):
        header = ",".join(f"c{j}" for j in range(20))
        np.savetxt(path, gaussian_rows(n, 20, n), delimiter=",", header=header, comments="")
    assert main(["fit", "--train", train, "--save", detector, "--quiet"]) == 0
    status = benchmark.pedantic(
        lambda: main(["score", detector, "--new", new, "--output", scores, "--quiet"]),
        setup=lambda: Path(scores).unlink(missing_ok=True),
        rounds=5,
    )
    assert status == 0
