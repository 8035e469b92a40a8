"""Kills of commands, and pairs of commands on one output.

``python -m tests.cli.bad_luck kills 200 0`` makes so many, and prints what went wrong; so does
``pairs``. The processes are forked after the imports, so that a signal meets the work.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import skood
import skood.cli._bench_rows
import skood.cli._bench_run
import skood.cli._detect_run
import skood.cli._fit
import skood.cli._score_run
from skood.cli import main

from .cli_files import names_in, numbers, write

Do = Callable[[], object]
BLOCKS = ["--block-rows", "64", "--quiet"]
MD = ["--detector", "md"]


def forked(do: Do) -> int:
    """Start a process."""
    sys.stdout.flush()
    pid = os.fork()
    if pid:
        return pid
    code = 99
    try:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 1)
        os.dup2(null, 2)
        code = int(do() or 0)
    except BaseException:
        traceback.print_exc()
    finally:
        os._exit(code)


def status_of(pid: int) -> int:
    """The exit status of a process when it has ended; minus the signal that has killed it."""
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


class Commands:
    """Commands in a folder, the output of each, and what each leaves there."""

    def __init__(self, folder: Path, n_rows: int) -> None:
        self.folder = folder
        write(numbers(300), folder / "train.csv")
        write(numbers(n_rows, seed=1), folder / "new.csv")
        os.chdir(folder)
        fit = ["fit", "--train", "train.csv", *MD, "--quiet", "--save"]
        assert status_of(forked(lambda: main([*fit, "d.skood"]))) == 0
        detect = ["detect", "--train", "train.csv", "--new", "new.csv", *MD, *BLOCKS, "--output"]
        score = ["score", "d.skood", "--new", "new.csv", *BLOCKS, "--output"]
        bench = ["bench", "--train", "train.csv", "--detectors", "md", "--splits", "2", "--quiet"]
        bench += ["--clusters", "2", "--resamples", "20", "--output"]
        self.known: dict[str, tuple[list[str], str]] = {
            "detect-csv": ([*detect, "o.csv"], "o.csv"),
            "detect-parquet": ([*detect, "o.parquet"], "o.parquet"),
            "fit": ([*fit, "o.skood"], "o.skood"),
            "score-csv": ([*score, "o.csv"], "o.csv"),
            "score-parquet": ([*score, "o.parquet"], "o.parquet"),
            "bench": ([*bench, "out"], "out/bench.md"),
            "score-gz": ([*score, "o.csv.gz"], "o.csv.gz"),
            "score-arrow": ([*score, "o.arrow"], "o.arrow"),
        }
        self._base = set(names_in(folder))
        self._estimator = skood.KNNOutlierDetector()

    def fit_estimator(self) -> None:
        """Fit what `save` saves."""
        self._estimator.fit(numbers(20_000, seed=2).to_numpy())

    def do(self, name: str, *more: str) -> Do:
        if name == "save":
            return lambda: skood.save(self._estimator, "o.skood")
        return lambda: main([*self.known[name][0], *more])

    def output(self, name: str) -> Path:
        return Path("o.skood" if name == "save" else self.known[name][1])

    def clean(self) -> None:
        for name in set(names_in(self.folder)) - self._base:
            shutil.rmtree(name) if Path(name).is_dir() else Path(name).unlink()

    def left(self) -> list[str]:
        """What is in the folder, and in that of the comparison."""
        names = [name for name in names_in(self.folder) if name not in self._base]
        return names + ([f"out/{name}" for name in names_in(Path("out"))] if "out" in names else [])

    def content(self, name: str) -> bytes | None:
        """The output, if it is the same after each run; a saved file must be whole."""
        path = self.output(name)
        if name in ("fit", "save"):
            skood.load(path)
        return path.read_bytes() if name.startswith(("detect", "score")) else None

    def alone(self, name: str) -> tuple[float, bytes | None, list[str]]:
        """Seconds of a run that nothing disturbs, its output, and what it leaves."""
        self.clean()
        start = time.monotonic()
        assert status_of(forked(self.do(name))) == 0, name
        return time.monotonic() - start, self.content(name), self.left()


def kill_one(commands: Commands, name: str, alone: tuple, chance: random.Random) -> list[str]:
    """Kill a command at any time and run it again: what is wrong then."""
    seconds, expected, files = alone
    commands.clean()
    pid = forked(commands.do(name))
    time.sleep(chance.uniform(0, 1.05 * seconds))
    how = chance.choice([signal.SIGKILL, signal.SIGTERM])
    os.kill(pid, how)
    code, after, wrong = status_of(pid), commands.left(), []
    if code not in (0, 143, -how):
        wrong.append(f"status {code}")
    if code == 143 and any("skood-" in text for text in after):
        wrong.append(f"SIGTERM left {after}")
    if commands.output(name).exists() and commands.content(name) != expected:
        wrong.append("half written")
    stopped = name.startswith("score") and any(text.endswith(".part") for text in after)
    code = status_of(forked(commands.do(name, *(["--resume"] if stopped else []))))
    if code != 0:
        wrong.append(f"status {code} of the next run")
    elif commands.content(name) != expected:
        wrong.append("the next run differs")
    if commands.left() != files:
        wrong.append(f"left {commands.left()} of {after}")
    return wrong and [f"{name} {how.name} {after} {wrong}"]


def pair(commands: Commands, name: str, alone: tuple, chance: random.Random) -> list[str]:
    """Two commands on one output, one after the other: one must end as if alone."""
    seconds, expected, files = alone
    commands.clean()
    scores = name.startswith("score")
    more = chance.choice([[], ["--restart"], ["--resume"]]) if scores else []
    first = forked(commands.do(name))
    time.sleep(chance.uniform(0, min(2, 1.2 * seconds)))
    second = forked(commands.do(name, *more))
    got = sorted([status_of(first), status_of(second)])
    if got not in ([0, 0], [0, 2]) or commands.left() != files:
        return [f"{name} {more} ended with {got} and left {commands.left()}"]
    return [] if commands.content(name) == expected else [f"{name} {more} differs"]


def run(kind: str, n: int, seed: int) -> list[str]:
    """What is wrong after so many kills or pairs, of all commands in turn."""
    chance, home = random.Random(seed), Path.cwd()  # noqa: S311
    with tempfile.TemporaryDirectory() as folder:
        commands = Commands(Path(folder).resolve(), 2_000 if kind == "kills" else 6_000)
        names = [*commands.known, *(["save"] if kind == "kills" else [])]
        names = [names[(i + seed) % len(names)] for i in range(n)]
        if "save" in names:
            commands.fit_estimator()
        alone = {name: commands.alone(name) for name in dict.fromkeys(names)}
        act, wrong, done = {"kills": kill_one, "pairs": pair}[kind], [], Counter[str]()
        for i, name in enumerate(names):
            found = act(commands, name, alone[name], chance)
            done[name] += 1
            wrong += found
            if "-v" in sys.argv:
                print(i, name, found, flush=True)
        os.chdir(home)
    print(f"{n} {kind}, {len(wrong)} wrong: {dict(done)}")
    return wrong


if __name__ == "__main__":
    found = run(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
    print(*found, sep="\n")
    sys.exit(bool(found))
