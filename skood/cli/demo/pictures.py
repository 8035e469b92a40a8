"""The pictures of the demo, one for each Display of `skood.plots`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skood import ConformalOutlierDetector, LayerEnsemble

from ..._optional import import_optional
from ...plots import (
    ExplanationDisplay,
    LayerScoreDisplay,
    OODCurveDisplay,
    PValueDisplay,
    ScoreDistributionDisplay,
)
from .evaluate import Outcome
from .lineup import LINEUP
from .output import written_whole

DPI = 120
SHAPE = (8, 8)  # pixels
ONE_COLUMN = 4  # most panels in one column
SHOWN = "LCP"  # the detector in the pictures of a single one
ALPHA = 0.05
# Rows of pixels instead of the layers of a network, which need torch.
BANDS = {f"pixel rows {i + 1}, {i + 2}": slice(8 * i, 8 * i + 16) for i in range(0, 8, 2)}
PICTURES = ("scores.png", "curves.png", "explanation.png", "layers.png", "p_values.png")


def draw_pictures(
    folder: Path,
    outcomes: Sequence[Outcome],
    labels: Mapping[str, str],
    estimators: Mapping[str, Any],
    data: Bunch,
    seed: int,
) -> None:
    """Draw all pictures and write them as PNG files with the names in `PICTURES`.

    `labels` are the names of the sets in the legend. The seed draws the rows that calibrate
    p-values.
    """
    X = np.vstack([data.X_test, data.X_near])
    y = np.repeat([1, -1], [len(data.X_test), len(data.X_near)])
    figures = {
        "scores.png": _scores(outcomes, labels),
        "curves.png": _curves(outcomes, labels["near"]),
        "explanation.png": _explanation(estimators[SHOWN], outcomes, data),
        "layers.png": _layers(LayerEnsemble(LINEUP[SHOWN](seed), groups=BANDS), data, X, y),
        "p_values.png": _p_values(LINEUP[SHOWN](seed), data, X, y, seed),
    }
    for name in PICTURES:
        with written_whole(folder / name) as temporary:
            figures[name].savefig(temporary, dpi=DPI, format="png")


def _figure(width: float, height: float) -> Any:
    """A figure without pyplot, which needs no window system and leaves the back end alone."""
    figures = import_optional("matplotlib.figure", "plots", needed_by="The demo's pictures")
    return figures.Figure(figsize=(width, height), layout="constrained")


def _scores(outcomes: Sequence[Outcome], labels: Mapping[str, str]) -> Any:
    """One panel per detector in one or two columns, with one legend for all."""
    columns = 1 if len(outcomes) <= ONE_COLUMN else 2
    lines = -(-len(outcomes) // columns)
    figure = _figure(4 + 4.6 * columns, 1.1 + 2.4 * lines)
    panels = figure.subplots(lines, columns, squeeze=False).T.ravel()
    for panel in panels[len(outcomes) :]:
        panel.remove()
    panels = panels[: len(outcomes)]
    for panel, outcome in zip(panels, outcomes, strict=True):
        ScoreDistributionDisplay(
            {label: outcome.scores[name] for name, label in labels.items()},
            threshold=outcome.threshold,
            name=outcome.detector,
        ).plot(panel, legend=False)
        panel.set_xlabel("")
    for last in {lines - 1, len(outcomes) - 1}:
        panels[last].set_xlabel("score (higher = more in-distribution)")
    # Above all panels it covers no data.
    handles, names = panels[0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=2, frameon=False)
    return figure


def _curves(outcomes: Sequence[Outcome], near: str) -> Any:
    """The line-up on near OoD rows; nearly all detectors tell far ones without a fault."""
    figure = _figure(10.4, 5.2)
    shown = [outcome for outcome in outcomes if outcome.detector in LINEUP]
    sets = [shown[0].scores[name] for name in ("id", "near")]
    OODCurveDisplay.from_predictions(
        np.repeat([1, -1], [*map(len, sets)]),
        {o.detector: np.append(o.scores["id"], o.scores["near"]) for o in shown},
    ).plot(figure.subplots(1, 2))
    figure.suptitle(f"held-out ID rows against {near}", fontsize="medium")
    return figure


def _explanation(detector: Any, outcomes: Sequence[Outcome], data: Bunch) -> Any:
    """The near OoD row with the lowest score."""
    outcome = next(outcome for outcome in outcomes if outcome.detector == SHOWN)
    row = int(outcome.scores["near"].argmin())
    figure = _figure(7.2, 5.0)
    ExplanationDisplay.from_estimator(
        detector,
        data.X_near,
        row,
        X_train=data.X_train,
        image_shape=SHAPE,
        name=f"{SHOWN}: a digit {data.y_near[row]}, digits 0 to 7 in training",
        ax=figure.subplots(),
    )
    return figure


def _layers(ensemble: LayerEnsemble, data: Bunch, X: np.ndarray, y: np.ndarray) -> Any:
    figure = _figure(8.4, 3.4)
    LayerScoreDisplay.from_estimator(ensemble.fit(data.X_train), X, y, ax=figure.subplots())
    return figure


def _p_values(detector: Any, data: Bunch, X: np.ndarray, y: np.ndarray, seed: int) -> Any:
    figure = _figure(5.4, 5.4)
    conformal = ConformalOutlierDetector(detector, alpha=ALPHA, random_state=seed)
    conformal.fit(data.X_train)
    PValueDisplay.from_estimator(conformal, X, y, name=SHOWN, ax=figure.subplots())
    return figure
