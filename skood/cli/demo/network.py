"""A small classifier whose layers the demo shows. scikit-learn trains it, so it needs no torch."""

import numpy as np
from sklearn.neural_network import MLPClassifier

GREYS = 16.0  # the largest value of a pixel


def train_network(X: np.ndarray, y: np.ndarray, seed: int) -> MLPClassifier:
    """Train a classifier with two hidden layers on pixels."""
    net = MLPClassifier((64, 32), solver="lbfgs", alpha=0.1, max_iter=1000, random_state=seed)
    return net.fit(X / GREYS, y)


def layers_of(net: MLPClassifier, X: np.ndarray) -> dict[str, np.ndarray]:
    """The pixels and the outputs of each layer, one row for each row of X."""
    outputs = [X / GREYS]
    for weights, bias in zip(net.coefs_, net.intercepts_, strict=True):
        inputs = outputs[-1] if len(outputs) == 1 else np.maximum(outputs[-1], 0.0)
        outputs.append(inputs @ weights + bias)
    hidden = {f"hidden {i}": np.maximum(h, 0.0) for i, h in enumerate(outputs[1:-1], start=1)}
    return {"pixels": outputs[0], **hidden, "logits": outputs[-1]}
