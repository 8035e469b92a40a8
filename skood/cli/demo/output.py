"""The folder of the demo; files in it are written whole or not at all."""

import csv
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from ...storage import whole_file as _whole_file
from .evaluate import Outcome


class OutputError(Exception):
    """The folder for the demo's files cannot be used."""

    def __init__(self, folder: Path, reason: str) -> None:
        super().__init__(
            "The 'output' parameter of the demo must be a folder that files can be written to. "
            f"Got {str(folder)!r} instead ({reason})."
        )


def prepare_folder(folder: Path) -> None:
    """Make the folder and try to write to it, before the work and not after it."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _whole_file.locked(folder / "any"):
            pass
    except FileExistsError as error:
        raise OutputError(folder, "it is a file") from error
    except OSError as error:
        raise OutputError(folder, str(error.strerror)) from error


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the name of a temporary file, which is renamed to `path` if the block succeeds."""
    try:
        with _whole_file.written_whole(path) as temporary:
            yield temporary
    except OSError as error:
        raise OutputError(path.parent, f"{path.name}: {error.strerror}") from error


def write_scores(
    path: Path, outcomes: Sequence[Outcome], classes: Mapping[str, np.ndarray]
) -> None:
    """Write one line per row: its place in its set, the set, its class, scores and predictions."""
    names = [f"{o.detector}_{column}" for o in outcomes for column in ("score", "prediction")]
    with (
        written_whole(path) as temporary,
        temporary.open("w", newline="", encoding="utf-8") as file,
    ):
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["row", "set", "class", *names])
        for name, labels in classes.items():
            # tolist: reading the text of a Python float gives the same float.
            columns = [v[name].tolist() for o in outcomes for v in (o.scores, o.predictions)]
            for row, (label, *values) in enumerate(zip(labels.tolist(), *columns, strict=True)):
                writer.writerow([row, name, label, *values])
