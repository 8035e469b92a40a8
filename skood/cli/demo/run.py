"""Runs the demo: load, fit, score, report."""

import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skood import ConformalOutlierDetector

from ..._optional import install_command, is_installed
from ...datasets import load_digits_ood
from .._step_lines import StepLog
from .evaluate import Outcome, evaluate, fit_timed
from .lineup import LINEUP, ON_TRACE, on_trace, train_autoencoder
from .output import prepare_folder, write_scores
from .pictures import ALPHA, PICTURES, SHOWN, draw_pictures
from .table import format_table

SETS = {
    "id": "ID: held-out digits 0-7",
    "near": "near OoD: digits 8 and 9",
    "far": "far OoD: patches of photographs",
}
N_FAR = 400
# Measured with the seeds 0 to 9.
READING = """\
KD leads on the digits 8 and 9 because the nearest training row matters most there: KD, at the
bandwidth that it chooses, ranks rows by their nearest one alone. LCP weighs about 5 neighbours, kNN
averages 10. Mean AUROC of ten seeds: KD 98.8, LCP 98.6, kNN 97.4; of one neighbour, kNN has 98.8;
with perplexity=2, LCP has 98.9. MD has one Gaussian shape for all digits, which is too coarse.
"""


def run_demo(output: str | Path = "skood-demo", *, seed: int = 0, quiet: bool = False) -> Path:
    """Fit every detector on digits 0 to 7, score ID, near and far OoD rows, and report.

    If torch is installed, the measures are also taken on the trace of an autoencoder. Prints one
    table, and writes ``scores.csv`` and, if matplotlib is installed, a picture by each Display of
    `skood.plots` into the folder `output`, whose absolute path it returns.
    """
    folder = Path(output).absolute()
    prepare_folder(folder)
    has_photographs, has_picture = is_installed("PIL"), is_installed("matplotlib")
    has_torch = is_installed("torch")
    if quiet:
        # Its first import builds a font cache and logs that.
        logging.getLogger("matplotlib").setLevel(logging.ERROR)
    n_detectors = len(LINEUP) + len(ON_TRACE) * has_torch
    progress = StepLog(3 + 2 * n_detectors + has_torch + has_picture, quiet=quiet)

    with progress.step("load the rows"):
        data = load_digits_ood(n_far=N_FAR if has_photographs else 0, random_state=seed)
    sets = {name: label for name, label in SETS.items() if len(_rows(data, name))}
    estimators = {label: make(seed) for label, make in LINEUP.items()}
    autoencoder = _train(data, seed, progress) if has_torch else None
    if has_torch:
        estimators |= {label: on_trace(label, autoencoder, seed) for label in ON_TRACE}
    outcomes = [
        _run_detector(label, estimator, data, list(sets), progress)
        for label, estimator in estimators.items()
    ]

    with progress.step("take p-values"):
        p_values = _p_values(data, seed)

    with progress.step("write scores.csv"):
        write_scores(folder / "scores.csv", outcomes, {name: _classes(data, name) for name in sets})
    if has_picture:
        with progress.step("draw the pictures"):
            draw_pictures(folder, outcomes, sets, estimators, p_values, data, seed)

    print(_describe_rows(data, sets, seed))
    print(READING)
    print(format_table(outcomes, {name: label for name, label in sets.items() if name != "id"}))
    print(_describe_p_values(p_values, outcomes))
    if has_torch:
        print(_describe_trace(autoencoder))
    written = ["scores.csv", *(PICTURES if has_picture else ())]
    print(f"\nwritten to {folder}: {', '.join(written)}")
    for line in _missing_extras(has_photographs, has_picture, has_torch):
        print(line)
    return folder


def _rows(data: Bunch, name: str) -> np.ndarray:
    return data["X_test" if name == "id" else f"X_{name}"]


def _classes(data: Bunch, name: str) -> np.ndarray:
    return data["y_test" if name == "id" else f"y_{name}"]


def _train(data: Bunch, seed: int, progress: StepLog) -> Any:
    """Train the autoencoder of the detectors that begin with AE."""
    with progress.step("train the autoencoder"):
        return train_autoencoder(data.X_train, seed)


def _run_detector(
    label: str, estimator: Any, data: Bunch, sets: Sequence[str], progress: StepLog
) -> Outcome:
    """Fit one detector on the training rows and score all sets."""
    with progress.step(f"fit {label}"):
        fit_seconds = fit_timed(estimator, data.X_train, data.y_train)
    with progress.step(f"score with {label}"):
        return evaluate(label, estimator, {name: _rows(data, name) for name in sets}, fit_seconds)


def _p_values(data: Bunch, seed: int) -> np.ndarray:
    """p-values of the held-out and the near OoD rows; all training rows calibrate, as in `fit`."""
    conformal = ConformalOutlierDetector(LINEUP[SHOWN](seed), alpha=ALPHA, method="full")
    return conformal.fit(data.X_train).p_values(np.vstack([data.X_test, data.X_near]))


def _describe_p_values(p_values: np.ndarray, outcomes: Sequence[Outcome]) -> str:
    """Compare the decisions by p-values with those of the table."""
    outcome = next(outcome for outcome in outcomes if outcome.detector == SHOWN)
    n_id, flagged = len(outcome.scores["id"]), p_values <= ALPHA
    in_table = np.concatenate([outcome.predictions[name] == -1 for name in ("id", "near")])
    share_id, share_near = 100 * flagged[:n_id].mean(), 100 * flagged[n_id:].mean()
    return (
        f"p-values of {SHOWN}: p <= {100 * ALPHA:.0f} % for {share_id:.1f} % of ID and "
        f"{share_near:.1f} % of near OoD rows.\n{(flagged == in_table).sum()} of {len(flagged)} "
        "decisions are those of the table: all training rows set both."
    )


def _describe_rows(data: Bunch, sets: Mapping[str, str], seed: int) -> str:
    """Describe the rows: the number of each kind."""
    counts = {"training: digits 0-7": len(data.X_train)}
    counts |= {label: len(_rows(data, name)) for name, label in sets.items()}
    lines = [f"  {count:5d}  {label}" for label, count in counts.items()]
    return "\n".join([f"rows (8 x 8 grey pixels each, seed {seed})", *lines, ""])


def _describe_trace(autoencoder: Any) -> str:
    """Explain the lines that begin with AE."""
    widths = [autoencoder.n_features_in_, *autoencoder.hidden, autoencoder.n_components]
    layers = "-".join(map(str, [*widths, *widths[-2::-1]]))
    return (
        f"AE+: the measure on the trace of an autoencoder ({layers}), which is trained once\n"
        "for all of them. fit s leaves that out."
    )


def _missing_extras(has_photographs: bool, has_picture: bool, has_torch: bool) -> list[str]:
    """One line for each missing extra: what it adds to this demo."""
    gains: dict[str, list[str]] = {"plots": [], "torch": []}
    if not has_photographs:
        gains["plots"].append("the far OoD rows")
    if not has_picture:
        gains["plots"].append("the pictures")
    if not has_torch:
        gains["torch"].append("the measures on the trace of an autoencoder")
    return [
        f"{extra}: {install_command(extra)} adds {' and '.join(what)}"
        for extra, what in gains.items()
        if what
    ]
