"""The detectors that the demo compares. A new detector joins by one line here."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline, make_pipeline

from skood import (
    ActiveNeuronSelector,
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

# The measures that are also taken on the trace of an autoencoder, where torch is installed.
ON_TRACE = {f"AE+{label}": label for label in ("LCP", "kNN", "KD", "LOF", "MD")}


def train_autoencoder(X: np.ndarray, seed: int) -> Any:
    """Train the autoencoder whose trace the measures are taken on; needs torch."""
    import torch

    from ...deep import AutoencoderTransformer

    # The pictures of 8 x 8 pixels have one scale. Fewer and larger steps than by default: it is a
    # demo, and the measures do as well as after ten times as many.
    autoencoder = AutoencoderTransformer(
        n_components=32,
        input_shape=(8, 8),
        epochs=40,
        batch_size=64,
        learning_rate=3e-3,
        device="cpu",
        random_state=seed,
    )
    n_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # in steps this small threads would mostly wait for each other
    try:
        return autoencoder.fit(X)
    finally:
        torch.set_num_threads(n_threads)


def on_trace(label: str, autoencoder: Any, seed: int) -> Pipeline:
    """Build the Pipeline of a fitted autoencoder, which is not fitted again, and a measure."""
    detector = LINEUP[ON_TRACE[label]](seed)
    return make_pipeline(FrozenEstimator(autoencoder), ActiveNeuronSelector(), detector)
