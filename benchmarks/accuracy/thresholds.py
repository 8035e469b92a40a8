"""Whether `predict` flags the share of new in-distribution rows that it promises.

    python benchmarks/accuracy/thresholds.py --data ../shared/data
    python benchmarks/accuracy/thresholds.py --small   # few draws of few rows, without real sets

A run resumes from ``--cache``, a file of one line for each draw of each cell. It takes a few draws
of all cells first, those of few rows before the others. After ``--minutes`` it writes the page from
the draws that are there.

Every preset, detector and Pipeline of the documentation at `contamination=0.05`, on simulated rows
and real embeddings.
"""

from __future__ import annotations

import argparse
import itertools
import json
import sys
import time
import warnings
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from joblib import Parallel, delayed
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
N_NEW, FEWEST_NEW = 1_000, 100
FIRST_DRAWS = 6  # of all cells, before more of any
DECAY = 0.7  # the variance along direction i is i to the power of minus this

PROTOCOL = f"""\
Each cell: the share in % of new ID rows that `predict` flags at `contamination=0.05`, with its
standard error; in brackets the AUROC of `training_scores_` against the scores of new rows; behind
the x the number of draws. Both are means over draws of training rows and of up to {N_NEW:,} new
rows. Required are {SHARE[0]:g}–{SHARE[1]:g} % and {AUROC[0]}–{AUROC[1]}; **bold** cells miss one
of both, whatever the number of their draws. Simulated
rows are normal, isotropic or with variances that fall as i^-{DECAY} along random directions. Real
rows are the normal ones of embedding sets, drawn without replacement."""
PLAIN = """\
A plain scikit-learn Pipeline takes the training scores of its last step, whose other steps have
seen these rows. It is shown for comparison, and the requirement does not count it."""


class Method(NamedTuple):
    """A detector, and whether the requirement holds for it."""

    make: Callable[[int], Any]
    is_required: bool = True


METHODS = {
    "tabular-fast preset": Method(
        lambda seed: make_outlier_detector("tabular-fast", random_state=seed)
    ),
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
            PartialWhitener(0.5, length_power=1.0),
            LCPOutlierDetector(locality=0.25, random_state=seed),
        ),
        is_required=False,
    ),
    "plain whitened, kNN": Method(
        lambda _: make_pipeline(PartialWhitener(1.0), KNNOutlierDetector()), is_required=False
    ),
}


PARTS = {  # by the last method of each
    "Presets and whitened columns": "whitened, kNN",
    "Standardised columns": "scaled, MD",
    "Detectors alone": "MD",
    "Plain scikit-learn Pipelines": "plain whitened, kNN",
}


def _honest(transformer: Any, detector: Any, seed: int) -> Any:
    return make_outlier_pipeline(transformer, detector, random_state=seed)


class Rows(NamedTuple):
    """Training and new rows of each draw."""

    name: str
    n: int
    draw: Callable[[int], tuple[NDArray, NDArray]]


def simulated(n: int, d: int, decay: float) -> Rows:
    """Normal rows with a falling spectrum along random directions."""
    name = f"{'correlated' if decay else 'isotropic'}, n {n:,}, d {d}"
    return Rows(name, n, partial(_drawn_normal, n, d, decay))


def _drawn_normal(n: int, d: int, decay: float, seed: int) -> tuple[NDArray, NDArray]:
    rows = np.random.default_rng(seed).normal(size=(n + N_NEW, d))
    if decay:
        rows = rows * np.arange(1, d + 1) ** (-0.5 * decay) @ _rotation(d)
    return rows[:n], rows[n:]


@cache
def _rotation(d: int) -> NDArray[np.float64]:
    return np.linalg.qr(np.random.default_rng(d).normal(size=(d, d)))[0]


def embeddings(data: Path, sizes: list[int]) -> Iterator[Rows]:
    """Normal rows of the embedding sets: n for training, the rest or a part of it is new."""
    for path in sorted((data / "adbench").glob("*_by_*/*.npz")):
        (n_normal, d), net = _normal_rows(path).shape, path.parent.name.split("_")[-1]
        for n in sizes:
            if n_normal >= n + FEWEST_NEW:
                name = f"{path.stem} by {net}, n {n:,}, d {d}"
                yield Rows(name, n, partial(_drawn_of_file, path, n))


def _drawn_of_file(path: Path, n: int, seed: int) -> tuple[NDArray, NDArray]:
    normal = _normal_rows(path)
    order = np.random.default_rng(seed).permutation(len(normal))
    return normal[order[:n]], normal[order[n : n + N_NEW]]


@cache
def _normal_rows(path: Path) -> NDArray[np.float64]:
    with np.load(path) as file:
        return file["X"][file["y"] == 0].astype(np.float64)


Task = tuple[Rows, str, int]  # the rows, the method, the seed


def measured(task: Task) -> tuple[Task, float, float]:
    """Share of new rows that are flagged, in %, and AUROC of training rows, in one draw."""
    rows, method, seed = task
    warnings.filterwarnings("ignore", "n_neighbors=", UserWarning)
    training, new = rows.draw(seed)
    with threadpool_limits(1):
        detector = METHODS[method].make(seed).fit(training)
        last = detector[-1] if hasattr(detector, "steps") else detector
        scores, known = detector.score_samples(new), last.training_scores_
    labels = np.r_[np.ones(len(known)), -np.ones(len(scores))].astype(int)
    share = 100 * float((scores < last.offset_).mean())
    return task, share, auroc(labels, np.r_[known, scores])


