"""Whether the guarantees of ConformalOutlierDetector hold, by simulation and on real rows.

    python benchmarks/accuracy/conformal.py --data ../shared/data   # without --data: fewer sets
    python benchmarks/accuracy/conformal.py --part methods          # full conformal and CV+ alone

1,000 repetitions of each: draw calibration and new rows, calibrate, and count the flagged rows.
Each part writes a page of its own.
"""

from __future__ import annotations

import argparse
import sys
import warnings
from collections import defaultdict
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator
from sklearn.frozen import FrozenEstimator
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.report import say, write_result
from _conformal import methods
from _conformal.tables import (
    ALPHAS,
    CONFIDENCE,
    Shares,
    batch_table,
    class_table,
    fdr_table,
    marginal_table,
)
from _conformal.tasks import N_SIMULATED, Draw, Task, all_tasks, digits, simulated
from skood import ConformalOutlierDetector, KNNOutlierDetector, make_outlier_detector

COMMAND = "python benchmarks/accuracy/conformal.py --data ../shared/data"
N_INSIDE, N_OUTSIDE = 160, 40  # rows tested together for the false discovery rate
N_BATCH, N_STRANGE = 50, 10  # rows of a batch, and of the OoD rows that replace some of them
REPETITIONS, REFITS = 1_000, 200

PROTOCOL = f"""\
{{repetitions:,}} repetitions of each. The guarantee holds for calibration rows and new rows that
are drawn together, for any training rows of the detector. The simulation draws all rows and fits
the detector in each repetition. Real rows are scored once, by a detector that was fitted to other
rows; each repetition splits them into calibration rows and new rows. A smaller check repeats all
steps. `ConformalOutlierDetector` makes every decision. *Met* means two things: the mean exceeds
alpha by no more than its {100 * CONFIDENCE:g} % interval over the repetitions allows; and of one
row from each repetition, no more are flagged than the upper end of the {100 * CONFIDENCE:g} %
interval of the binomial distribution with probability alpha. Shares are in %, s.e. is the standard
error."""
NOTES = {
    "marginal": """\
Calibrated together. *With random ties*: the share of p-values ≤ alpha where ties with calibration
scores are broken at random (`predict` counts them against flagging). "All fitted anew": in {refits}
repetitions `fit` splits the rows and fits the detector.""",
    "class": """\
`class_conditional=True`; the interval is corrected for the number of classes. Last column: the most
flagged class without `class_conditional`.""",
    "fdr": f"""\
`control="fdr"`, {N_INSIDE} ID rows and {N_OUTSIDE} OoD rows tested together: shifted rows, patches
of photographs, anomalies, and digits of MNIST. At 1 % the smallest p-value flags rows only if many
rows have it: with n calibration rows (of a class) it takes {N_INSIDE + N_OUTSIDE} / (0.01 (n + 1))
rows. So nothing may be flagged.""",
    "batch": f"""\
`conformal_test` on batches of {N_BATCH} ID rows, and with {N_STRANGE} of them replaced by OoD rows:
the share of batches with such a p-value, in %.""",
}


class Page(NamedTuple):
    """A page of results."""

    name: str
    command: str
    body: str


class ScoreColumn(BaseEstimator):
    """A detector that returns the first column as the score."""

    def fit(self, X: NDArray, y: NDArray | None = None) -> ScoreColumn:  # noqa: ARG002
        """Nothing to learn."""
        self.n_features_in_ = X.shape[1]
        return self

    def score_samples(self, X: NDArray) -> NDArray[np.float64]:
        """The first column."""
        return X[:, 0]


SCORED = FrozenEstimator(ScoreColumn().fit(np.zeros((1, 2))))


