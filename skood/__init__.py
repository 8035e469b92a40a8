"""Out-of-distribution detection for tabular data and embeddings, in the manner of scikit-learn."""

from importlib.metadata import version as _version

from .detectors import KNNOutlierDetector, LCPOutlierDetector

__version__ = _version("skood")

__all__ = ["KNNOutlierDetector", "LCPOutlierDetector", "__version__"]
