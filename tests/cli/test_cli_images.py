"""Folders of images, and arrays of them, through a saved feature transformer."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import skood
from skood.cli import main
from skood.cli.files import TableError, open_source

from .cli_files import names_in

Image = pytest.importorskip("PIL.Image", reason="Pillow (extra 'io') is not installed")
TRUST = ["--trust", "tests.cli.test_cli_images:net"]
SIZE = 8


def net():
    from torch import nn

    layers = nn.Conv2d(3, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 5)
    return nn.Sequential(*layers)


def pictures(n, seed=0):
    """Dark noise; of new ones the last is bright."""
    random = np.random.default_rng(seed)
    return random.integers(0, 100, size=(n, SIZE, SIZE, 3), dtype=np.uint8)


def write_images(folder, pixels, ending=".png"):
    (folder / "more").mkdir(parents=True)
    for i, picture in enumerate(pixels):
        place = folder / "more" if i % 2 else folder
        Image.fromarray(picture).save(place / f"{i:03d}{ending}")
    return folder


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")
    from skood.deep import TorchFeatureTransformer

    folder = tmp_path_factory.mktemp("images")
    train, new = pictures(120), pictures(20, seed=1)
    new[13] = 255 - new[13]
    write_images(folder / "train", train)
    write_images(folder / "new", new)
    torch.manual_seed(0)
    features = TorchFeatureTransformer(net(), ["0", "3"], device="cpu")
    features.fit(train[:2].transpose(0, 3, 1, 2) / np.float32(255))
    path = folder / "features.skood"
    skood.save(features, path, architectures={"module": "tests.cli.test_cli_images:net"})
    for name, pixels in (("train", train), ("new", new)):
        scaled = np.divide(pixels, 255, dtype=np.float32).transpose(0, 3, 1, 2)
        np.save(folder / f"{name}.npy", scaled)
    return folder


def detect(folder, fit, score, output, *more):
    files = ["--train", folder / fit, "--new", folder / score, "--output", output]
    features = ["--features", folder / "features.skood", *TRUST]
    return main(["detect", *map(str, [*files, *features, *more]), "--quiet"])


def test_a_bright_image_among_dark_ones(folder, tmp_path):
    output = tmp_path / "scores.csv"
    assert detect(folder, "train", "new", output, "--explain", 1) == 0
    scores = pd.read_csv(output, index_col="file")
    expected = [f"more/{i:03d}.png" if i % 2 else f"{i:03d}.png" for i in range(20)]
    assert list(scores.index) == sorted(expected)
    assert scores["score"].idxmin() == "more/013.png"
    assert scores.loc["more/013.png", "decision"] == -1
    # the same as arrays: rows in the order of the array
    assert detect(folder, "train.npy", "new.npy", tmp_path / "rows.csv", "--alpha", "none") == 0
    rows = pd.read_csv(tmp_path / "rows.csv", index_col="row")
    assert rows["score"].idxmin() == 14


def test_the_saved_detector_has_the_network(folder, tmp_path, capsys):
    saved, output = tmp_path / "d.skood", tmp_path / "scores.csv"
    arguments = [
        "--train",
        folder / "train",
        "--save",
        saved,
        "--features",
        folder / "features.skood",
    ]
    assert main(["fit", *map(str, arguments), *TRUST, "--quiet"]) == 0
    files = ["score", str(saved), "--new", str(folder / "new"), "--output", str(output)]
    assert main(files) == 3
    assert "'tests.cli.test_cli_images:net', which is not trusted" in capsys.readouterr().err
    assert main([*files, *TRUST, "--quiet", "--block-rows", "6"]) == 0
    assert detect(folder, "train", "new", tmp_path / "other.csv") == 0
    scores, others = pd.read_csv(output), pd.read_csv(tmp_path / "other.csv")
    pd.testing.assert_frame_equal(scores, others, rtol=1e-5)
    assert main(["info", str(saved)]) == 0
    out = capsys.readouterr().out
    assert "images of the shape (3, 8, 8)" in out
    assert "built by tests.cli.test_cli_images:net" in out


def test_images_need_a_transformer(folder, tmp_path, capsys):
    for fit in ("train", "train.npy"):
        arguments = ["fit", "--train", str(folder / fit), "--save", str(tmp_path / "d.skood")]
        assert main(arguments) == 2
        assert "--features" in capsys.readouterr().err
    assert names_in(tmp_path) == []


def test_images_that_cannot_be_rows(tmp_path):
    folder = write_images(tmp_path / "images", pictures(3))
    assert open_source(folder).shape == (3, SIZE, SIZE)
    source = open_source(folder, shape=(1, SIZE, SIZE))
    assert source.whole_array().shape == (3, 1, SIZE, SIZE)
    Image.fromarray(pictures(1)[0, :4]).save(folder / "z.png")
    with pytest.raises(TableError, match=r"z\.png has 8 × 4 pixels instead of 8 × 8"):
        open_source(folder).whole_array()
    (folder / "z.png").write_bytes(b"no image")
    with pytest.raises(TableError, match=r"z\.png cannot be read as an image"):
        open_source(folder).whole_array()
    content = (folder / "000.png").read_bytes()
    (folder / "z.png").write_bytes(content[: len(content) // 2])
    with pytest.raises(TableError, match=r"z\.png is damaged or cut short"):
        open_source(folder).whole_array()
    Image.fromarray(np.zeros((SIZE, SIZE), dtype=np.uint16)).save(folder / "z.png")
    with pytest.raises(TableError, match=r"z\.png has pixels of the kind 'I;16', not of 8 bits"):
        open_source(folder).whole_array()
    (tmp_path / "none").mkdir()
    (tmp_path / "none" / "text.txt").write_text("no image")
    with pytest.raises(TableError, match="The folder none has no images"):
        open_source(tmp_path / "none")


@pytest.mark.parametrize("ending", [".png", ".jpg", ".tiff", ".webp"])
def test_images_are_turned_as_their_exif_data_say(tmp_path, ending):
    pixels = np.zeros((6, 10, 3), dtype=np.uint8)
    pixels[:, 6:] = 255  # bright on the right as stored
    how = {"quality": 95} if ending == ".jpg" else {"lossless": True} if "w" in ending else {}
    for orientation, bright in (
        (1, np.s_[:, 6:]),
        (3, np.s_[:, :4]),
        (6, np.s_[6:]),
        (8, np.s_[:4]),
    ):
        (tmp_path / str(orientation)).mkdir()
        exif = Image.Exif()
        exif[0x0112] = orientation
        path = tmp_path / str(orientation) / f"a{ending}"
        Image.fromarray(pixels).save(path, exif=exif, **how)
        source = open_source(path.parent)
        assert source.shape == ((3, 6, 10) if orientation in (1, 3) else (3, 10, 6))
        expected = np.zeros(source.shape[1:])
        expected[bright] = 1
        np.testing.assert_allclose(source.whole_array()[0, 0], expected, atol=0.1)


def test_dropped_frames_and_transparency_are_told(tmp_path):
    opaque = Image.fromarray(pictures(1)[0]).convert("RGBA")
    clear = opaque.copy()
    clear.putalpha(Image.linear_gradient("L").resize((SIZE, SIZE)))
    opaque.save(tmp_path / "a.png")
    clear.save(tmp_path / "b.png")
    opaque.convert("RGB").save(
        tmp_path / "c.tiff", save_all=True, append_images=[clear.convert("RGB")]
    )
    grey = Image.fromarray(pictures(1)[0]).convert("L")
    grey.save(tmp_path / "d.png", transparency=int(np.asarray(grey)[0, 0]))
    with pytest.warns(UserWarning, match="images") as told:
        rows = open_source(tmp_path).whole_array()
    assert sorted(str(warning.message) for warning in told) == [
        f"1 of the images in {tmp_path.name} have frames after the first (ignored): 'c.tiff'",
        f"2 of the images in {tmp_path.name} have transparency (ignored): 'b.png', 'd.png'",
    ]
    np.testing.assert_array_equal(rows[0], rows[1])


def test_other_formats_and_too_many_pixels_are_refused(tmp_path, monkeypatch):
    (tmp_path / "a.png").write_bytes(b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 8 8\nshowpage\n")
    with pytest.raises(TableError, match=r"a\.png cannot be read as an image"):
        open_source(tmp_path)
    for size in (SIZE, 2 * SIZE):  # Pillow warns of up to twice the limit
        Image.fromarray(np.zeros((size, size), dtype=np.uint8)).save(tmp_path / "a.png")
        monkeypatch.setattr(Image, "MAX_IMAGE_PIXELS", 50)
        with pytest.raises(TableError, match=r"a\.png has more than 50 pixels"):
            open_source(tmp_path)


def test_values_are_those_of_the_pixels(tmp_path):
    pixels = pictures(2)
    folder = write_images(tmp_path / "images", pixels)
    rows = open_source(folder).whole_array()
    np.testing.assert_array_equal(
        rows, np.divide(pixels, 255, dtype=np.float32).transpose(0, 3, 1, 2)
    )
