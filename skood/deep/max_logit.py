"""Scorer by the largest logit."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import nn

from ..measures.logits import max_logit
from ._logit_scorer import LogitScorer


class MaxLogitScorer(LogitScorer):
    r"""Out-of-distribution scorer by the largest logit of a classifier, :math:`\max_c z_c(x)`.

    Unlike a softmax probability, it does not fall where several classes are equally likely.

    Parameters
    ----------
    module : torch.nn.Module or None, default=None
        A trained classifier of raw inputs that gives logits. Clones of the scorer share it. A call
        sets it to evaluation mode, without gradients, and restores its modes at the end, also after
        an error. None: X is an array of logits.
    batch_size : int, default=64
        Samples in a forward pass. A DataLoader keeps its own batches. A smaller batch is padded to
        this size, so that a sample has the same score in any batch. Set it to 1 for single samples.
    device : str or torch.device, default="auto"
        The device to compute on. "auto" is the module's device if that is not the CPU, else CUDA if
        torch sees a device, else the CPU. Each call copies a module from another device.
    input_shape : tuple of int or None, default=None
        Shape of a sample for the module, if X holds flat rows. None: the shape in X.
    contamination : float, default=0.05
        Share of the training samples that lies below the threshold, in (0, 0.5].
    threshold_samples : int or None, default=10_000
        Largest number of training samples that set the threshold, drawn at random. None: all
        samples.
    random_state : int, RandomState instance or None, default=None
        Draws these samples.
    verbose : bool, default=False
        Print the progress of scoring on stderr.

    Attributes
    ----------
    offset_ : float
        The threshold: samples with a lower score are out-of-distribution.
    training_scores_ : ndarray of shape (n_threshold,)
        Scores of the training samples that set the threshold.
    training_indices_ : ndarray of shape (n_threshold,)
        Positions of these samples.
    classes_ : ndarray
        The sorted classes in y, if class labels were given.
    n_features_in_ : int
        Number of columns, if X is an array of two axes or a frame.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Raises
    ------
    ValueError
        By `fit`, if all samples of the first batch have probabilities instead of logits.

    References
    ----------
    Hendrycks et al. (2022), Scaling out-of-distribution detection for real-world settings,
    section 3.

    Examples
    --------
    >>> import numpy as np
    >>> from skood.deep import MaxLogitScorer
    >>> logits = np.random.default_rng(0).normal(size=(200, 3)) + np.array([6.0, 0.0, 0.0])
    >>> scorer = MaxLogitScorer().fit(logits)
    >>> scorer.score_samples([[0.0, 1.0, 0.0], [9.0, 0.0, 0.0]])
    array([1., 9.])
    >>> scorer.predict([[0.0, 1.0, 0.0], [9.0, 0.0, 0.0]])
    array([-1,  1])
    """

    def __init__(
        self,
        module: nn.Module | None = None,
        *,
        batch_size: int = 64,
        device: Any = "auto",
        input_shape: tuple[int, ...] | None = None,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.module = module
        self.batch_size = batch_size
        self.device = device
        self.input_shape = input_shape
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state
        self.verbose = verbose

    def _measure(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        return max_logit(outputs)
