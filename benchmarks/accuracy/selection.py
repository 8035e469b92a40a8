"""The choice of a detector without out-of-distribution rows, and its quality.

    python benchmarks/accuracy/selection.py --data ../shared/data

For each task and seed, `LeaveClassesOut` chooses from a grid of detectors and parameters, on the
training rows alone. Rows that are truly out-of-distribution then judge the whole grid.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from joblib import Parallel, delayed
from sklearn.base import clone
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler
from threadpoolctl import threadpool_limits

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.arguments import add_cache, add_data
from _common.report import judged, markdown_table, say, write_result
from _selection_tasks import MOST_TEST_ROWS, MOST_TRAINING_ROWS, Task, all_tasks
from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
)
from skood.cli.arguments import count as at_least_one
from skood.metrics import auroc
from skood.model_selection import LeaveClassesOut, ood_scorer, prefer_default

COMMAND = "python benchmarks/accuracy/selection.py --data ../shared/data"
GAP_CLOSED = 70.0  # % of the way from a random choice to the best one, required in the mean
MOST_BELOW_DEFAULT = 2.0  # points
STANDARD_ERRORS = 2.0  # chosen on other sets, as the protocol says
DEFAULTS = {
    "tabular": {"scaling": StandardScaler(), "detector": LCPOutlierDetector()},
    "embedding": {"scaling": PartialWhitener(0.5), "detector": LCPOutlierDetector(locality=0.5)},
}
PROTOCOL = f"""\
AUROC in %, mean ± standard deviation over {{seeds}} seeds; a seed draws the rows, the strange
classes of the digits, and the autoencoder's first weights. Trained on at most
{MOST_TRAINING_ROWS:,} rows; judged on at most {MOST_TEST_ROWS} held-out in-distribution rows and as
many truly strange ones. *chosen*: the best of the {{grid}} candidates by the mean AUROC over five
splits of `LeaveClassesOut` on the training rows (where there are no labels, of clusters of them),
but the default unless the best leads it by more than {STANDARD_ERRORS:g} standard errors of the
lead (`prefer_default`). *default*: the preset, for embeddings with `length_power=0`. *random*: the
mean of all candidates. *oracle*: the best on the strange rows themselves. *gap closed*: how far the
choice goes from random to oracle, of the means. *without the rule*: the best by the mean AUROC,
whatever its lead.

