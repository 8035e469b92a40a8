"""Images with defects as in inspections: scratches, stains, parts out of place."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFilter

from _embedding_preset.nets import SIDE

# pictures of scikit-image
TEXTURES = ("brick", "grass", "gravel", "coins", "ihc", "hubble_deep_field", "retina", "coffee")


def damaged(images: NDArray, seed: int) -> NDArray:
    """Each image (n, side, side, 3) with a defect of random kind, place and size."""
    rng = np.random.default_rng(seed)
    kinds = (_scratched, _stained, _patched, _blurred, _turned)
    pictures = []
    for image in images:
        picture = Image.fromarray(image)
        centre = rng.integers(round(0.3 * len(image)), round(0.7 * len(image)), 2)
        kinds[rng.integers(len(kinds))](picture, centre, rng)
        pictures.append(np.asarray(picture))
    return np.stack(pictures)


def texture_patches(n: int) -> tuple[NDArray, NDArray]:
    """Patches of each picture, n a third of its width, and the numbers of their pictures."""
    import skimage

    rng = np.random.default_rng(2)
    folder = Path(skimage.__file__).parent / "data"
    patches, labels = [], []
    for label, name in enumerate(TEXTURES):
        picture = Image.open(next(folder.glob(f"{name}.*"))).convert("RGB")
        side = min(picture.size) // 3
        for _ in range(n):
            x, y = (int(rng.integers(0, length - side)) for length in picture.size)
            patches.append(picture.crop((x, y, x + side, y + side)).resize((SIDE, SIDE)))
            labels.append(label)
    return np.stack([np.asarray(patch) for patch in patches]), np.array(labels)


def _scratched(picture: Image.Image, centre: NDArray, rng: np.random.Generator) -> None:
    angle, half = rng.uniform(0, np.pi), rng.integers(10, 25)
    along = half * np.array([np.cos(angle), np.sin(angle)])
    ends = [tuple(centre - along), tuple(centre + along)]
    grey = (int(rng.integers(0, 256)),) * 3
    ImageDraw.Draw(picture).line(ends, fill=grey, width=int(rng.integers(2, 6)))


def _stained(picture: Image.Image, centre: NDArray, rng: np.random.Generator) -> None:
    half = rng.integers(5, 14, 2)
    colour = tuple(int(value) for value in rng.integers(0, 256, 3))
    box = [*(centre - half).tolist(), *(centre + half).tolist()]
    ImageDraw.Draw(picture).ellipse(box, fill=colour)


def _patched(picture: Image.Image, centre: NDArray, rng: np.random.Generator) -> None:
    """A part of the same image, turned, where it does not belong."""
    side = int(rng.integers(16, 36))
    x, y = (int(v) for v in rng.integers(round(0.2 * picture.width), round(0.5 * picture.width), 2))
    part = picture.crop((x, y, x + side, y + side)).rotate(int(rng.integers(1, 4)) * 90)
    picture.paste(part, tuple(int(v) for v in centre - side // 2))


def _blurred(picture: Image.Image, centre: NDArray, rng: np.random.Generator) -> None:
    box = _box(centre, int(rng.integers(24, 48)))
    picture.paste(picture.crop(box).filter(ImageFilter.GaussianBlur(5)), box[:2])


def _turned(picture: Image.Image, centre: NDArray, rng: np.random.Generator) -> None:
    box = _box(centre, int(rng.integers(30, 60)))
    picture.paste(picture.crop(box).rotate(180), box[:2])


def _box(centre: NDArray, side: int) -> tuple[int, int, int, int]:
    x, y = (int(v) for v in centre - side // 2)
    return x, y, x + side, y + side
