"""Whether `predict` flags the share of new in-distribution rows that it promises.

    python benchmarks/accuracy/thresholds.py --data ../shared/data
    python benchmarks/accuracy/thresholds.py --small   # few draws of few rows, without real sets

Every preset, detector and Pipeline of the documentation at `contamination=0.05`, on simulated rows
and real embeddings.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.arguments import folder
from _common.report import judged, markdown_table, say, write_result
from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
    make_outlier_detector,
    make_outlier_pipeline,
)
from skood.metrics import auroc

COMMAND = "python benchmarks/accuracy/thresholds.py"
SHARE, AUROC = (3.0, 7.0), (0.47, 0.53)  # required: flagged in %, training against new rows
N_NEW = 1_000
DECAY = 0.7  # the variance along direction i is i to the power of minus this

PROTOCOL = f"""\
Each cell: the share in % of {N_NEW:,} new ID rows that
`predict` flags at `contamination=0.05`, and in brackets the AUROC of `training_scores_` against the
scores of new rows; means over {{draws}} draws of training and new rows. Required are
{SHARE[0]:g}–{SHARE[1]:g} % and {AUROC[0]}–{AUROC[1]}; **bold** cells miss one of both. Simulated
rows are normal, isotropic or with variances that fall as i^-{DECAY} along random directions. Run
here: {{run}}."""
PLAIN = """\
A plain scikit-learn Pipeline takes the training scores of its last step, whose other steps have
seen these rows. It is shown for comparison, and the requirement does not count it."""


class Method(NamedTuple):
    """A detector, and whether the requirement holds for it."""

    make: Callable[[int], Any]
    is_required: bool = True


METHODS = {
    "tabular preset": Method(lambda seed: make_outlier_detector("tabular", random_state=seed)),
    "embedding preset": Method(lambda seed: make_outlier_detector("embedding", random_state=seed)),
    "whitened, kNN": Method(lambda seed: _honest(PartialWhitener(1.0), KNNOutlierDetector(), seed)),
    "scaled, kNN": Method(lambda seed: _honest(StandardScaler(), KNNOutlierDetector(), seed)),
    "scaled, LOF": Method(lambda seed: _honest(StandardScaler(), LOFOutlierDetector(), seed)),
    "scaled, KD": Method(
        lambda seed: _honest(StandardScaler(), KernelDensityOutlierDetector(), seed)
    ),
    "scaled, MD": Method(
        lambda seed: _honest(StandardScaler(), MahalanobisOutlierDetector(), seed)
    ),
    "LCP": Method(lambda _: LCPOutlierDetector()),
    "kNN": Method(lambda _: KNNOutlierDetector()),
    "LOF": Method(lambda _: LOFOutlierDetector()),
    "KD": Method(lambda _: KernelDensityOutlierDetector()),
    "MD": Method(lambda _: MahalanobisOutlierDetector()),
    "plain embedding Pipeline": Method(
        lambda seed: make_pipeline(
            PartialWhitener(0.5, length_power=0.75),
            LCPOutlierDetector(locality=0.5, random_state=seed),
        ),
        is_required=False,
    ),
    "plain whitened, kNN": Method(
        lambda _: make_pipeline(PartialWhitener(1.0), KNNOutlierDetector()), is_required=False
    ),
}


def _honest(transformer: Any, detector: Any, seed: int) -> Any:
    return make_outlier_pipeline(transformer, detector, random_state=seed)


class Rows(NamedTuple):
    """Training and new rows of each draw."""

    name: str
    draw: Callable[[int], tuple[NDArray, NDArray]]


def simulated(n: int, d: int, decay: float) -> Rows:
    """Normal rows with a falling spectrum along random directions."""

    def draw(seed: int) -> tuple[NDArray, NDArray]:
        rows = np.random.default_rng(seed).normal(size=(n + N_NEW, d))
        if decay:
            rows = rows * np.arange(1, d + 1) ** (-0.5 * decay) @ _rotation(d)
        return rows[:n], rows[n:]

    return Rows(f"{'correlated' if decay else 'isotropic'}, n {n:,}, d {d}", draw)


@cache
def _rotation(d: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(d).normal(size=(d, d)))[0]


def embeddings(data: Path, sizes: list[int]) -> Iterator[Rows]:
    """Normal rows of the embedding sets that have enough of them."""
    for path in sorted((data / "adbench").glob("*_by_*/*.npz")):
        with np.load(path) as file:
            normal = file["X"][file["y"] == 0].astype(np.float64)
        for n in sizes:
            if len(normal) >= n + N_NEW:
                yield Rows(f"{path.stem}, n {n:,}, d {normal.shape[1]}", _of_file(normal, n))


def _of_file(normal: NDArray, n: int) -> Callable[[int], tuple[NDArray, NDArray]]:
    def draw(seed: int) -> tuple[NDArray, NDArray]:
        order = np.random.default_rng(seed).permutation(len(normal))
        return normal[order[:n]], normal[order[n : n + N_NEW]]

    return draw


def measure(method: Method, rows: Rows, draws: int) -> tuple[float, float]:
    """Mean share of new rows that are flagged, in %, and mean AUROC of training rows."""
    found = []
    for seed in range(draws):
        training, new = rows.draw(seed)
        detector = method.make(seed).fit(training)
        last = detector[-1] if hasattr(detector, "steps") else detector
        scores, known = detector.score_samples(new), last.training_scores_
        labels = np.r_[np.ones(len(known)), -np.ones(len(scores))].astype(int)
        found.append([100 * (scores < last.offset_).mean(), auroc(labels, np.r_[known, scores])])
    share, area = np.mean(found, axis=0)
    return float(share), float(area)


def is_met(share: float, area: float) -> bool:
    """Whether both figures are in the required interval."""
    return SHARE[0] <= share <= SHARE[1] and AUROC[0] <= area <= AUROC[1]


def table(cases: list[Rows], draws: int) -> tuple[str, list[bool]]:
    """One line for each set of rows, one column for each method; and which cells are met."""
    lines, verdicts = [], []
    for rows in cases:
        line = [rows.name]
        for method in METHODS.values():
            share, area = measure(method, rows, draws)
            met = is_met(share, area)
            cell = f"{share:.1f} ({area:.2f})"
            line.append(cell if met else f"**{cell}**")
            if method.is_required:
                verdicts.append(met)
        lines.append(line)
        say(" | ".join(line))
    return markdown_table(["rows", *METHODS], lines), verdicts


def main() -> None:
    """Measure all cases and write the page."""
    options = parsed_options()
    sizes = [n for n in (100, 300, 1_000, 3_000) if n <= options.largest_n]
    widths = [8, 64] if options.small else [8, 64, 768]
    cases = [simulated(n, d, decay) for decay in (DECAY, 0.0) for d in widths for n in sizes]
    if options.data is not None:
        cases += list(embeddings(options.data, [n for n in sizes if n <= 1_000]))
    warnings.filterwarnings("ignore", "n_neighbors=", UserWarning)
    with threadpool_limits(1):
        text, verdicts = table(cases, options.draws)
    run = f"n up to {max(sizes):,}, d {', '.join(map(str, widths))}, " + (
        "no real sets" if options.data is None else "real embeddings"
    )
    body = "\n\n".join(
        [
            PROTOCOL.format(draws=options.draws, run=run),
            f"Met: {sum(verdicts)} of {len(verdicts)} cells {judged(all(verdicts))}.",
            text,
            PLAIN,
        ]
    )
    command = f"{COMMAND} {' '.join(sys.argv[1:])}".strip()
    if options.small:
        print(body)
    else:
        packages = ["numpy", "scikit-learn", "scipy"]
        write_result("thresholds", "Thresholds on new rows", command, packages, body)


def parsed_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=folder, help="folder that holds adbench")
    parser.add_argument("--draws", type=int, default=20, help="draws of each case")
    parser.add_argument("--largest-n", type=int, default=3_000, help="largest number of rows")
    parser.add_argument("--small", action="store_true", help="few cases, printed and not written")
    options = parser.parse_args()
    if options.small:
        options.draws, options.largest_n, options.data = 2, 100, None
    return options


if __name__ == "__main__":
    main()
