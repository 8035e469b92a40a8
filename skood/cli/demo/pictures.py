"""The pictures of the demo, one for each Display of `skood.plots`."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.utils import Bunch

from skood import LayerEnsemble

from ..._optional import import_optional
from ...metrics import auroc
from ...plots import (
    ExplanationDisplay,
    LayerScoreDisplay,
    OODCurveDisplay,
    PValueDisplay,
    ScoreDistributionDisplay,
)
from .evaluate import Outcome
from .lineup import LINEUP
from .network import layers_of, train_network
from .output import written_whole

DPI = 120
SHAPE = (8, 8)  # pixels
SHOWN = "LCP"  # the detector in the pictures of a single one
ALPHA = 0.05
PICTURES = ("scores.png", "curves.png", "explanation.png", "layers.png", "p_values.png")


def draw_pictures(
    folder: Path,
    outcomes: Sequence[Outcome],
    labels: Mapping[str, str],
    estimators: Mapping[str, Any],
    p_values: np.ndarray,
    data: Bunch,
    seed: int,
) -> None:
    """Draw all pictures and write them as PNG files with the names in `PICTURES`.

    `labels` are the names of the sets in the legend, `p_values` those of the held-out and the near
    OoD rows. The seed starts the network whose layers are shown.
    """
    y = np.repeat([1, -1], [len(data.X_test), len(data.X_near)])
    figures = {
        "scores.png": _scores(outcomes, labels),
        "curves.png": _curves(outcomes, labels["near"]),
        "explanation.png": _explanation(estimators[SHOWN], outcomes, data),
        "layers.png": _layers(LINEUP[SHOWN](seed), data, y, seed),
        "p_values.png": _p_values(p_values, y),
    }
    for name in PICTURES:
        with written_whole(folder / name) as temporary:
            figures[name].savefig(temporary, dpi=DPI, format="png")


def _figure(width: float, height: float) -> Any:
    """A figure without pyplot, which needs no window system and leaves the back end alone."""
    figures = import_optional("matplotlib.figure", "plots", needed_by="The demo's pictures")
    return figures.Figure(figsize=(width, height), layout="constrained")


def _scores(outcomes: Sequence[Outcome], labels: Mapping[str, str]) -> Any:
    """One panel for each detector of the line-up, in two columns, with one legend for all."""
    shown = [outcome for outcome in outcomes if outcome.detector in LINEUP]
    lines = -(-len(shown) // 2)
    figure = _figure(11.0, 1.1 + 2.5 * lines)
    panels = figure.subplots(lines, 2, sharey=True, squeeze=False)
    for panel, outcome in zip(panels.ravel(), shown, strict=False):
        ScoreDistributionDisplay(
            {label: outcome.scores[name] for name, label in labels.items()},
            threshold=outcome.threshold,
            name=outcome.detector,
        ).plot(panel, legend=False)
        panel.set(xlabel="", ylabel="")
    figure.supxlabel("score (higher = more in-distribution)", fontsize="medium")
    figure.supylabel("% of the set's rows", fontsize="medium")
    # Above all panels it covers no data.
    handles, names = panels[0, 0].get_legend_handles_labels()
    figure.legend(handles, names, loc="outside upper center", ncols=4, frameon=False)
    return figure


def _curves(outcomes: Sequence[Outcome], near: str) -> Any:
    """The line-up on near OoD rows; nearly all detectors find all far rows."""
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
    """The flagged near OoD row that looks most like its digit, to be recognised in 64 pixels."""
    outcome = next(outcome for outcome in outcomes if outcome.detector == SHOWN)
    flagged = np.flatnonzero(outcome.predictions["near"] == -1)
    means = {digit: data.X_near[data.y_near == digit].mean(axis=0) for digit in set(data.y_near)}
    typical = np.array([means[digit] for digit in data.y_near])
    row = int(flagged[np.linalg.norm((data.X_near - typical)[flagged], axis=1).argmin()])
    figure = _figure(7.6, 5.4)
    display = ExplanationDisplay.from_estimator(
        detector,
        data.X_near,
        row,
        X_train=data.X_train,
        image_shape=SHAPE,
        name=f"{SHOWN}: a digit {data.y_near[row]}, digits 0 to 7 in training",
        ax=figure.subplots(),
    )
    for name, panel in display.axes_.items():
        if name != "shares":  # as ink on paper; smooth, because squares hide the digit
            panel.images[0].set(cmap="gray_r", interpolation="bicubic")
    return figure


def _layers(detector: Any, data: Bunch, y: np.ndarray, seed: int) -> Any:
    """The detector in each layer of a classifier, with its AUROC there."""
    net = train_network(data.X_train, data.y_train, seed)
    train, new = (layers_of(net, X) for X in (data.X_train, np.vstack([data.X_test, data.X_near])))
    ends = np.cumsum([0, *(rows.shape[1] for rows in train.values())])
    groups = {name: slice(*ends[i : i + 2]) for i, name in enumerate(train)}
    ensemble = LayerEnsemble(detector, groups=groups).fit(np.hstack(list(train.values())))
    scores = ensemble.layer_scores(np.hstack(list(new.values())))
    aurocs = [auroc(y, layer) for layer in scores.T]
    names = [f"{name}\nAUROC {100 * a:.1f}" for name, a in zip(groups, aurocs, strict=True)]
    figure = _figure(8.4, 4.0)
    LayerScoreDisplay(scores, names, y_true=y).plot(figure.subplots())
    total = 100 * auroc(y, scores.sum(axis=1))
    title = f"{SHOWN} in each layer of a digit classifier; AUROC of the sum {total:.1f}"
    figure.suptitle(title, fontsize="medium")
    return figure


def _p_values(p_values: np.ndarray, y: np.ndarray) -> Any:
    figure = _figure(5.4, 5.4)
    PValueDisplay.from_predictions(y, p_values, alpha=ALPHA, name=SHOWN).plot(figure.subplots())
    return figure
