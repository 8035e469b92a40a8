"""How `skood.save` lays out a file: the container, what it may hold, and what stands for what.

The container (`_container`) is a zip file whose checksum covers every byte of it. In it are a
manifest, the estimator as skops writes it, and the weights of torch modules (`_torch_parts`).
skops rebuilds objects of listed types (`_types`) from their attributes and runs no code that the
file brings. What it cannot write is replaced (`_walk`) by stand-ins (`_stand_ins`), which become
the real thing in loading.
"""

from ._container import new_container, open_container
from ._stand_ins import loaded_modules
from ._summary import summary_of
from ._torch_parts import describe_modules, restore_modules, write_weights
from ._types import ALLOWED_TYPES, names_of
from ._walk import with_stand_ins

__all__ = [
    "ALLOWED_TYPES",
    "describe_modules",
    "loaded_modules",
    "names_of",
    "new_container",
    "open_container",
    "restore_modules",
    "summary_of",
    "with_stand_ins",
    "write_weights",
]