Origin of the rule: in the first five seeds of these tasks, without it, the choice lost on traces of
Fashion-MNIST. The rule was then chosen on other sets, none of which is below, two seeds each:
`wine` and `breast_cancer` of scikit-learn with a class as strange rows, and of ADBench cardio,
vowels, fault, Waveform, satimage-2, landsat, thyroid, annthyroid, mammography, 20news_3, and by
ResNet18 bottle, cable, grid and screw of MVTec-AD, CIFAR10_0 and SVHN_0. Of 0, 1 or 2 standard
errors, 5 or 10 splits, and 1 or half of the classes left out, this was best both in the largest
loss against the default (2.6 points; without the rule 6.0) and in the mean gap closed (53 %;
without the rule 37 %; satimage-2 left out, where oracle and random are 0.2 points apart). There the
default itself closed more, 71 %; but the presets had been found on sets of ADBench."""


@dataclass(frozen=True)
class Outcome:
    """AUROC in % of one task and seed."""

    chosen: float
    default: float
    random: float
    oracle: float
    plain: float
    chosen_steps: str


def grid() -> list[dict[str, list[Any]]]:
    """Scalings with detectors; the presets are among them."""
    scalings = ["passthrough", StandardScaler(), PartialWhitener(0.5), PartialWhitener(1.0)]
    detectors = [
        *(
            LCPOutlierDetector(perplexity=p, locality=g)
            for p in (2.0, 5.0, 14.0)
            for g in (0.0, 0.5)
        ),
        *(KNNOutlierDetector(k) for k in (1, 10, 50)),
        LOFOutlierDetector(),
        KernelDensityOutlierDetector(),
        MahalanobisOutlierDetector(),
    ]
    return [{"scaling": scalings, "detector": detectors}]


def evaluate(task: Task, data: Path, cache: Path, seed: int) -> Outcome:
    """Choose by the training rows, and judge all candidates by the test rows."""
    draw = task.draw(data, cache, seed)
    pipeline = Pipeline([("scaling", "passthrough"), ("detector", KNNOutlierDetector())])
    by_labels = draw.classes is not None
    cv = LeaveClassesOut(classes="labels" if by_labels else "kmeans", random_state=seed)
    scorer = ood_scorer("auroc", cv=None if by_labels else cv)
    rule = prefer_default(DEFAULTS[task.default], STANDARD_ERRORS)
    # refit=False: the test below fits all candidates
    search = GridSearchCV(pipeline, grid(), cv=cv, scoring=scorer, refit=False, error_score="raise")
    with threadpool_limits(1), warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # fewer rows than neighbours in a small split
        search.fit(draw.train, draw.classes)
        candidates = search.cv_results_["params"]
        judged = np.array([_judge(pipeline, params, draw) for params in candidates])
        default = _judge(pipeline, DEFAULTS[task.default], draw)
    best, plain = rule(search.cv_results_), search.best_index_
    chosen_steps = f"{candidates[best]['scaling']}, {candidates[best]['detector']}"
    return Outcome(judged[best], default, judged.mean(), judged.max(), judged[plain], chosen_steps)


def _judge(pipeline: Pipeline, params: dict[str, Any], draw: Any) -> float:
    fitted = clone(pipeline).set_params(**clone_all(params)).fit(draw.train, draw.classes)
    return 100 * auroc(draw.labels, fitted.score_samples(draw.test))


def clone_all(params: dict[str, Any]) -> dict[str, Any]:
    return {
        name: value if value == "passthrough" else clone(value) for name, value in params.items()
    }


def report(by_task: dict[str, list[Outcome]], n_seeds: int) -> str:
    size = len(grid()[0]["scaling"]) * len(grid()[0]["detector"])
    head = ["task", "chosen", "default", "random", "oracle", "gap closed", "chosen − default"]
    head.append("without the rule")
    rows, closed, worst = [], [], {}
    for name, outcomes in by_task.items():
        table = np.array([[o.chosen, o.default, o.random, o.oracle, o.plain] for o in outcomes])
        chosen, default, random, oracle, _ = table.mean(axis=0)
        share = 100 * (chosen - random) / (oracle - random)
        closed.append(share)
        worst[name] = chosen - default
        cells = [
            f"{mean:.2f} ± {spread:.2f}"
            for mean, spread in zip(table.mean(axis=0), table.std(axis=0), strict=True)
        ]
        rows.append([name, *cells[:4], f"{share:.0f} %", f"{chosen - default:+.2f}", cells[4]])
    mean, least = float(np.mean(closed)), min(worst, key=lambda name: worst[name])
    lines = [
        f"- gap closed, mean over {len(by_task)} tasks: {mean:.0f} %, at least {GAP_CLOSED:.0f} % "
        f"{judged(mean >= GAP_CLOSED)}",
        f"- chosen − default, the worst task ({least}): {worst[least]:+.2f}, at least "
        f"−{MOST_BELOW_DEFAULT:g} {judged(worst[least] >= -MOST_BELOW_DEFAULT)}",
    ]
    below = [name for name, difference in worst.items() if difference < 0]
    lines.append(f"- tasks where the choice is below the default: {', '.join(below) or 'none'}")
    parts = [PROTOCOL.format(seeds=n_seeds, grid=size), "## Requirements", "\n".join(lines)]
    parts += [
        "## Tasks",
        markdown_table(head, rows),
        "## What was chosen",
        choices(by_task),
    ]
    return "\n\n".join(parts)


def choices(by_task: dict[str, list[Outcome]]) -> str:
    rows = []
    for name, outcomes in by_task.items():
        counts: dict[str, int] = {}
        for outcome in outcomes:
            counts[outcome.chosen_steps] = counts.get(outcome.chosen_steps, 0) + 1
        for steps, count in sorted(counts.items(), key=lambda item: -item[1]):
            rows.append([name, f"`{steps}`", str(count)])
    return markdown_table(["task", "scaling, detector", "seeds"], rows)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "mnist/, genome/, ...")
    add_cache(parser, "traces are kept here")
    parser.add_argument("--seeds", type=at_least_one, default=10)
    parser.add_argument(
        "--jobs", type=at_least_one, default=os.cpu_count(), help="worker processes"
    )
    parser.add_argument("--only", default="", metavar="PATTERN", help="tasks with this in the name")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    tasks = [task for task in all_tasks() if arguments.only.lower() in task.name.lower()]
    if not tasks:
        sys.exit(f"argument --only: must match a task. Got {arguments.only!r} instead.")
    outcomes: dict[str, list[Outcome]] = {}
    start = time.perf_counter()
    for task in tasks:
        work = (
            delayed(evaluate)(task, arguments.data, arguments.cache, seed)
            for seed in range(arguments.seeds)
        )
        outcomes[task.name] = Parallel(n_jobs=arguments.jobs)(work)
        say(f"{task.name}, {time.perf_counter() - start:.0f} s so far")
    body = report(outcomes, arguments.seeds)
    if arguments.only:
        print(body)
        return
    packages = ["skood", "numpy", "scipy", "scikit-learn", "torch"]
    command = COMMAND + ("" if arguments.seeds == 10 else f" --seeds {arguments.seeds}")
    write_result("selection", command, packages, body)


if __name__ == "__main__":
    main()
