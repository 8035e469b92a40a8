"""How `skood.save` lays out a file: the container, what it may hold, and what stands for what.

The container (`_container`) is a zip file whose checksum covers every byte of it. In it are a
manifest, the estimator as skops writes it, and the weights of torch modules (`_torch_parts`).
skops rebuilds objects of listed types (`_types`) from their attributes and runs no code that the
file brings. What it cannot write is replaced (`walk`) by stand-ins (`_stand_ins`), which become
the real thing in loading.
"""

from .persistence import load, read_manifest, save

__all__ = ["load", "read_manifest", "save"]
