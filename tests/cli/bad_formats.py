"""What the commands do with odd files of JSON lines, Arrow and Parquet, packed ones, and options.

``python -m tests.cli.bad_formats 3000 0`` makes so many, and prints what went wrong."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
import signal
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from skood.cli._table_arguments import RESULT_ENDINGS

from .bad_files import Cases, N, outcomes, report
from .bad_options import options, schema
from .bad_streams import JSON, PACKED, SURE
from .bad_tables import NOTHING, ROWS, VALUES
from .bad_typed import ARROW, FOLDERS, PARQUET_FILES
from .cli_files import Stdin, write

FILES = (JSON, JSON, PACKED, ARROW, PARQUET_FILES)
FORMATS = ("csv", "tsv", "jsonl", "parquet", "arrow", "npy", "npz")
COMMANDS = "score score score detect train check fit bench info"
SHORT = ["--splits", "2", "--resamples", "0"]
SECONDS = 60


@contextlib.contextmanager
def _written(fifo: Path, content: bytes) -> Iterator[None]:
    """Another process writes into a named pipe, once."""

    def write_once() -> None:
        with contextlib.suppress(BrokenPipeError):
            fifo.write_bytes(content)

    os.mkfifo(fifo)
    thread = threading.Thread(target=write_once, daemon=True)
    thread.start()
    try:
        yield
    finally:
        while thread.is_alive():  # who waits for a reader gets one
            os.close(os.open(fifo, os.O_RDONLY | os.O_NONBLOCK))
            thread.join(0.01)


class _Hangs(BaseException):
    """A command has taken too long."""


def _stop(*_: object) -> None:
    raise _Hangs


class FormatCases(Cases):
    """Files of formats with types, packed ones, and options."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.temporary = self.base / "temporary"
        self.temporary.mkdir()
        signal.signal(signal.SIGALRM, _stop)

    def file(self, random: np.random.Generator) -> tuple[str, str]:
        """A file, given by its path, by stdin, by a named pipe, or under another name."""
        table = FILES[random.integers(len(FILES))]
        kind = str(random.choice(list(table)))
        keeps, name, make = table[kind]
        content, path = make(self.new, random), self.folder / name
        how = ("path", "path", "path", "stdin", "fifo", "renamed", "lie")[random.integers(7)]
        told: list[str] = []
        form = _format_of(name)
        if how == "stdin" and form is not None:
            path, told = Path("-"), ["--format", form] if random.integers(2) else []
        elif how == "renamed" and form is not None:
            path, told = self.folder / "new.dat", ["--format", form]
        elif how == "lie":  # in the name, or told
            keeps, lie = NOTHING, str(random.choice(FORMATS))
            on_stdin = bool(random.integers(2))
            path, told = (
                (Path("-"), ["--format", lie]) if on_stdin else (self.folder / f"l.{lie}", [])
            )
        if how != "fifo" and path != Path("-"):
            path.write_bytes(content)
        arguments = [*self._command(path, random, keeps), *told]
        said = f"{how} {arguments[0]} {name} {kind} {' '.join(told)}"
        if how != "fifo":
            return said, self._kept(arguments, keeps, content)
        with _written(path, content):
            return said, self._kept(arguments, VALUES if keeps == SURE else keeps, content)

    def rows_in_folder(self, random: np.random.Generator) -> tuple[str, str]:
        """A folder of Parquet files."""
        kind = str(random.choice(list(FOLDERS)))
        keeps, make = FOLDERS[kind]
        path = self.folder / "rows"
        make(self.new, path)
        arguments = self._command(path, random, keeps)
        return f"folder {arguments[0]} {kind}", self._kept(arguments, keeps)

    def described(self, random: np.random.Generator) -> tuple[str, str]:
        """A good file with a description of its columns."""
        kind, path = schema(self.folder, random)
        arguments = self._command(self._good_file(random), random, NOTHING, "detect fit check")
        return f"{arguments[0]} {kind}", self._kept([*arguments, "--schema", path], ROWS)

    def told(self, random: np.random.Generator) -> tuple[str, str]:
        """A good file with odd options."""
        more = options(random)
        commands = "score detect fit check bench"
        arguments = self._command(self._good_file(random), random, NOTHING, commands)
        keeps = NOTHING if "--no-header" in more else ROWS
        return f"{arguments[0]} {more!r:.300}", self._kept([*arguments, *more], keeps)

    def _good_file(self, random: np.random.Generator) -> Path:
        return write(self.new, self.folder / ("new.csv", "new.parquet")[random.integers(2)])

    def _command(
        self, path: Path, random: np.random.Generator, keeps: str, commands: str = COMMANDS
    ) -> list[Any]:
        known = commands.split()
        command = "score" if keeps == SURE else known[random.integers(len(known))]
        ids, md = ["--id-column", "id"], ["--detector", "md", "--alpha", "none"]
        ending = (*RESULT_ENDINGS, "-")[random.integers(len(RESULT_ENDINGS) + 1)]
        output = ["--output", ending if ending == "-" else self.folder / f"o{ending}"]
        against = (self.train, self.of("d"))[random.integers(2)]
        return {
            "score": ["score", self.of("d"), "--new", path, *output, *ids],
            "detect": ["detect", "--train", self.train, "--new", path, *output, *ids, *md],
            "train": ["detect", "--train", path, "--new", self.train, *output, *ids, *md],
            "check": ["check", path, *ids, *(["--against", against] * int(random.integers(2)))],
            "fit": ["fit", "--train", path, "--save", self.folder / "o.skood", *ids, *md],
            "bench": ["bench", "--train", path, "--detectors", "md", *SHORT],
            "info": ["info", path],
        }[command]

    def _kept(self, arguments: list[Any], keeps: str, content: bytes = b"") -> str:
        """What a command does; it leaves no temporary file."""
        n_rows = None if keeps == NOTHING or self.train in arguments[4:5] else N
        expected = self.expected if keeps in (VALUES, SURE) and arguments[0] == "score" else None
        before, tempfile.tempdir = tempfile.tempdir, str(self.temporary)
        stdin, sys.stdin = sys.stdin, Stdin(content)
        signal.alarm(SECONDS)
        try:
            said = self._outcome(arguments, n_rows, expected)
        finally:
            signal.alarm(0)
            sys.stdin, tempfile.tempdir = stdin, before
        gc.collect()
        if said == "refused" and keeps == SURE:
            return "refused, though it is right"
        left = [path.name for path in self.temporary.iterdir()]
        for name in left:
            shutil.rmtree(self.temporary / name)
        return f"left {left} of {said}" if left else said

    def make(self, random: np.random.Generator) -> tuple[str, str]:
        """A file, and what came of it."""
        kinds = [self.file] * 6 + [self.rows_in_folder] * 2 + [self.described] * 2 + [self.told] * 3
        result = kinds[random.integers(len(kinds))](random)
        for path in self.folder.iterdir():
            if path.name == "rows":
                shutil.rmtree(path)
            elif path != self.base:
                path.unlink()
        return result


def _format_of(name: str) -> str | None:
    """What `--format` calls the format of a file."""
    names = {".jsonl": "jsonl", ".ndjson": "jsonl", ".csv": "csv", ".parquet": "parquet"}
    names |= dict.fromkeys((".arrow", ".arrows", ".feather", ".ipc"), "arrow")
    name = name.lower().removesuffix(".gz").removesuffix(".zst")
    return names.get(Path(name).suffix)


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        sys.exit(report(outcomes(int(sys.argv[1]), int(sys.argv[2]), Path(where), FormatCases)))
