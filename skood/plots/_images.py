"""Samples and shares as images."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._validation import parameter_error

_CHANNELS = (1, 3, 4)


def as_image(sample: Any) -> NDArray:
    """An image as matplotlib takes it: (height, width), or (height, width, 3 or 4).

    Channels may come first, as in torch, or last. An axis of one channel is dropped.
    """
    image = np.asarray(sample)
    if image.ndim == 3:
        image = image if _channels_last(image.shape) else np.moveaxis(image, 0, -1)
        image = image[..., 0] if image.shape[-1] == 1 else image
    if image.ndim not in (2, 3) or (image.ndim == 3 and image.shape[-1] not in _CHANNELS):
        allowed = "images of shape (height, width), with 1, 3 or 4 channels first or last"
        raise parameter_error("ExplanationDisplay", "sample", allowed, np.shape(sample))
    return image


def _channels_last(shape: tuple[int, ...]) -> bool:
    return shape[-1] in _CHANNELS and shape[0] not in _CHANNELS


def draw_image(ax: Any, image: NDArray) -> None:
    """Draw an image without ticks, its values from the lowest to the highest."""
    low, high = float(image.min()), float(image.max())
    shown = (image - low) / ((high - low) or 1.0)
    ax.imshow(shown, cmap="gray", vmin=0.0, vmax=1.0)
    ax.set_xticks([])
    ax.set_yticks([])


def share_image(shares: NDArray[np.float64], shape: tuple[int, ...]) -> NDArray[np.float64] | None:
    """Shares of the pixels, (height, width); None if the image has another number of values."""
    if shares.size != np.prod(shape):
        return None
    image = as_image(shares.reshape(shape))
    return image if image.ndim == 2 else image.sum(axis=-1)
