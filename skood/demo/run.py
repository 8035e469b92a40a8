"""The demo itself: load, fit, score, report, in this order."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
from sklearn.utils import Bunch

from skood._optional import is_installed
from skood.datasets import load_digits_ood
from skood.demo.evaluate import Outcome, evaluate, fit_timed
from skood.demo.lineup import LINEUP
from skood.demo.output import prepare_folder, write_scores
from skood.demo.picture import draw_scores
from skood.demo.progress import Progress
from skood.demo.table import format_table

SETS = {
    "id": "ID: held-out digits 0-7",
    "near": "near OoD: digits 8 and 9",
    "far": "far OoD: patches of photographs",
}
N_FAR = 400


def run_demo(output: str | Path = "skood-demo", *, seed: int = 0, quiet: bool = False) -> Path:
    """Fit every detector on digits 0 to 7, score ID, near and far OoD rows, and report.

    Prints one table, and writes ``scores.csv`` and, where matplotlib is installed, ``scores.png``.

    Parameters
    ----------
    output : str or Path, default="skood-demo"
        Folder for the files; it is made where missing.
    seed : int, default=0
        Draws the split, the patches and whatever a detector draws.
    quiet : bool, default=False
        Show no progress on stderr.

    Returns
    -------
    Path
        The absolute path of the folder.

    Raises
    ------
    OutputError
        If the folder cannot be made or written to.

    Examples
    --------
    >>> from tempfile import TemporaryDirectory
    >>> from skood.demo import run_demo
    >>> with TemporaryDirectory() as folder:
    ...     _ = run_demo(folder, quiet=True)
    rows (8 x 8 grey pixels each, seed 0)
       1010  training: digits 0-7
    ...
    """
    folder = Path(output).absolute()
    prepare_folder(folder)
    has_photographs, has_picture = is_installed("PIL"), is_installed("matplotlib")
    if quiet:
        # Its first import in a new installation builds a font cache and logs that.
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
    progress = Progress(2 + 2 * len(LINEUP) + has_picture, quiet=quiet)

    with progress.step("load the rows"):
        data = load_digits_ood(n_far=N_FAR if has_photographs else 0, random_state=seed)
    sets = {name: label for name, label in SETS.items() if len(_rows(data, name))}
    outcomes = [_run_detector(label, data, list(sets), seed, progress) for label in LINEUP]

    with progress.step("write scores.csv"):
        write_scores(folder / "scores.csv", outcomes, {name: _classes(data, name) for name in sets})
    if has_picture:
        with progress.step("draw scores.png"):
            draw_scores(folder / "scores.png", outcomes, sets)

    print(_describe_rows(data, sets, seed))
    print(format_table(outcomes, {name: label for name, label in sets.items() if name != "id"}))
    print(f"\nwritten to {folder}: scores.csv{', scores.png' if has_picture else ''}")
    for line in _missing_extras(has_photographs=has_photographs, has_picture=has_picture):
        print(line)
    return folder


def _rows(data: Bunch, name: str) -> np.ndarray:
    return data["X_test" if name == "id" else f"X_{name}"]


def _classes(data: Bunch, name: str) -> np.ndarray:
    return data["y_test" if name == "id" else f"y_{name}"]


def _run_detector(
    label: str, data: Bunch, sets: Sequence[str], seed: int, progress: Progress
) -> Outcome:
    """Build one detector of the line-up, fit it on the training rows and score all sets."""
    estimator = LINEUP[label](seed)
    with progress.step(f"fit {label}"):
        fit_seconds = fit_timed(estimator, data.X_train, data.y_train)
    with progress.step(f"score with {label}"):
        return evaluate(label, estimator, {name: _rows(data, name) for name in sets}, fit_seconds)


def _describe_rows(data: Bunch, sets: Mapping[str, str], seed: int) -> str:
    """Say which rows the table is about, and how many there are of each kind."""
    counts = {"training: digits 0-7": len(data.X_train)}
    counts |= {label: len(_rows(data, name)) for name, label in sets.items()}
    lines = [f"  {count:5d}  {label}" for label, count in counts.items()]
    return "\n".join([f"rows (8 x 8 grey pixels each, seed {seed})", *lines, ""])


def _missing_extras(*, has_photographs: bool, has_picture: bool) -> list[str]:
    """Say in one line per extra that is not installed what it would add to this demo."""
    gains = []
    if not has_photographs:
        gains.append("the far OoD rows")
    if not has_picture:
        gains.append("the picture of the score distributions")
    return [f'plots: pip install "skood[plots]" adds {" and ".join(gains)}'] if gains else []
