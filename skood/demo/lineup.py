"""The detectors that the demo compares. A new detector joins by one line here."""

from collections.abc import Callable
from typing import Any

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    make_outlier_detector,
)

# Label -> what builds the detector from the seed. None is wrapped in a StandardScaler, the usual
# choice for tabular data: all 64 pixels share one unit, and scaling would blow up the corner pixels
# that hardly ever see ink.
LINEUP: dict[str, Callable[[int], Any]] = {
    "LCP": lambda seed: LCPOutlierDetector(random_state=seed),
    "kNN": lambda seed: KNNOutlierDetector(random_state=seed),
    "KD": lambda seed: KernelDensityOutlierDetector(random_state=seed),
    "LOF": lambda seed: LOFOutlierDetector(random_state=seed),
    "MD": lambda seed: MahalanobisOutlierDetector(random_state=seed),
    "embedding": lambda seed: make_outlier_detector("embedding", random_state=seed),
}
