"""What the commands do with messy, odd and damaged files of rows and images.

``python -m tests.cli.bad_files 3000 0`` makes so many, and prints what went wrong.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import re
import sys
import tempfile
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

import skood
from skood._optional import is_installed
from skood.cli import main

from .bad_arrays import ARCHIVES, ARRAYS, PARQUET, write_parquet
from .bad_tables import CHANGES, NOTHING, VALUES, n_rows_of, new_text
from .cli_files import names_in, orders, write

N = 50
FOREIGN = re.compile(
    r"Traceback|could not convert|dtype|Arrow[A-Z]|object at 0x|codec can't|positional|"
    r"concatenat|broadcast|NoneType|KeyError|\bndarray\b|not subscriptable|has no attribute"
)
SIZE = 8
RIGHT = ("answered", "refused")


def _run(arguments: list[str]) -> tuple[int, str, str]:
    """The exit status of a command in this process, and what it says."""
    out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        try:
            status = main(arguments)
        except SystemExit as error:  # of argparse
            status = int(error.code or 0)
        except BaseException as error:
            return -1, "", f"{type(error).__name__}: {error}"
    out.flush()
    return status, out.buffer.getvalue().decode(), err.getvalue()


def read_results(path: Path, name: str) -> pd.DataFrame:
    """The results in a file, whose format the ending of a name tells."""
    if name.endswith(".jsonl"):
        return pd.read_json(path, lines=True)
    if name.endswith((".arrow", ".feather")):
        return pd.read_feather(path)
    if name.endswith(".parquet"):
        return pd.read_parquet(path)
    content = path.read_bytes()
    if name.endswith(".gz"):
        content = gzip.decompress(content)
    if name.endswith(".zst"):
        import pyarrow as pa

        content = pa.CompressedInputStream(pa.BufferReader(content), "zstd").read()
    return pd.read_csv(io.BytesIO(content), sep="\t" if name.endswith(".tsv") else ",")


class Cases:
    """Files in a folder, and detectors to score them with."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.base = folder, folder / "base"
        self.base.mkdir()
        self.train = write(orders(200), self.base / "train.csv")
        self.new = orders(N, seed=1)
        self.X = np.random.default_rng(1).normal(size=(N, 4))
        np.save(self.base / "train.npy", np.random.default_rng(0).normal(size=(200, 4)))
        options = ["--detector", "knn", "--alpha", "none", "--quiet"]
        self._done(
            "fit", "--train", self.train, "--save", self.of("d"), "--id-column", "id", *options
        )
        self._done("fit", "--train", self.base / "train.npy", "--save", self.of("array"), *options)
        self.expected = self._scores(write(self.new, self.base / "new.csv"), "d")
        np.save(self.base / "new.npy", self.X)
        self.expected_arrays = self._scores(self.base / "new.npy", "array")
        self.has_images = is_installed("torch") and is_installed("PIL")
        if self.has_images:
            self._make_images(options)

    def of(self, name: str) -> Path:
        return self.base / f"{name}.skood"

    def _done(self, *arguments: object) -> None:
        status, _, err = _run([*map(str, arguments)])
        assert status == 0, err

    def _scores(self, path: Path, detector: str) -> np.ndarray:
        output = self.base / "scores.csv"
        self._done("score", self.of(detector), "--new", path, "--output", output, "--quiet")
        return pd.read_csv(output)["score"].to_numpy()

    def _make_images(self, options: list[str]) -> None:
        from skood.deep import AutoencoderTransformer

        pixels = np.random.default_rng(0).random((60, 3, SIZE, SIZE), dtype=np.float32)
        features = AutoencoderTransformer((4,), 2, epochs=1, random_state=0).fit(pixels)
        skood.save(features, self.of("features"))
        np.save(self.base / "images.npy", pixels)
        more = ["--features", self.of("features"), *options]
        self._done("fit", "--train", self.base / "images.npy", "--save", self.of("images"), *more)

    def text(self, random: np.random.Generator) -> tuple[str, str]:
        kind = str(random.choice(list(CHANGES)))
        keeps, change = CHANGES[kind]
        text = new_text(self.new, random)
        change(text)
        if random.integers(4) == 0:  # two at once; the first may need what the second changes
            more = str(random.choice(list(CHANGES)))
            with contextlib.suppress(ValueError, IndexError):
                CHANGES[more][1](text)
            kind, keeps = f"{kind}, {more}", NOTHING
        path = text.written(self.folder)
        n_rows = n_rows_of(path, text.delimiter) if keeps == NOTHING and text.header else None
        n_rows = n_rows if keeps == NOTHING else N
        ids = ["--id-column", "id"] if text.header and random.integers(6) else []
        expected = self.expected if keeps == VALUES else None
        command = ("score", "score", "score", "detect", "check", "fit", "bench", "info")[
            random.integers(8)
        ]
        arguments = {
            "score": [
                "score",
                self.of("d"),
                "--new",
                path,
                "--output",
                self.folder / "o.csv",
                *ids,
            ],
            "detect": ["detect", "--train", path, "--new", path, "--output", self.folder / "o.csv"],
            "check": ["check", path, "--against", (self.train, self.of("d"))[random.integers(2)]],
            "fit": ["fit", "--train", path, "--save", self.folder / "o.skood"],
            "bench": ["bench", "--train", path, "--detectors", "md", "--splits", "2"],
            "info": ["info", path],
        }[command]
        if command in ("detect", "fit", "check"):
            arguments += ids
        if command in ("detect", "fit"):
            arguments += ["--detector", "md", "--alpha", "none"]
        if command == "info":
            text.options = []
        if command == "bench":
            arguments += ["--resamples", "0"]
        said = self._outcome(
            [*arguments, *text.options], n_rows, expected if command == "score" else None
        )
        return f"text {command} {kind}", said

    def parquet(self, random: np.random.Generator) -> tuple[str, str]:
        kind = str(random.choice(list(PARQUET)))
        keeps, change = PARQUET[kind]
        path = self.folder / "new.parquet"
        write_parquet(change(self.new, random), path, random)
        if random.integers(4) == 0:
            kind, keeps = f"{kind}, damaged", NOTHING
            content = bytearray(path.read_bytes())
            for place in random.integers(len(content), size=random.integers(1, 9)):
                content[place] = random.integers(256)
            cut = random.integers(len(content)) if random.integers(3) == 0 else len(content)
            path.write_bytes(content[:cut])
        return f"parquet {kind}", self._scored(path, keeps, self.expected, "d", random)

    def array(self, random: np.random.Generator) -> tuple[str, str]:
        name, of = (("new.npy", ARRAYS), ("new.npz", ARCHIVES))[int(random.integers(4) == 0)]
        kind = str(random.choice(list(of)))
        keeps, change = of[kind]
        (self.folder / name).write_bytes(change(self.X, random))
        path = self.folder / name
        return f"{name} {kind}", self._scored(path, keeps, self.expected_arrays, "array", random)

    def image(self, random: np.random.Generator) -> tuple[str, str]:
        from .bad_images import IMAGES, write_pictures

        folder, kind = self.folder / "images", str(random.choice(list(IMAGES)))
        n_rows = write_pictures(folder, kind, random)
        output = self.folder / "o.csv"
        arguments = ["score", self.of("images"), "--new", folder, "--output", output]
        return f"images {kind}", self._outcome(arguments, n_rows, None)

    def _scored(
        self, path: Path, keeps: str, expected: Any, detector: str, random: np.random.Generator
    ) -> str:
        output = self.folder / "o.csv"
        ids = ["--id-column", "id"] if detector == "d" else []
        arguments = ["score", self.of(detector), "--new", path, "--output", output, *ids]
        if random.integers(4) == 0:
            expected = None
            arguments = ["detect", "--train", path, "--new", path, "--output", output, *ids]
            arguments += ["--detector", "md", "--alpha", "none"]
        n_rows = None if keeps == NOTHING else N
        return self._outcome(arguments, n_rows, expected if keeps == VALUES else None)

    def _outcome(self, arguments: list[Any], n_rows: int | None, expected: Any) -> str:
        before = names_in(self.folder)
        arguments = [*map(str, arguments)]
        n_flagged = int("--fail-on-ood" in arguments)
        if arguments[0] not in ("check", "info"):
            arguments.append("--quiet")
        status, out, err = _run(arguments)
        status = 0 if status == n_flagged else status
        made = sorted(set(names_in(self.folder)) - set(before))
        for name in made:
            (self.folder / name).replace(self.base / "made")
        errors = [line for line in err.splitlines() if ": warning: " not in line]
        if status not in (0, 2, 3):
            return f"status {status}: {err[-300:]}"
        if FOREIGN.search(err) or FOREIGN.search(out):
            return f"foreign words: {err[-300:]}"
        if status == 0:
            errors = [line for line in errors if ": error: " in line]
            if errors:
                return f"errors and status 0: {errors}"
            if arguments[0] in ("score", "detect"):
                output = arguments[arguments.index("--output") + 1]
                if output == "-":
                    (self.base / "made").write_text(out)
                    made = [*made, "-"]
                return self._right(made, output, n_rows, expected)
            return "answered"
        usage = "usage: " in err
        one = len(errors) == 1 and re.match(r"skood \w+: error: .+[.!?]$", errors[0])
        if arguments[0] == "check" and status == 3 and ": error: " not in err and out:
            return "refused" if not made else f"left {made}"
        if not (usage or one) or not err.replace("\n", "").isprintable() or len(err) > 3000:
            return f"no sentence ({len(err)} characters): {err[:400]!r}"
        if out and arguments[0] != "check":
            return f"printed {out[:100]!r}"
        return "refused" if not made else f"left {made}"

    def _right(self, made: list[str], output: str, n_rows: int | None, expected: Any) -> str:
        if made != [Path(output).name]:
            return f"made {made}"
        try:
            table = read_results(self.base / "made", output)
        except ValueError as error:
            return f"an output that cannot be read: {error}"
        if n_rows is not None and len(table) != n_rows:
            return f"{len(table)} rows of {n_rows}"
        if not np.isfinite(table["score"]).all():
            return "scores that are not finite"
        if expected is not None and not np.allclose(table["score"], expected, rtol=1e-6):
            return "other scores"
        return "answered"

    def make(self, random: np.random.Generator) -> tuple[str, str]:
        """A file, and what came of it."""
        kinds: list[Callable[[np.random.Generator], tuple[str, str]]] = [self.text] * 5
        kinds += [self.parquet, self.parquet, self.array]
        if self.has_images:
            kinds.append(self.image)
        result = kinds[random.integers(len(kinds))](random)
        for path in self.folder.iterdir():
            if path.is_file():
                path.unlink()
        return result


def outcomes(n: int, seed: int, folder: Path, kind: type[Cases] = Cases) -> list[tuple[str, str]]:
    """What came of so many files."""
    random = np.random.default_rng(seed)
    cases = kind(folder)
    found = []
    for _ in range(n):
        found.append(cases.make(random))
        if "-v" in sys.argv and found[-1][1] not in RIGHT:
            print(len(found), *found[-1], flush=True)
    return found


def report(found: list[tuple[str, str]]) -> int:
    """Print what went wrong, and give the exit status."""
    wrong = [(text, said) for text, said in found if said not in RIGHT]
    print(Counter("wrong" if pair in wrong else pair[1] for pair in found))
    for text, said in wrong:
        print(text, "->", said)
    return len(wrong) > 0


if __name__ == "__main__":
    with tempfile.TemporaryDirectory() as where:
        sys.exit(report(outcomes(int(sys.argv[1]), int(sys.argv[2]), Path(where))))
