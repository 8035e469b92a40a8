"""Kills of `skood watch` at any moment, while files fall in and grow.

``python -m tests.cli.watch_kills 50 0`` makes 50 kills, and prints what went wrong.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import tempfile
import time
from pathlib import Path

import pandas  # noqa: F401, ICN001  # as all of these: a signal meets the work
import pyarrow.csv
import pyarrow.json
import pyarrow.parquet  # noqa: F401
import skops.io  # noqa: F401

import skood
from skood.cli import main
from skood.cli._watch_run import watch as _imported  # noqa: F401
from skood.cli.watch.ledger import Ledger
from skood.storage import read_manifest

from .bad_luck import forked, status_of
from .cli_files import numbers, write

SECONDS = 1.0  # of a run after its first batch, at most
PATIENCE = 20.0  # seconds until that


class Feed:
    """A folder into which files fall, one of which grows."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.expected = folder, {"log.csv": 0}
        self._lines = numbers(100_000, seed=3).to_csv(index=False).splitlines(keepends=True)
        (folder / "log.csv").write_text(self._lines[0])

    def drop(self, chance: random.Random) -> None:
        """One more file, and more lines; the last one is not whole for a moment."""
        i, n = len(self.expected), chance.randint(1, 80)
        name = f"{i}.{chance.choice(['csv', 'parquet', 'jsonl'])}"
        rows, new = numbers(n, seed=10 + i), self.folder / f".new-{name}"
        if name.endswith("jsonl"):
            rows.to_json(new, orient="records", lines=True)
        else:
            write(rows, new)
        new.rename(self.folder / name)
        n_more = chance.randint(1, 30)
        first = 1 + self.expected["log.csv"]
        text = "".join(self._lines[first : first + n_more])
        cut = chance.randint(0, len(text))
        for part in (text[:cut], text[cut:]):
            with (self.folder / "log.csv").open("a") as file:
                file.write(part)
            time.sleep(chance.uniform(0, 0.2))
        self.expected |= {name: n, "log.csv": self.expected["log.csv"] + n_more}


def ledger_in(state: Path) -> Ledger:
    """The ledger in the state of a watch."""
    return Ledger.from_list(json.loads(read_manifest(state)["notes"]["watch"]["ledger"]))


def wrong_in(state: Path, report: Path) -> list[str]:
    """What is wrong in the state and the report that a killed watch has left."""
    wrong = []
    if state.exists():
        ledger = ledger_in(state)
        n_rows, n_seen = sum(e.rows for e in ledger.entries.values()), skood.load(state).n_seen_
        if n_rows != n_seen:
            wrong.append(f"the ledger has {n_rows} rows and the monitor {n_seen}")
    if report.exists() and not report.read_text().endswith("</html>\n"):
        wrong.append("the report is cut")
    return wrong


def _await_change(state: Path, feed: Feed, chance: random.Random) -> None:
    before, end = _time_of(state), time.monotonic() + PATIENCE
    feed.drop(chance)
    while _time_of(state) == before and time.monotonic() < end:
        time.sleep(0.01)


def _time_of(path: Path) -> int:
    return path.stat().st_mtime_ns if path.exists() else 0


def run(n: int, seed: int) -> list[str]:
    """What is wrong after so many kills."""
    chance, wrong, n_rows = random.Random(seed), [], []  # noqa: S311
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        os.chdir(folder)
        write(numbers(800), folder / "train.csv")
        fit = ["fit", "--train", "train.csv", "--detector", "md", "--quiet", "--save", "d.skood"]
        assert status_of(forked(lambda: main(fit))) == 0
        Path("feed").mkdir()
        feed, state, report = Feed(folder / "feed"), folder / "m.skood", folder / "r.html"
        watch = ["watch", "d.skood", "--input", "feed", "--state", "m.skood", "--every", "0.02"]
        watch += ["--report", "r.html"]
        for _ in range(n):
            pid = forked(lambda: main(watch))
            if chance.random() < 0.8:
                _await_change(state, feed, chance)
            end = time.monotonic() + chance.uniform(0, SECONDS)
            while time.monotonic() < end:
                feed.drop(chance)
            os.kill(pid, signal.SIGKILL)
            status_of(pid)
            wrong += wrong_in(state, report)
            n_rows.append(skood.load(state).n_seen_ if state.exists() else 0)
        status = status_of(forked(lambda: main([*watch, "--once"])))
        wrong += wrong_in(state, report)
        counted = {name: entry.rows for name, entry in ledger_in(state).entries.items()}
        if status not in (0, 4) or counted != feed.expected:
            wrong.append(f"status {status}, {counted} instead of {feed.expected}")
        os.chdir("/")
        total = sum(feed.expected.values())
    print(f"{n} kills, {len(wrong)} wrong; {total:,} rows, known after each: {n_rows}")
    return wrong


if __name__ == "__main__":
    found = run(int(sys.argv[1]), int(sys.argv[2]))
    print(*found, sep="\n")
    sys.exit(bool(found))
