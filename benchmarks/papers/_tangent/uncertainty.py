"""Scores of the same rows by Gaussian processes, a Laplace approximation and distances."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from scipy.special import softmax


def last_layer_laplace(
    h_train: NDArray, logits_train: NDArray, h: NDArray, *, prior: float = 1.0
) -> NDArray[np.float64]:
    """Minus the summed posterior deviation of the logits: full Laplace on the last layer.

    The Hessian of the loss is its generalised Gauss-Newton form, exact for a linear layer.
    """
    probabilities = softmax(logits_train.astype(float), axis=1)
    ones = [np.column_stack([rows, np.ones(len(rows))]).astype(float) for rows in (h_train, h)]
    h_train, h = ones
    n_classes, d = probabilities.shape[1], h.shape[1]
    hessian = np.zeros((n_classes, d, n_classes, d))
    for a in range(n_classes):
        for b in range(a, n_classes):
            weights = probabilities[:, a] * ((a == b) - probabilities[:, b])
            hessian[a, :, b] = hessian[b, :, a] = (h_train * weights[:, np.newaxis]).T @ h_train
    flat = hessian.reshape(n_classes * d, -1) + prior * np.eye(n_classes * d)
    inverse = np.linalg.inv(flat).reshape(n_classes, d, n_classes, d)
    variances = sum(np.einsum("ij,jk,ik->i", h, inverse[c, :, c], h) for c in range(n_classes))
    return -np.sqrt(variances)
