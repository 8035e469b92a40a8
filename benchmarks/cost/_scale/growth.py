"""How time and memory grow with the number of training rows on disk."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.figure import Figure

from _common.report import markdown_table
from _scale.out_of_core import (
    MEMORY_LIMIT,
    N_COLUMNS,
    N_QUERIES,
    THRESHOLD_SAMPLES,
    in_a_process,
    write_rows,
)

DETECTORS = {
    "kNN": "KNNOutlierDetector",
    "MD": "MahalanobisOutlierDetector",
}
SIZES = (10_000, 100_000, 1_000_000, 10_000_000)
# Colours of Okabe and Ito, for the colour-blind; markers differ as well.
_LOOK = {
    "kNN": {"color": "#D55E00", "marker": "o"},
    "MD": {"color": "#009E73", "marker": "^"},
}

METHOD = """\
Rows of {d} columns, float32, in a .npy file that is mapped, not read; {m:,} queries, two threads,
threshold_samples={threshold:,}. Each fit runs in a process of its own; peak: the highest resident
memory of the process, with Python, all libraries and mapped pages of the file. The slope is that of
the logarithms over the last factor of ten: 1 means proportional."""


@dataclass(frozen=True)
class Growth:
    """The table, the peak memory, and whether it is below the limit."""

    text: str
    met: bool
    peak: float


def measure_growth(sizes: tuple[int, ...], folder: Path, picture: Path, say: Any) -> Growth:
    """Fit and score at each size, and draw the curves."""
    runs_of: dict[str, list[dict[str, float]]] = {name: [] for name in DETECTORS}
    write_rows(folder / "queries.npy", N_QUERIES, seed=1)
    for n in sizes:
        write_rows(folder / "rows.npy", n)
        for name, detector in DETECTORS.items():
            runs_of[name].append(in_a_process(detector, "disk", folder))
            say(f"growth: {name}, {n:,} rows")
        (folder / "rows.npy").unlink()
    _plot(picture, sizes, runs_of)
    peak = max(run["peak"] for runs in runs_of.values() for run in runs)
    method = METHOD.format(d=N_COLUMNS, m=N_QUERIES, threshold=THRESHOLD_SAMPLES)
    text = f"{method}\n\n![Time and memory against training rows]({picture.name})\n\n"
    return Growth(text + _table(sizes, runs_of), peak < MEMORY_LIMIT, peak)


def _table(sizes: tuple[int, ...], runs_of: dict[str, list[dict[str, float]]]) -> str:
    lines = []
    for name, runs in runs_of.items():
        for measure, unit, scale in (("fit", "s", 1), ("score", "s", 1), ("peak", "MB", 1e-6)):
            values = [run[measure] * scale for run in runs]
            cells = [
                f"{value:.3g} {unit}" if value < 1e3 else f"{value:,.0f} {unit}" for value in values
            ]
            slope = np.log10(values[-1] / values[-2]) / np.log10(sizes[-1] / sizes[-2])
            lines.append([f"{name}, {measure}", *cells, f"{slope:.2f}"])
    return markdown_table(["training rows", *(f"{n:,}" for n in sizes), "slope"], lines)


def _plot(path: Path, sizes: tuple[int, ...], runs_of: dict[str, list[dict[str, float]]]) -> None:
    figure = Figure(figsize=(11, 3.8), layout="constrained")
    panels = figure.subplots(1, 3)
    titles = {
        "fit": "fit, s",
        "score": f"score {N_QUERIES:,} rows, s",
        "peak": "peak memory of the process, MB",
    }
    for axes, (measure, title) in zip(panels, titles.items(), strict=True):
        for name, runs in runs_of.items():
            values = [run[measure] * (1e-6 if measure == "peak" else 1) for run in runs]
            axes.plot(sizes, values, markersize=5, label=name, **_LOOK[name])
        axes.set(xscale="log", xlabel="training rows on disk")
        axes.set_title(title, fontsize=10, loc="left")
        axes.grid(color="#dddddd", linewidth=0.6)
        axes.spines[["top", "right"]].set_visible(False)
        if measure == "peak":
            axes.axhline(MEMORY_LIMIT / 1e6, color="#555555", linewidth=1, linestyle=":")
            file = 4e-6 * N_COLUMNS * np.array(sizes)
            axes.plot(sizes, file, color="#999999", linewidth=1, label="the file itself")
            axes.set_ylim(0, 1.25 * MEMORY_LIMIT / 1e6)
            axes.annotate(
                "required",
                (sizes[0], MEMORY_LIMIT / 1e6),
                (0, 4),
                textcoords="offset points",
                fontsize=9,
                color="#555555",
            )
        else:
            axes.set(yscale="log")
            axes.yaxis.set_major_formatter("{x:g}")
            axes.minorticks_off()
    panels[2].legend(frameon=False, fontsize=9, loc="center left")
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=130)
