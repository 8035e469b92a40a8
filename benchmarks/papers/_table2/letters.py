"""Pictures of letters as outliers for an exposure, in the fonts of matplotlib.

Letters of other alphabets are the usual outliers for nets of small grey images. No picture shows a
digit.
"""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
from PIL import Image, ImageDraw, ImageFilter, ImageFont

SIZE = 28
WORKING_SIZE = 4 * SIZE  # drawn larger and reduced, so that edges are grey
# Those that look like digits are left out.
LATIN = "ACDEFGHJKLMNPQRTUVWXYabcdefhjkmnprtuvwxy"
GREEK_AND_CYRILLIC = "ΓΔΘΛΞΠΣΦΨΩαβγδεζηθλμξπστφχψωБГДЖИЛПФЦЧШЩЭЮЯвгджийлптфцчшщыэюя"


def letters(n: int, seed: int) -> np.ndarray:
    """Letters in many fonts, turned, stretched and moved at random: (n, 28, 28), bytes."""
    rng = np.random.default_rng(seed)
    fonts = sorted((Path(mpl.get_data_path()) / "fonts" / "ttf").glob("DejaVu*.ttf"))
    fonts = [font for font in fonts if "Display" not in font.name]  # those have few letters
    images = np.empty((n, SIZE, SIZE), dtype=np.uint8)
    for i in range(n):
        alphabet = LATIN if rng.random() < 0.6 else GREEK_AND_CYRILLIC
        letter = alphabet[rng.integers(len(alphabet))]
        images[i] = _drawn(letter, fonts[rng.integers(len(fonts))], rng)
    return images


def _drawn(letter: str, font: Path, rng: np.random.Generator) -> np.ndarray:
    """One letter, near the middle."""
    canvas = Image.new("L", (WORKING_SIZE, WORKING_SIZE))
    face = ImageFont.truetype(str(font), int(rng.uniform(0.55, 0.95) * WORKING_SIZE))
    middle = tuple(WORKING_SIZE / 2 + rng.uniform(-8, 8, 2))
    ImageDraw.Draw(canvas).text(
        middle, letter, fill=int(rng.integers(150, 256)), font=face, anchor="mm"
    )
    canvas = canvas.rotate(rng.uniform(-25, 25), Image.Resampling.BILINEAR)
    shear = rng.uniform(-0.25, 0.25)
    matrix = (1, shear, -shear * WORKING_SIZE / 2, 0, 1, 0)
    canvas = canvas.transform(
        canvas.size, Image.Transform.AFFINE, matrix, Image.Resampling.BILINEAR
    )
    canvas = canvas.filter(ImageFilter.GaussianBlur(rng.uniform(0, 3)))
    return np.asarray(canvas.resize((SIZE, SIZE), Image.Resampling.BOX))
