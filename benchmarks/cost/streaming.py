"""Scoring a CSV file in blocks, beside reading, scoring and writing it as a whole.

    python benchmarks/cost/streaming.py                 # some fifteen minutes on two processors
    python benchmarks/cost/streaming.py --rows 200000   # a smaller file; nothing is written

Each way runs in a process of its own.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

import numpy as np

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

import skood
from _common.memory import (
    MB,
    PEAK_IS_MEASURABLE,
    forget_peak,
    measured_in_new_process,
    peak,
    resident,
)
from _common.report import judged, markdown_table, say, write_result
from skood.cli import main as skood_command

LIMIT = 250  # MB above the fitted detector
SHARE = 1.2  # of the throughput in memory
ROWS, COLUMNS, TRAINING_ROWS = 5_000_000, 20, 2_000
AT_ONCE = 100_000  # rows that are written together
PACKAGES = ["skood", "numpy", "scikit-learn", "pandas", "pyarrow"]

METHOD = """\
{rows:,} rows of {columns} columns of standard normal numbers, a CSV file of {size:,.0f} MB. The
detector is `skood fit` at its defaults (tabular: LCP on standardised columns, with conformal
p-values) on {training:,} other such rows. "In blocks" is `skood score`; "in memory" is
`pandas.read_csv`, `score_samples` and `p_values` of all rows in one call each, and `to_csv`. Both
write row, score, p-value and decision. Each runs in a process of its own. Memory is the highest
resident memory of the process, less its resident memory with the detector loaded and all modules
imported. 1 MB = 10⁶ bytes."""


def write_rows(path: Path, n: int, seed: int) -> None:
    import pyarrow as pa
    from pyarrow import csv

    rng = np.random.default_rng(seed)
    with path.open("wb") as file:
        for start in range(0, n, AT_ONCE):
            count = min(AT_ONCE, n - start)
            rows = pa.table({f"c{j}": rng.normal(size=count) for j in range(COLUMNS)})
            csv.write_csv(rows, file, csv.WriteOptions(include_header=start == 0))


def in_blocks(folder: Path, rows: str = "new.csv", output: str = "blocks.csv") -> None:
    paths = [str(folder / name) for name in ("d.skood", rows, output)]
    assert skood_command(["score", paths[0], "--new", paths[1], "--output", paths[2]]) == 0


def in_memory(folder: Path) -> None:
    import pandas as pd

    detector = skood.load(folder / "d.skood")
    rows = pd.read_csv(folder / "new.csv")
    scores = detector.score_samples(rows)
    results = pd.DataFrame(
        {
            "row": np.arange(1, len(rows) + 1),
            "score": scores,
            "p_value": detector.p_values(rows, scores=scores),
            "decision": np.where(scores < detector.offset_, -1, 1),
        }
    )
    results.to_csv(folder / "memory.csv", index=False)


WAYS: dict[str, Callable[[Path], None]] = {"in blocks": in_blocks, "in memory": in_memory}


def measure(way: str, folder: Path) -> dict[str, float]:
    """In the process of its own: seconds, and MB above the loaded detector."""
    import pandas as pd  # noqa: F401  # modules are not the detector's memory

    in_blocks(folder, "few.csv", f"few {way}.csv")  # imports the modules of `skood score`
    detector = skood.load(folder / "d.skood")
    assert hasattr(detector, "p_values")
    before = resident()
    forget_peak()
    start = perf_counter()
    WAYS[way](folder)
    return {"seconds": perf_counter() - start, "memory": peak() - before}


def measure_in_new_process(way: str, folder: Path) -> dict[str, float]:
    say(f"{way} ...")
    return measured_in_new_process(__file__, "--measure", way, "--folder", str(folder))


def kill_and_resume(folder: Path, rows: int) -> tuple[int, bool]:
    """The number of rows at the kill, and whether the resumed file is the same."""
    say("killed and resumed ...")
    output = folder / "resumed.csv"
    journal = folder / "resumed.csv.part.json"
    command = [sys.executable, "-m", "skood", "score", str(folder / "d.skood")]
    command += ["--new", str(folder / "new.csv"), "--output", str(output), "--quiet"]
    process = subprocess.Popen(command)
    while process.poll() is None:
        if journal.exists() and json.loads(journal.read_text())["rows"] > rows / 3:
            process.send_signal(signal.SIGKILL)
        time.sleep(0.05)
    assert process.wait() == -signal.SIGKILL
    killed_after = json.loads(journal.read_text())["rows"]
    subprocess.run([*command, "--resume"], check=True)
    return killed_after, digest(output) == digest(folder / "blocks.csv")


def digest(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def largest_difference(folder: Path) -> float:
    """The largest relative difference between the scores of the two ways."""
    from pyarrow import csv

    only_scores = csv.ConvertOptions(include_columns=["score"])
    scores, scores_in_memory = (
        csv.read_csv(folder / name, convert_options=only_scores)["score"].to_numpy()
        for name in ("blocks.csv", "memory.csv")
    )
    return float(np.abs(scores / scores_in_memory - 1).max())


def run(rows: int, folder: Path) -> str:
    load_before = os.getloadavg()[0]
    write_rows(folder / "train.csv", TRAINING_ROWS, seed=0)
    write_rows(folder / "new.csv", rows, seed=1)
    write_rows(folder / "few.csv", 10, seed=2)
    fit = ["fit", "--train", str(folder / "train.csv"), "--save", str(folder / "d.skood")]
    subprocess.run([sys.executable, "-m", "skood", *fit, "--quiet"], check=True)
    measured = {way: measure_in_new_process(way, folder) for way in WAYS}
    ratio = measured["in memory"]["seconds"] / measured["in blocks"]["seconds"]
    memory = measured["in blocks"]["memory"]
    required = {
        "in blocks": [
            f"≤ {LIMIT} MB {judged(memory <= LIMIT)}",
            f"{ratio:.2f} × in memory, ≥ {SHARE} {judged(ratio >= SHARE)}",
        ],
        "in memory": ["", ""],
    }
    lines = [
        [
            way,
            f"{figures['seconds']:.0f} s",
            f"{rows / figures['seconds']:,.0f}",
            f"{figures['memory']:,.0f} MB",
            *required[way],
        ]
        for way, figures in measured.items()
    ]
    head = ["way", "time", "rows a second", "memory", "required", "throughput"]
    killed_after, same = kill_and_resume(folder, rows)
    size = (folder / "new.csv").stat().st_size / MB
    method = METHOD.format(rows=rows, columns=COLUMNS, size=size, training=TRAINING_ROWS)
    return (
        f"{method}\n\n{markdown_table(head, lines)}\n\n"
        f"The scores of the two differ by {largest_difference(folder):.1g} at most, relative. "
        f"Killed with SIGKILL after {killed_after:,} rows, `--resume` "
        f"ends with {'the same file, byte for byte' if same else 'ANOTHER FILE'}. "
        f"The load average of the machine was {load_before:.1f} before and "
        f"{os.getloadavg()[0]:.1f} after.\n\n## Requirements\n\n- The file after SIGKILL and "
        f"`--resume` is the same, byte for byte {judged(same)}"
    )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS)
    parser.add_argument("--measure", choices=WAYS, help="measure one in this process")
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.measure:
        print(json.dumps(measure(arguments.measure, arguments.folder)))
        return
    if not PEAK_IS_MEASURABLE:
        sys.exit("Only Linux lets a process measure its peak memory anew.")
    with tempfile.TemporaryDirectory() as folder:
        body = run(arguments.rows, Path(folder))
    if arguments.rows != ROWS:
        print(body)  # a partial run must not replace the page
        return
    write_result("streaming", "python benchmarks/cost/streaming.py", PACKAGES, body)


if __name__ == "__main__":
    main()
