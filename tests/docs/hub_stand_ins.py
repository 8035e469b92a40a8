"""Folders with the names of models of the hub, so that the recipes' lines for the hub run offline.

The models have the hub models' classes, few layers and random weights.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from ..hub_packages import hub_package

SMALL = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
}


def make_stand_ins(page: Path, folder: Path) -> None:
    """Write the models that a page names into the folder in which its code runs."""
    if page.parent.name == "recipes" and page.stem in _WRITERS:
        _WRITERS[page.stem](folder)


def _minilm(folder: Path) -> None:
    """The name of the hub leads to the folder that the page unpacks."""
    (folder / "sentence-transformers").mkdir()
    (folder / "sentence-transformers" / "all-MiniLM-L6-v2").symlink_to(folder / "minilm")


def _dinov2(folder: Path) -> None:
    transformers = hub_package("transformers")
    config = transformers.Dinov2Config(image_size=32, patch_size=8, **SMALL)
    transformers.Dinov2Model(config).save_pretrained(folder / "facebook" / "dinov2-small")
    size = {"height": 32, "width": 32}
    processor = transformers.ViTImageProcessor(size=size)
    processor.save_pretrained(folder / "facebook" / "dinov2-small")


def _clip(folder: Path) -> None:
    transformers = hub_package("transformers")
    home = folder / "openai" / "clip-vit-base-patch32"
    vision = {**SMALL, "image_size": 32, "patch_size": 8}
    config = transformers.CLIPConfig(text_config=SMALL, vision_config=vision)
    transformers.CLIPModel(config).save_pretrained(home)
    transformers.CLIPImageProcessor(size=32, crop_size=32).save_pretrained(home)
    tokens = ["<|startoftext|>", "<|endoftext|>", "a", "b</w>", "ab</w>"]
    vocabulary = {token: i for i, token in enumerate(tokens)}
    transformers.CLIPTokenizer(vocabulary, [("a", "b</w>")]).save_pretrained(home)


def _mobilenet(folder: Path) -> None:
    """Torchvision finds downloaded weights in a folder, by the end of their address."""
    models = hub_package("torchvision").models
    import torch

    weights = models.MobileNet_V3_Small_Weights.DEFAULT
    checkpoints = folder / "hub" / "checkpoints"
    checkpoints.mkdir(parents=True)
    network = models.mobilenet_v3_small(weights=None)
    torch.save(network.state_dict(), checkpoints / weights.url.rpartition("/")[2])


_WRITERS: dict[str, Callable[[Path], None]] = {
    "sentence_transformers": _minilm,
    "hugging_face_text": _minilm,
    "hugging_face_images": _dinov2,
    "clip": _clip,
    "timm": _mobilenet,
}
