"""Draw the picture of the README and the start page, in a light and a dark form.

``python docs/_picture.py`` writes both into ``docs/_static``. The scores are real: LCP is fitted to
the digits 0 to 7. Look at the pictures before you commit them.
"""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from matplotlib.figure import Figure
from matplotlib.offsetbox import AnnotationBbox, OffsetImage
from PIL import Image

from skood import LCPOutlierDetector
from skood.datasets import load_digits_ood

FOLDER = Path(__file__).parent / "_static"
DPI = 200


class Inks(NamedTuple):
    """Colours of one form of the picture."""

    paper: str
    ink: str
    quiet: str
    known: str
    strange: str
    digits: str  # matplotlib's name of the shades of a digit


FORMS = {
    "light": Inks("#ffffff", "#222832", "#667080", "#0072B2", "#B85F00", "gray_r"),
    "dark": Inks("#14181e", "#ced6dd", "#9ca4af", "#56B4E9", "#F0A030", "gray"),
}


def draw(inks: Inks) -> Figure:
    """Training rows on the left; on the right the scores of new rows, and what is flagged."""
    data = load_digits_ood(random_state=0)
    detector = LCPOutlierDetector(random_state=0).fit(data.X_train)
    figure = Figure(figsize=(7.6, 3.5), facecolor=inks.paper)
    right = figure.add_axes((0.28, 0.19, 0.7, 0.67))
    _head(figure, 0.02, "fit: digits 0–7", inks)
    _head(figure, 0.28, "score new rows, and flag those below the threshold", inks)
    _training_rows(figure, data, inks)
    scores = {name: detector.score_samples(data[f"X_{name}"]) for name in ("test", "near", "far")}
    _scores(right, scores, detector.offset_, inks)
    for name, target, label, height in (
        ("test", -10.0, "+1", 0.62),
        ("near", -23.4, "−1", 0.62),
        ("near", -28.5, "−1", 0.62),
        ("far", -38.0, "−1", 0.62),
    ):
        rows = _like_their_class(data, name)
        row = int(rows[np.abs(scores[name][rows] - target).argmin()])
        _sample(right, data[f"X_{name}"][row], scores[name][row], label, height, inks)
    return figure


def _head(figure: Figure, x: float, text: str, inks: Inks) -> None:
    figure.text(x, 0.93, text, color=inks.ink, fontsize=12.5, fontweight="bold", va="center")


def _like_their_class(data: Any, name: str) -> np.ndarray:
    """The half of the rows that looks most like its digit, to be recognised in 64 pixels."""
    X, y = data[f"X_{name}"], data[f"y_{name}"]
    means = np.array([X[y == digit].mean(axis=0) for digit in y])
    return np.linalg.norm(X - means, axis=1).argsort()[: len(X) // 2]


def _training_rows(figure: Figure, data: Any, inks: Inks) -> None:
    """Two of each digit, of those that look most like it."""
    rows = _like_their_class(data, "train")
    for i in range(16):
        row = rows[data.y_train[rows] == i // 2][i % 2]
        axes = figure.add_axes((0.02 + 0.052 * (i % 4), 0.66 - 0.17 * (i // 4), 0.046, 0.15))
        image = data.X_train[row].reshape(8, 8)
        axes.imshow(image, cmap=inks.digits, interpolation="bicubic", vmin=0, vmax=16)
        axes.set(xticks=[], yticks=[])
        axes.spines[:].set_color(inks.known)


def _scores(axes: Any, scores: dict[str, np.ndarray], threshold: float, inks: Inks) -> None:
    bins = np.linspace(-45.0, -5.0, 51)
    for name, colour in (("far", inks.quiet), ("test", inks.known), ("near", inks.strange)):
        counts = np.histogram(scores[name], bins)[0] / len(scores[name])
        axes.stairs(counts, bins, fill=True, facecolor=(colour, 0.35), edgecolor=colour, lw=1.2)
    axes.axvline(threshold, color=inks.ink, linestyle="--", linewidth=1.2, ymax=0.94)
    for x, text, colour in (
        (-12.0, "new digits 0–7", inks.known),
        (-24.0, "digits 8 and 9", inks.strange),
        (-38.0, "photographs", inks.quiet),
    ):
        axes.text(x, -0.012, text, color=colour, fontsize=11, ha="center", va="top")
    axes.text(threshold, 0.345, " threshold", color=inks.ink, fontsize=10, ha="center", va="bottom")
    axes.set(xlim=(-45.0, -5.0), ylim=(0.0, 0.36), xticks=[], yticks=[])
    axes.set_facecolor(inks.paper)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(inks.quiet)
    axes.annotate(
        "score: higher = more in-distribution", (0.99, -0.22), (0.5, -0.22), ha="center",
        va="center", xycoords="axes fraction", color=inks.ink, fontsize=11,
        arrowprops={"arrowstyle": "->", "color": inks.ink},
    )  # fmt: skip


def _sample(
    axes: Any, row: np.ndarray, score: float, label: str, height: float, inks: Inks
) -> None:
    """A new row above its score, with its decision."""
    image = OffsetImage(
        row.reshape(8, 8), zoom=4.2, cmap=inks.digits, interpolation="bicubic", clim=(0, 16)
    )
    colour = inks.known if label == "+1" else inks.strange
    box = AnnotationBbox(
        image, (score, 0.0), (score, height * 0.36), pad=0.1,
        arrowprops={"arrowstyle": "-", "color": colour},
        bboxprops={"edgecolor": colour, "facecolor": inks.paper},
    )  # fmt: skip
    axes.add_artist(box)
    axes.text(
        score,
        (height + 0.17) * 0.36,
        label,
        color=colour,
        fontsize=12,
        fontweight="bold",
        ha="center",
    )


def main() -> None:
    """Write both forms with few colours, which keeps the files small."""
    for form, inks in FORMS.items():
        buffer = io.BytesIO()
        figure = draw(inks)
        figure.savefig(buffer, dpi=DPI, facecolor=inks.paper)
        picture = Image.open(buffer).convert("RGB").quantize(64)
        picture.save(FOLDER / f"skood-{form}.png", optimize=True)


if __name__ == "__main__":
    main()
