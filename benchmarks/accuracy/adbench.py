"""AUROC of skood's detectors and their peers on tabular and embedding sets of ADBench.

    python benchmarks/accuracy/adbench.py --data ../shared/data

Protocol: train on a random 70 % of the normal rows, test on the other normal rows and all
anomalies. Tabular sets are standardised on the training rows; embedding sets are left raw. Nothing
is chosen on test rows: all detectors run with their defaults.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import pickle
import sys
import time
from concurrent.futures import ProcessPoolExecutor, as_completed
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _adbench.evaluation import KINDS, LIMIT_SECONDS, MAX_TRAINING_ROWS, Dataset, datasets, evaluate
from _adbench.tables import TIE, Results, group_report, requirements, set_tables
from _common.arguments import add_data
from _common.peers import is_installed
from _common.report import say, write_result
from skood.cli.arguments import count as at_least_one

COMMAND = "python benchmarks/accuracy/adbench.py --data ../shared/data"
PROTOCOL = f"""\
AUROC in %, mean over {{splits}} random splits and then over sets. Trained on 70 % of the normal
rows, at most {MAX_TRAINING_ROWS:,} of them for every method alike (32_shuttle has more); tested on
the other normal rows and all anomalies. Tabular sets are standardised on the training rows, for
every method; embedding sets are raw for every method (their preset whitens by itself). All rows are
float64. All detectors run at their defaults; those that draw at random get the number of the split
as seed. *Standard error* is over sets; *preset minus it* is paired, on the sets where both ran;
*mean rank* ranks a failed method last on the set; differences below {TIE} points are ties. AUPR-out
and FPR95 (lower is better) are in % as well. *Seconds* are of one processor, for fitting and
scoring all splits of all sets."""
NOTES = f"""\
- 19_landsat and 31_satimage-2 are cut from one source, and so are 2_annthyroid and 38_thyroid:
  these 13 tabular sets are not 13 independent ones. Nor are the embedding sets: the images of
  MVTec-AD come through two networks.
- The tabular-fast preset is StandardScaler and LCP, so LCP is not listed once more there.
- PyOD KNN takes the distance to the fifth neighbour, kNN10 the mean distance to ten. PyOD KDE has
  the bandwidth 1, KD Scott that of Scott's rule; scikit-learn's KernelDensity is given Scott's rule
  too, so that the two can be compared. With many columns its bounds lose digits at its default
  leaf size (scikit-learn issue 25799), and then it differs from KD Scott.
- PyOD ECOD scores a row by the rows that it comes with: here, by all test rows at once.
- PyOD MCD and scikit-learn's EllipticEnvelope are one estimate and agree for the same seed, as the
  tabular sets show; so on embedding sets, where one fit takes up to many minutes, only MCD is run.
- A method that needs more than {LIMIT_SECONDS} s of processor time for one split is stopped, and
  counts as failed on the set."""


def run(chosen: list[Dataset], n_splits: int, peers: bool, keep: Path | None) -> dict[str, Results]:
    """Results by kind, set and method; the sets in the order in which they were given."""
    start, done = time.perf_counter(), {}
    for dataset in chosen:
        if keep and _kept(keep, dataset, n_splits, peers).exists():
            # written by an earlier run of this script, into a folder of the caller
            kept = _kept(keep, dataset, n_splits, peers).read_bytes()
            done[dataset.name] = pickle.loads(kept)  # noqa: S301
    # The largest first: a large set at the end would keep a single process busy.
    order = sorted(chosen, key=lambda dataset: -dataset.path.stat().st_size)
    order = [dataset for dataset in order if dataset.name not in done]
    # A fresh process has no threads that a fork could lock.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(min(len(chosen), os.cpu_count() or 1), context) as pool:
        tasks = {pool.submit(evaluate, dataset, n_splits, peers): dataset for dataset in order}
        for task in as_completed(tasks):
            dataset = tasks[task]
            done[dataset.name] = task.result()
            if keep:
                keep.mkdir(parents=True, exist_ok=True)
                _kept(keep, dataset, n_splits, peers).write_bytes(pickle.dumps(task.result()))
            seconds = time.perf_counter() - start
            line = f"[{len(done)}/{len(chosen)}] {dataset.name}, {seconds:.0f} s so far"
            say(line)
    results = {kind: {d.name: done[d.name] for d in chosen if d.kind == kind} for kind in KINDS}
    return {kind: by_set for kind, by_set in results.items() if by_set}


def _kept(folder: Path, dataset: Dataset, n_splits: int, peers: bool) -> Path:
    name = dataset.name.replace("/", "-")
    return folder / f"{name}-{n_splits}{'-peers' if peers else ''}.pkl"


def report(results: dict[str, Results], n_splits: int) -> str:
    parts = [PROTOCOL.format(splits=n_splits), "## Requirements", requirements(results)]
    parts += [group_report(kind, by_set) for kind, by_set in results.items()]
    parts += ["## Notes", NOTES]
    parts += [set_tables(kind, by_set) for kind, by_set in results.items()]
    return "\n\n".join(part for part in parts if part)


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    add_data(parser, "adbench/")
    parser.add_argument("--splits", type=at_least_one, default=5)
    parser.add_argument("--only", default="", metavar="PATTERN", help="sets with this in the name")
    parser.add_argument("--no-peers", action="store_true", help="only skood's own detectors")
    parser.add_argument(
        "--keep",
        type=Path,
        metavar="FOLDER",
        help="keep the results of each set there, and resume from them",
    )
    arguments = parser.parse_args()
    if not arguments.no_peers and not is_installed("pyod"):
        say("no peers: pip install pyod adds them, and an hour")
        arguments.no_peers = True
    return arguments


def main() -> None:
    arguments = parse_arguments()
    chosen = datasets(arguments.data, arguments.only)
    if not chosen:
        sys.exit(
            "The '--data' argument must be a folder that holds adbench/, with sets whose names "
            f"contain '{arguments.only}'. Got {arguments.data}."
        )
    body = report(
        run(chosen, arguments.splits, not arguments.no_peers, arguments.keep), arguments.splits
    )
    if arguments.only:
        print(body)
        say("not written: only a run on all sets is kept")
        return
    command = COMMAND + (" --no-peers" if arguments.no_peers else "")
    command += "" if arguments.splits == 5 else f" --splits {arguments.splits}"
    packages = [
        "skood",
        "numpy",
        "scipy",
        "scikit-learn",
        *([] if arguments.no_peers else ["pyod"]),
    ]
    name = "accuracy_adbench" + ("-skood" if arguments.no_peers else "")
    write_result(name, command, packages, body)


if __name__ == "__main__":
    main()
