"""Saving and loading, and the layout of a file.

The container (`_container`) is a zip file whose checksum covers every byte of it. It holds a
manifest, the estimator in skops's format, and the weights of torch modules (`_torch_parts`). skops
rebuilds objects of listed types (`_types`) from their attributes and runs no code of the file.
Stand-ins (`_stand_ins`) replace the objects that skops cannot write (`walk`), and become these
objects again in loading. Files name classes by stable names (`_names`).
"""

from .persistence import load, read_manifest, save

__all__ = ["load", "read_manifest", "save"]
