"""The panels of an explanation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..explanation import ExplainedNeighbors
from ._axes import finish
from ._images import draw_image
from .looks import GUIDE, looks


def draw_bars(ax: Any, features: list[tuple[str, float]], others: float, n_others: int) -> None:
    """Draw the shares of the features, the largest on top; one bar holds all other shares."""
    labels = [name for name, _ in features] + [f"{n_others} others"] * bool(n_others)
    values = [share for _, share in features] + [others] * bool(n_others)
    plain, hatched = looks(2)
    bars = ax.barh(range(len(values)), values, color=plain.colour, height=0.7)
    if n_others:
        bars[-1].set(facecolor="white", edgecolor=GUIDE, hatch=hatched.hatch)
    ax.bar_label(bars, fmt="{:.3g}", padding=3, fontsize="small")
    ax.margins(x=0.18)  # room for the numbers
    ax.axvline(0.0, color="black", linewidth=0.8)
    ax.set_yticks(range(len(values)), labels)
    ax.invert_yaxis()
    ax.set_xlabel("contribution to the anomaly score")
    finish([ax])


def draw_pixels(ax: Any, shares: NDArray[np.float64]) -> None:
    """Draw the shares of the pixels: white is the lowest share, which is at most 0."""
    image = ax.imshow(shares, cmap="gray_r", vmin=min(0.0, float(shares.min())))
    ax.set_xticks([])
    ax.set_yticks([])
    # Beside the panel: a bar that takes its room from the panel makes it smaller than the sample.
    bar = ax.figure.colorbar(image, cax=ax.inset_axes((1.03, 0.0, 0.05, 1.0)))
    bar.set_label("contribution to the anomaly score")
    ax.set_title("shares of the pixels", loc="left", fontsize="medium")


def draw_neighbor(ax: Any, image: NDArray, near: ExplainedNeighbors | None, i: int) -> None:
    """Draw the image of the i-th neighbour, with its class, distance and weight."""
    draw_image(ax, image)
    if near is None:
        return
    label = "" if near.classes is None else f"class {near.classes[0, i]}\n"
    label += f"distance {near.distances[0, i]:.3g}\nweight {100 * near.weights[0, i]:.0f} %"
    ax.set_xlabel(label, fontsize="small")


def draw_weights(ax: Any, near: ExplainedNeighbors, n_neighbors: int) -> None:
    """Draw the weights of the nearest neighbours, with their positions, classes and distances."""
    k = min(n_neighbors, near.indices.shape[1])
    labels = [f"row {position}" for position in near.indices[0, :k]]
    if near.classes is not None:
        labels = [f"{a} ({b})" for a, b in zip(labels, near.classes[0, :k], strict=True)]
    bars = ax.barh(range(k), 100 * near.weights[0, :k], color=looks(2)[1].colour, height=0.7)
    notes = [f"{distance:.3g} away" for distance in near.distances[0, :k]]
    ax.bar_label(bars, labels=notes, padding=3, fontsize="small")
    ax.margins(x=0.55)  # room for the distances
    ax.set_yticks(range(k), labels)
    ax.invert_yaxis()
    ax.set_xlabel("weight, %")
    ax.set_title("nearest training rows", loc="left", fontsize="medium")
    finish([ax])
