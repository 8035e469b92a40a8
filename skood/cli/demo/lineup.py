"""The detectors of the demo: one line for each."""

from collections.abc import Callable
from typing import Any

import numpy as np
from sklearn.frozen import FrozenEstimator

from skood import (
    ActiveNeuronSelector,
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    LOFOutlierDetector,
    MahalanobisOutlierDetector,
    OutlierPipeline,
    make_outlier_detector,
    make_outlier_pipeline,
)

# Name -> function that builds the detector from the seed. There is no StandardScaler as for tables:
# all pixels share one unit, and scaling would inflate those that hardly ever have ink.
LINEUP: dict[str, Callable[[int], Any]] = {
    "LCP": lambda seed: LCPOutlierDetector(random_state=seed),
    "kNN": lambda seed: KNNOutlierDetector(random_state=seed),
    "KD": lambda seed: KernelDensityOutlierDetector(random_state=seed),
    "LOF": lambda seed: LOFOutlierDetector(random_state=seed),
    "MD": lambda seed: MahalanobisOutlierDetector(random_state=seed),
    "embedding": lambda seed: make_outlier_detector("embedding", random_state=seed),
}

# The measures on the trace of an autoencoder, if torch is installed.
ON_TRACE = {f"AE+{label}": label for label in ("LCP", "kNN", "KD", "LOF", "MD")}


def train_autoencoder(X: np.ndarray, seed: int) -> Any:
    """Train the autoencoder for the measures on its trace; needs torch."""
    import torch

    from ...deep import AutoencoderTransformer

    # All pixels have one scale. Fewer and larger steps than by default, to be quick: the measures
    # are no worse than after ten times as many.
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
    torch.set_num_threads(1)  # in such small steps threads mostly wait for each other
    try:
        return autoencoder.fit(X)
    finally:
        torch.set_num_threads(n_threads)


def on_trace(label: str, autoencoder: Any, seed: int) -> OutlierPipeline:
    """Build the Pipeline of a fitted autoencoder, which stays as it is, and a measure."""
    detector = LINEUP[ON_TRACE[label]](seed)
    return make_outlier_pipeline(
        FrozenEstimator(autoencoder), ActiveNeuronSelector(), detector, random_state=seed
    )
