"""Scorer by ODIN: a softmax at high temperature, of inputs moved along the gradient."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, cast

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .._validation import check_float
from ..measures.logits import max_softmax
from ._batches import Inputs
from ._evaluation_mode import evaluation_mode
from ._gradient import differentiable, gradient_in
from ._module_pass import ModulePass
from ._raw_input_scorer import Give, RawInputScorer


class ODINScorer(RawInputScorer):
    r"""Out-of-distribution scorer by ODIN (out-of-distribution detector for neural networks).

    A small step moves each input so that its predicted class becomes more likely. This works better
    for in-distribution inputs. The score is the largest softmax probability of the moved input.
    Step and score use a temperature T:

    .. math:: S_c(x; T) = \frac{e^{z_c(x) / T}}{\sum_j e^{z_j(x) / T}}, \qquad
        \tilde x = x - \varepsilon \, \mathrm{sign}(-\nabla_x \log S_{\hat y}(x; T)), \qquad
        \mathrm{score}(x) = \max_c S_c(\tilde x; T).

    Parameters
    ----------
    module : torch.nn.Module
        A trained classifier that gives logits. Clones of the scorer share it. A call sets it to
        evaluation mode and restores its modes at the end, also after an error. Its parameters get
        no gradients.
    temperature : float, default=1000.0
        The temperature T, above 0.
    perturbation : float, default=0.0014
        The step ε in the unit of the module's inputs. If the inputs were divided by a standard
        deviation, divide the step by it too. 0 is temperature scaling alone, and costs one forward
        pass instead of two and a backward one. The paper chooses steps between 0 and 0.004, on
        samples of the out-of-distribution set.
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
        By `fit`, if all samples of the first batch have probabilities instead of logits; by any
        call, if `perturbation` is above 0 and the inputs are tokens or dicts, which have no
        gradient.

    References
    ----------
    Liang et al. (2018), Enhancing the reliability of out-of-distribution image detection in neural
    networks, equations 1 and 2.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torch import nn
    >>> from skood.deep import ODINScorer
    >>> net = nn.Linear(2, 2, bias=False)
    >>> _ = net.weight.data.copy_(torch.eye(2))  # the logits are the inputs
    >>> X = np.random.default_rng(0).normal(size=(200, 2)) + np.array([9.0, 0.0])
    >>> scorer = ODINScorer(net, temperature=1.0, perturbation=0.5).fit(X)
    >>> scorer.score_samples([[1.0, 0.0]]).round(4)  # of (1.5, -0.5): 1 / (1 + exp(-2))
    array([0.8808])
    """

    def __init__(
        self,
        module: nn.Module,
        *,
        temperature: float = 1000.0,
        perturbation: float = 0.0014,
        batch_size: int = 64,
        device: Any = "auto",
        input_shape: tuple[int, ...] | None = None,
        contamination: float = 0.05,
        threshold_samples: int | None = 10_000,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.module = module
        self.temperature = temperature
        self.perturbation = perturbation
        self.batch_size = batch_size
        self.device = device
        self.input_shape = input_shape
        self.contamination = contamination
        self.threshold_samples = threshold_samples
        self.random_state = random_state
        self.verbose = verbose

    def _check_parameters(self) -> None:
        super()._check_parameters()
        check_float(self, "temperature", self.temperature, "(0, inf)")
        check_float(self, "perturbation", self.perturbation, "[0, inf)")

    @contextmanager
    def _opened(self, n_full: int | None) -> Iterator[Give]:
        passes = ModulePass(self, self.module)

        def give(batch: Any) -> NDArray[np.float64]:
            inputs, n_rows = passes.inputs(batch, n_full)
            if self.perturbation > 0:
                inputs = self._moved(passes, inputs)
            with torch.no_grad():
                return passes.read(passes.logits(inputs), n_rows)

        with differentiable(passes.module, passes.device), evaluation_mode(passes.module):
            yield give

    def _measure(self, outputs: NDArray[np.float64]) -> NDArray[np.float64]:
        return max_softmax(outputs, temperature=self.temperature)

    def _moved(self, passes: ModulePass, inputs: Inputs) -> torch.Tensor:
        slope = gradient_in(inputs, lambda batch: self._log_confidence(passes.logits(batch)))
        return cast(torch.Tensor, inputs).detach() + self.perturbation * slope.sign()

    def _log_confidence(self, logits: torch.Tensor) -> torch.Tensor:
        """Logarithm of the largest probability, times T, which keeps the sign of the slope."""
        scaled = logits / self.temperature
        return self.temperature * (scaled.amax(dim=1) - scaled.logsumexp(dim=1))