class Cell(NamedTuple):
    """A mean share with its standard error, a mean AUROC, and the number of draws."""

    share: float
    error: float
    area: float
    draws: int

    @classmethod
    def of(cls, found: list[tuple[float, float]]) -> Cell:
        """Of the results of all draws."""
        shares, areas = np.transpose(found) if found else np.full((2, 1), np.nan)
        error = shares.std(ddof=1) / len(shares) ** 0.5 if len(shares) > 1 else np.nan
        return cls(float(shares.mean()), float(error), float(areas.mean()), len(found))

    def is_met(self) -> bool:
        """Whether both means are in the required interval."""
        return SHARE[0] <= self.share <= SHARE[1] and AUROC[0] <= self.area <= AUROC[1]

    def __str__(self) -> str:
        if not self.draws:
            return "–"
        error = "" if np.isnan(self.error) else f" ± {self.error:.1f}"
        text = f"{self.share:.1f}{error} ({self.area:.2f}) x{self.draws}"
        return text if self.is_met() else f"**{text}**"


def all_cells(cases: list[Rows], options: argparse.Namespace) -> dict[str, list[Cell]]:
    """The cells of all methods for each set of rows; draws that the cache holds are read."""
    found: dict[tuple[str, str], dict[int, tuple[float, float]]] = defaultdict(dict)
    if options.cache is not None and options.cache.exists():
        for line in options.cache.read_text(encoding="utf-8").splitlines():
            name, method, seed, share, area = json.loads(line)
            found[name, method][seed] = share, area
    tasks = itertools.product(cases, METHODS, range(options.draws))
    missing = [
        (rows, method, seed) for rows, method, seed in tasks if seed not in found[rows.name, method]
    ]
    missing.sort(key=lambda task: (task[2] >= FIRST_DRAWS, task[0].n, task[2]))
    end = time.monotonic() + 60 * options.minutes
    in_time = itertools.takewhile(lambda _: time.monotonic() < end, missing)
    results = Parallel(options.jobs, return_as="generator")(map(delayed(measured), in_time))
    for (rows, method, seed), share, area in results:
        found[rows.name, method][seed] = share, area
        say(f"{rows.name} | {method} | {seed} | {share:.1f} ({area:.2f})")
        if options.cache is not None:
            with options.cache.open("a", encoding="utf-8") as file:
                print(json.dumps([rows.name, method, seed, share, area]), file=file)
    return {
        rows.name: [
            Cell.of(
                [
                    found[rows.name, method][seed]
                    for seed in range(options.draws)
                    if seed in found[rows.name, method]
                ]
            )
            for method in METHODS
        ]
        for rows in cases
    }


def verdict(cells: list[Cell]) -> str:
    """How many of the cells for which the requirement holds are met, by their number of draws."""
    measured_cells = [cell for cell in cells if cell.draws]
    of_draws = Counter(cell.draws for cell in measured_cells)
    met = Counter(cell.draws for cell in measured_cells if cell.is_met())
    parts = [f"{met[draws]} of {of_draws[draws]} by {draws} draw(s)" for draws in sorted(of_draws)]
    n_missing = len(cells) - len(measured_cells)
    return (
        f"Required of each cell of skood are {SHARE[0]:g}–{SHARE[1]:g} % and "
        f"{AUROC[0]}–{AUROC[1]}. Met: {met.total()} of {len(measured_cells)} cells "
        f"{judged(met.total() == len(measured_cells))}: {', '.join(parts)}. "
        f"{n_missing} cells are not measured (–). One draw of 100 rows has a standard error of "
        "about 2 %, one of 3,000 rows of 0.8 %."
    )


def parts_of_table(cells: dict[str, list[Cell]]) -> list[str]:
    """A section with a table for each kind of detector."""
    names, parts, start = list(METHODS), [], 0
    for title, last in PARTS.items():
        end = names.index(last) + 1
        lines = [[rows, *map(str, line[start:end])] for rows, line in cells.items()]
        note = [PLAIN] if title.startswith("Plain") else []
        parts += [f"## {title}", *note, markdown_table(["rows", *names[start:end]], lines)]
        start = end
    return parts


def main() -> None:
    """Measure all cases and write the page."""
    options = parsed_options()
    sizes = [n for n in (100, 300, 1_000, 3_000) if n <= options.largest_n]
    widths = [8, 64] if options.small else [8, 64, 768]
    cases = [simulated(n, d, decay) for decay in (DECAY, 0.0) for d in widths for n in sizes]
    if options.data is not None:
        cases += list(embeddings(options.data, sizes))
    cells = all_cells(cases, options)
    required = [method.is_required for method in METHODS.values()]
    judged_cells = [cell for line in cells.values() for cell in itertools.compress(line, required)]
    body = "\n\n".join([PROTOCOL, *parts_of_table(cells), "## Requirements", verdict(judged_cells)])
    data = "" if options.data is None else f" --data {options.data}"
    command = f"{COMMAND}{data} --draws {options.draws} --largest-n {options.largest_n}"
    if options.small:
        print(body)
    else:
        packages = ["numpy", "scikit-learn", "scipy"]
        write_result("thresholds", command, packages, body)


def parsed_options() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--data", type=folder, help="folder that holds adbench")
    parser.add_argument("--draws", type=int, default=20, help="draws of each case")
    parser.add_argument("--largest-n", type=int, default=3_000, help="largest number of rows")
    parser.add_argument(
        "--cache", type=Path, help="file of the draws so far, outside the repository"
    )
    parser.add_argument("--minutes", type=float, default=np.inf, help="time to measure")
    parser.add_argument("--jobs", type=int, default=1, help="number of processes")
    parser.add_argument("--small", action="store_true", help="few cases, printed and not written")
    options = parser.parse_args()
    if options.small:
        options.draws, options.largest_n, options.data = 2, 100, None
    return options


if __name__ == "__main__":
    main()
