"""Scorer by the mean prediction of a network over many draws of its dropout."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .._validation import check_int, random_generator
from ._batches import filled_up
from ._dropout_masks import DropoutMasks, find_dropout
from ._evaluation_mode import evaluation_mode
from ._extraction import forward
from ._member_scorer import MemberScorer
from ._module_pass import ModulePass
from ._raw_input_scorer import Give


class MCDropoutScorer(MemberScorer):
    r"""Out-of-distribution scorer by Monte Carlo dropout.

    Dropout stays active while samples are scored. Each of S draws thins the network at random. The
    class probabilities are the mean over the draws,

    .. math:: \bar p(c \mid x) = \frac1S \sum_{s=1}^S p(c \mid x, \text{mask}_s).

    A draw uses the same masks for all samples. A mask depends on the seed, the number of the draw,
    the layer and the shape of a sample only. So a sample has the same score in any batch, order or
    chunk, and the same S thinned networks score all samples.

    Parameters
    ----------
    module : torch.nn.Module
        A trained classifier with dropout layers: `torch.nn.Dropout`, `Dropout1d`, `Dropout2d`,
        `Dropout3d`, `AlphaDropout` or `FeatureAlphaDropout`, at any depth. All other layers are in
        evaluation mode. Dropout stays off where it is called as a function, or is inside
        `torch.nn.LSTM`, `GRU` or `MultiheadAttention`. Clones of the scorer share the module. A
        call restores its modes and removes its hooks at the end, also after an error.
    n_samples : int, default=50
        The number S of draws, 2 or more; each costs a forward pass.
    measure : {"max_softmax", "entropy", "mutual_information"}, default="max_softmax"
        "max_softmax" is the largest class probability of the mean; "entropy" is minus the entropy
        of the mean, in nats; "mutual_information" is minus the mutual information of class and
        draw, in nats: the disagreement of the draws, without the uncertainty that they share.
    outputs : {"logits", "probabilities"}, default="logits"
        Kind of the module's outputs. Softmax applies to logits only. Rows of the other kind raise
        an error.
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
        Draws these samples, and the seed of the masks.
    verbose : bool, default=False
        Print the progress of scoring on stderr.

    Attributes
    ----------
    seed_ : int
        The seed of the masks, drawn by `fit`. A fitted scorer gives a sample the same score in
        each call, also with ``random_state=None``.
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
        By `fit`, if the module calls no dropout layer with a probability above 0, or if
        ``outputs="logits"`` and all samples of the first batch have probabilities.

    Notes
    -----
    The expected score is the same as with new masks for each sample, as in training. Only the
    errors of the S draws are common to all samples. If a DataLoader pads sequences of several
    lengths, a mask has the length of the batch, and scores depend on the batch.

    References
    ----------
    Gal & Ghahramani (2016), Dropout as a Bayesian approximation: representing model uncertainty in
    deep learning, equation 6. The mutual information: Houlsby et al. (2011), Bayesian active
    learning for classification and preference learning, equation 2.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from skood.deep import MCDropoutScorer
    >>> net = nn.Sequential(nn.Linear(2, 64), nn.ReLU(), nn.Dropout(0.5), nn.Linear(64, 3))
    >>> X = np.random.default_rng(0).normal(size=(200, 2))  # train the net first, of course
    >>> scorer = MCDropoutScorer(net, n_samples=10, random_state=0).fit(X)
    >>> scores = scorer.score_samples(X)
    >>> bool(np.allclose(scorer.score_samples(X[::-1])[::-1], scores, rtol=1e-6))
    True
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        n_samples: int = 50,
        measure: str = "max_softmax",
        outputs: str = "logits",
        batch_size: int = 64,
        device: Any = "auto",
        input_shape: tuple[int, ...] | None = None,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.module = module
        self.n_samples = n_samples
        self.measure = measure
        self.outputs = outputs
        self.batch_size = batch_size
        self.device = device
        self.input_shape = input_shape
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_int(self, "n_samples", self.n_samples, 2)

    def _learn(self, first_batch: Any) -> None:
        """Draw the seed, and find the dropout layers that a forward pass calls."""
        self.seed_ = int(random_generator(self).randint(np.iinfo(np.int32).max))
        passes = ModulePass(self, self.module)
        inputs, _ = passes.inputs(first_batch, None)
        with torch.no_grad(), evaluation_mode(passes.module):
            self._dropout = find_dropout(
                self, passes.module, lambda n: forward(passes.module, filled_up(inputs, n))
            )

    @contextmanager
    def _opened(self, n_full: int | None) -> Iterator[Give]:
        passes = ModulePass(self, self.module)
        masks = DropoutMasks(self.seed_, passes.module, self._dropout)

        def give(batch: Any) -> NDArray[np.float64]:
            draws = []
            for draw in range(self.n_samples):
                # new inputs for each draw: the module may change them in place
                inputs, n_rows = passes.inputs(batch, n_full)
                logits = masks.run(draw, passes.logits, inputs)
                draws.append(passes.read(logits, n_rows))
            return np.stack(draws)

        with torch.no_grad(), evaluation_mode(passes.module), masks:
            yield give