def column(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    """Rows of a score and of a number, by which rows of equal scores differ."""
    return np.column_stack([scores, np.arange(len(scores))])


def calibrate(draw: Draw, alpha: float, by_class: bool) -> ConformalOutlierDetector:
    detector = ConformalOutlierDetector(
        SCORED, alpha=alpha, class_conditional=by_class, random_state=0
    )
    return detector.fit(column(draw.calibration), draw.calibration_classes)


def flagged(detector: ConformalOutlierDetector, scores: NDArray) -> NDArray[np.bool_]:
    return detector.predict(column(scores)) == -1


def repetition(task: Task, seed: int, shares: Shares) -> None:
    """Add the shares of a repetition."""
    for by_class in (False, True) if task.has_classes else (False,):
        rng = np.random.default_rng([seed, by_class])
        draw = task.draw(rng, by_class)
        new, classes = draw.inside, draw.inside_classes
        batch = rng.choice(new, N_INSIDE, replace=False)
        strange = rng.choice(draw.outside, N_OUTSIDE, replace=False)
        for alpha in ALPHAS:
            key = task.name, by_class, alpha
            detector = calibrate(draw, alpha, by_class)
            is_flagged = flagged(detector, new)
            shares["flagged", *key].append(is_flagged.mean())
            shares["one", *key].append(is_flagged[rng.integers(len(new))])
            if not by_class:
                p = detector.p_values(column(new))
                shares["random ties", *key].append(np.mean(p <= alpha))
            if classes is not None:
                for k in np.unique(classes):
                    shares["class", *key, k].append(is_flagged[classes == k].mean())
            is_flagged = flagged(detector.set_params(control="fdr"), np.r_[batch, strange])
            shares["fdp", *key].append(is_flagged[:N_INSIDE].sum() / max(1, is_flagged.sum()))
            shares["power", *key].append(is_flagged[N_INSIDE:].mean())
        _test_batches(task.name, detector, batch, strange, shares)


def _test_batches(
    name: str,
    detector: ConformalOutlierDetector,
    inside: NDArray,
    strange: NDArray,
    shares: Shares,
) -> None:
    by_class = detector.class_conditional
    batch = inside[:N_BATCH]
    mixed = np.r_[batch[N_STRANGE:], strange[:N_STRANGE]]
    for method in ("simes",) if by_class else ("rank_sum", "simes"):
        alarms, seen = (
            detector.conformal_test(column(rows), method=method).p_value for rows in (batch, mixed)
        )
        for alpha in ALPHAS:
            shares["alarm", name, by_class, method, alpha].append(alarms <= alpha)
            shares["seen", name, by_class, method, alpha].append(seen <= alpha)


def refit(name: str, seed: int, shares: Shares) -> None:
    """A repetition with new rows, a new detector, and its p-values of other new rows."""
    rng = np.random.default_rng([seed, 7])
    if name == "simulation":
        (X, y), (new, new_y) = simulated(rng, N_SIMULATED), simulated(rng, 200)
        inner = KNNOutlierDetector(n_neighbors=5)
    else:
        X, y = digits()
        order = rng.permutation(len(X))
        test, training = order[:200], order[200:]
        X, y, new, new_y = X[training], y[training], X[test], y[test]
        inner = make_outlier_detector("tabular-fast")
    for by_class in (False, True):
        detector = ConformalOutlierDetector(
            inner, class_conditional=by_class, calibration_size=0.75, random_state=seed
        ).fit(X, y)
        p = detector.p_values(new, random_ties=False)
        for alpha in ALPHAS:
            key = f"{name}, all fitted anew", by_class, alpha
            shares["flagged", *key].append(np.mean(p <= alpha))
            shares["one", *key].append(p[0] <= alpha)
            for k in np.unique(new_y):
                shares["class", *key, k].append(np.mean(p[new_y == k] <= alpha))


def report(tasks: list[Task], shares: Shares, repetitions: int, refits: int) -> str:
    listed = "\n".join(
        f"- {task.name}: {task.description}; {task.n_calibration:,} calibrate" for task in tasks
    )
    return "\n\n".join(
        [
            PROTOCOL.format(repetitions=repetitions),
            listed,
            "## Flagged ID rows",
            NOTES["marginal"].format(refits=refits),
            marginal_table(shares),
            "## Flagged ID rows of each class",
            NOTES["class"],
            class_table(shares),
            "## False discoveries",
            NOTES["fdr"],
            fdr_table(shares),
            "## Whole batches",
            NOTES["batch"],
            batch_table(shares),
        ]
    )


def measure_split(arguments: argparse.Namespace) -> Page:
    repetitions, refits = (30, 10) if arguments.quick else (REPETITIONS, REFITS)
    shares: Shares = defaultdict(list)
    tasks = list(all_tasks(arguments.data))
    for task in tasks:
        say(f"{task.name} ...")
        for seed in range(repetitions):
            repetition(task, seed, shares)
    for name in ("simulation", "digits"):
        say(f"{name}, all fitted anew ...")
        for seed in range(refits):
            refit(name, seed, shares)
    command = COMMAND if arguments.data else "python benchmarks/accuracy/conformal.py"
    body = report(tasks, shares, repetitions, refits)
    return Page("conformal", command, body)


def measure_methods(arguments: argparse.Namespace) -> Page:
    repetitions = 20 if arguments.quick else REPETITIONS
    body = methods.report(methods.measured(repetitions), repetitions)
    command = "python benchmarks/accuracy/conformal.py --part methods"
    return Page("conformal_methods", command, body)


PARTS = {"split": measure_split, "methods": measure_methods}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--data", type=Path, help="folder that holds adbench/, fashion_mnist/, ...")
    parser.add_argument("--part", choices=PARTS, help="the only part to measure")
    parser.add_argument("--quick", action="store_true", help="few repetitions; nothing is written")
    arguments = parser.parse_args()
    # With few calibration rows nothing can be flagged at 1 %: that is a result here.
    warnings.filterwarnings("ignore", "alpha=", UserWarning)
    for name, measure in PARTS.items():
        if arguments.part not in (None, name):
            continue
        with threadpool_limits(1):
            page = measure(arguments)
        if arguments.quick:
            print(page.body)
        else:
            packages = ["skood", "numpy", "scipy", "scikit-learn"]
            write_result(page.name, page.command, packages, page.body)


if __name__ == "__main__":
    main()
