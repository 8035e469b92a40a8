"""Out-of-distribution detection for tabular data and embeddings, in the manner of scikit-learn."""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from .detectors import KNNOutlierDetector, LCPOutlierDetector

__version__ = "0.1.0.dev0"

__all__ = ["KNNOutlierDetector", "LCPOutlierDetector"]

# Loaded at first use: scikit-learn imports pandas wherever it is installed, and the command line
# should answer before that.
_HOME = {
    "KNNOutlierDetector": "detectors",
    "LCPOutlierDetector": "detectors",
}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f".{_HOME[name]}", __name__), name)


def __dir__() -> list[str]:
    return [*globals(), *__all__]
