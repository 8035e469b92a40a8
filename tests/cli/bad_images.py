"""Folders of odd and damaged images."""

# ruff: noqa: ARG005 - the functions of a table have one signature
from __future__ import annotations

import io
import shutil
import struct
import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

SIZE = 8


def _saved(image: Image.Image, kind: str, **options: object) -> bytes:
    target = io.BytesIO()
    image.save(target, kind, **options)
    return target.getvalue()


def _pixels(random: np.random.Generator, size: int = SIZE) -> Image.Image:
    return Image.fromarray(random.integers(0, 256, (size, size, 3), dtype=np.uint8))


def _mode(mode: str, kind: str = "PNG") -> Callable[[np.random.Generator], bytes]:
    return lambda r: _saved(_pixels(r).convert(mode), kind)


def _flipped(kind: str) -> Callable[[np.random.Generator], bytes]:
    def make(random: np.random.Generator) -> bytes:
        content = bytearray(_saved(_pixels(random), kind))
        for place in random.integers(8, len(content), size=4):
            content[place] = random.integers(256)
        return bytes(content)

    return make


def _cut(kind: str) -> Callable[[np.random.Generator], bytes]:
    def make(random: np.random.Generator) -> bytes:
        content = _saved(_pixels(random), kind)
        return content[: random.integers(len(content))]

    return make


def _bomb(random: np.random.Generator) -> bytes:
    """A PNG file of many pixels in a few bytes."""
    head = struct.pack(">IIBBBBB", 60_000, 60_000, 8, 2, 0, 0, 0)

    def chunk(kind: bytes, content: bytes) -> bytes:
        check = struct.pack(">I", zlib.crc32(kind + content))
        return struct.pack(">I", len(content)) + kind + content + check

    packed = zlib.compress(bytes(1000))
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", packed) + chunk(b"IEND", b"")
    )


def _upright(orientation: int) -> Callable[[np.random.Generator], bytes]:
    def make(random: np.random.Generator) -> bytes:
        image = _pixels(random)
        tags = image.getexif()
        tags[0x0112] = orientation
        return _saved(image, "JPEG", exif=tags)

    return make


def _frames(random: np.random.Generator) -> bytes:
    more = [_pixels(random) for _ in range(2)]
    return _saved(_pixels(random), "TIFF", save_all=True, append_images=more)


# the name of one image of the folder, and its content
IMAGES: dict[str, tuple[str, Callable[[np.random.Generator], bytes]]] = {
    "usual": ("x.png", lambda r: _saved(_pixels(r), "PNG")),
    "JPEG": ("x.jpg", lambda r: _saved(_pixels(r), "JPEG")),
    "BMP": ("x.bmp", lambda r: _saved(_pixels(r), "BMP")),
    "TIFF": ("x.tif", lambda r: _saved(_pixels(r), "TIFF")),
    "WEBP": ("x.webp", lambda r: _saved(_pixels(r), "WEBP")),
    "GIF": ("x.gif", lambda r: _saved(_pixels(r), "GIF")),
    "GIF as PNG": ("x.png", lambda r: _saved(_pixels(r), "GIF")),
    "JPEG as PNG": ("x.png", lambda r: _saved(_pixels(r), "JPEG")),
    "PostScript as PNG": ("x.png", lambda r: _saved(_pixels(r), "EPS")),
    "PPM as JPEG": ("x.jpg", lambda r: _saved(_pixels(r), "PPM")),
    "grey": ("x.png", _mode("L")),
    "grey and alpha": ("x.png", _mode("LA")),
    "alpha": ("x.png", _mode("RGBA")),
    "palette": ("x.png", _mode("P")),
    "bits": ("x.png", _mode("1")),
    "CMYK": ("x.jpg", _mode("CMYK", "JPEG")),
    "16 bits": ("x.png", _mode("I;16")),
    "floats": ("x.tif", _mode("F", "TIFF")),
    "whole numbers": ("x.tif", _mode("I", "TIFF")),
    "Lab": ("x.tif", _mode("LAB", "TIFF")),
    "another size": ("x.png", lambda r: _saved(_pixels(r, SIZE + 1), "PNG")),
    "many pixels": ("x.png", _bomb),
    "frames": ("x.tif", _frames),
    "turned": ("x.jpg", _upright(6)),
    "mirrored": ("x.jpg", _upright(2)),
    "turned by nonsense": ("x.jpg", _upright(99)),
    "empty": ("x.png", lambda r: b""),
    "text": ("x.png", lambda r: b"<svg/>"),
    "noise": ("x.jpg", lambda r: r.bytes(300)),
    "cut PNG": ("x.png", _cut("PNG")),
    "cut JPEG": ("x.jpg", _cut("JPEG")),
    "cut TIFF": ("x.tif", _cut("TIFF")),
    "changed PNG": ("x.png", _flipped("PNG")),
    "changed JPEG": ("x.jpg", _flipped("JPEG")),
    "changed TIFF": ("x.tif", _flipped("TIFF")),
    "changed BMP": ("x.bmp", _flipped("BMP")),
    "changed WEBP": ("x.webp", _flipped("WEBP")),
    "another file": ("notes.txt", lambda r: b"hello"),
    "hidden": (".x.png", lambda r: _saved(_pixels(r), "PNG")),
    "control characters": ("\x1b[2J\n.png", lambda r: _saved(_pixels(r), "PNG")),
    "no UTF-8 name": ("x\udcff.png", lambda r: _saved(_pixels(r), "PNG")),
    "a link to nothing": ("x.png", lambda r: b"\0link"),
    "a folder": ("x.png", lambda r: b"\0folder"),
}


def write_pictures(folder: Path, kind: str, random: np.random.Generator) -> int | None:
    """Write a folder of three images and an odd one; the number of images if it is known."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    for i in range(3):
        (folder / f"{i}.png").write_bytes(_saved(_pixels(random), "PNG"))
    name, make = IMAGES[kind]
    content, path = make(random), folder / name
    if content == b"\0link":
        path.symlink_to(folder / "nothing")
    elif content == b"\0folder":
        path.mkdir()
    else:
        path.write_bytes(content)
    counted = kind not in ("GIF", "another file", "hidden", "a link to nothing", "a folder")
    return 4 if counted else None
