"""A folder of images, read in blocks."""

from __future__ import annotations

import warnings
from collections import defaultdict
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..._optional import import_optional
from ._blocks import Block, block_length
from ._errors import TableError, listed
from ._row_layout import RowLayout

_ENDINGS = (".bmp", ".jpeg", ".jpg", ".png", ".tif", ".tiff", ".webp")
_FORMATS = ("BMP", "JPEG", "PNG", "TIFF", "WEBP")  # for others Pillow may run programs
_GREY, _RGB = 1, 3
_EIGHT_BIT = ("1", "L", "LA", "P", "PA", "RGB", "RGBA", "CMYK", "YCbCr", "HSV", "LAB")


class ImageSource:
    """The images in a folder and its subfolders, in the order of their names.

    A row is one image of shape (channels, height, width), its values from 0 to 1. The shape is that
    of the first image by default. An image of another size is an error; none is scaled. Images are
    turned as their EXIF data say.
    """

    row_name = "file"
    columns = None

    def __init__(self, path: Path, *, shape: Sequence[int] | None = None) -> None:
        self._images = import_optional("PIL.Image", "io", needed_by="Reading images")
        self.path, self.name = path, path.name or str(path)
        self._dropped: dict[str, list[str]] = defaultdict(list)
        visible = (file for file in path.rglob("*") if file.is_file() and file.name[0] != ".")
        self.files = sorted(file for file in visible if file.suffix.lower() in _ENDINGS)
        if not self.files:
            raise TableError(
                f"The folder {self.name} has no images: none of its files ends in "
                f"{', '.join(_ENDINGS)}."
            )
        self.expected_rows = len(self.files)
        self.shape = tuple(shape) if shape is not None else self._shape_of_first()
        if len(self.shape) != 3 or self.shape[0] not in (_GREY, _RGB):
            raise TableError(
                "Images must have a shape (channels, height, width) with 1 or 3 channels. Got "
                f"{self.shape} instead."
            )

    def blocks(self, layout: RowLayout, length: int | None = None, first_row: int = 0) -> Iterator:
        """The images in blocks; see `CsvSource.blocks`."""
        import pyarrow as pa

        length = length or block_length(layout.width)
        for start in range(first_row, len(self.files), length):
            files = self.files[start : start + length]
            ids = pa.array([file.relative_to(self.path).as_posix() for file in files])
            yield Block(self._read(files), ids, start)
        self._tell()

    def whole_array(self) -> NDArray[np.float32]:
        """All images."""
        rows = self._read(self.files)
        self._tell()
        return rows

    def _read(self, files: Sequence[Path]) -> NDArray[np.float32]:
        rows = np.empty((len(files), *self.shape), dtype=np.float32)
        for row, file in zip(rows, files, strict=True):
            row[...] = self._pixels(file)
        return rows

    def _pixels(self, file: Path) -> NDArray[np.float32]:
        channels, height, width = self.shape
        with self._upright(file) as image:
            if image.size != (width, height):
                raise TableError(
                    f"The image {file.name} has {image.width} × {image.height} pixels instead of "
                    f"{width} × {height}."
                )
            pixels = np.asarray(image.convert("L" if channels == _GREY else "RGB"))
            if image.has_transparency_data:
                alpha = image.convert("RGBA").getchannel("A")
                if alpha.getextrema()[0] < 255:
                    self._dropped["transparency"].append(file.name)
        scaled = np.divide(pixels, 255, dtype=np.float32)
        return scaled[np.newaxis] if channels == _GREY else scaled.transpose(2, 0, 1)

    def _shape_of_first(self) -> tuple[int, int, int]:
        with self._upright(self.files[0]) as image:
            grey = image.mode in ("1", "L", "LA")
            shape = (_GREY if grey else _RGB, image.height, image.width)
        self._dropped.clear()  # it is read again
        return shape

    @contextmanager
    def _upright(self, file: Path) -> Iterator[Any]:
        """Decode an image and turn it as viewers do. Pillow has many errors for damaged files."""
        from PIL import ImageOps

        try:
            with self._opened(file) as image:
                if image.mode not in _EIGHT_BIT:
                    raise TableError(
                        f"The image {file.name} has pixels of the kind {image.mode!r}, not of 8 "
                        "bits."
                    )
                # The others of a JPEG file are previews of the same picture.
                if image.format != "MPO" and getattr(image, "n_frames", 1) > 1:
                    self._dropped["frames after the first"].append(file.name)
                yield ImageOps.exif_transpose(image)
        except (TableError, MemoryError):
            raise
        except Exception as error:
            if isinstance(error, OSError) and error.errno is not None:
                raise  # such as a permission
            raise TableError(f"The image {file.name} is damaged or cut short.") from error

    def _opened(self, file: Path) -> Any:
        images = self._images
        too_large = (images.DecompressionBombWarning, images.DecompressionBombError)
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("error", images.DecompressionBombWarning)
                return images.open(file, formats=_FORMATS)
        except images.UnidentifiedImageError as error:
            raise TableError(f"The file {file.name} cannot be read as an image.") from error
        except too_large as error:
            raise TableError(
                f"The image {file.name} has more than {images.MAX_IMAGE_PIXELS:,} pixels."
            ) from error

    def _tell(self) -> None:
        """Warn once of parts of images that are ignored."""
        for what, names in self._dropped.items():
            warnings.warn(
                f"{len(names):,} of the images in {self.name} have {what} (ignored): "
                f"{listed(names, most=3)}",
                UserWarning,
                stacklevel=3,
            )
        self._dropped.clear()
