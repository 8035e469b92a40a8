"""Scorer by the mean prediction of separately trained networks."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .._validation import parameter_error
from ._evaluation_mode import evaluation_mode
from ._member_scorer import MemberScorer
from ._module_pass import ModulePass
from ._raw_input_scorer import Give


class DeepEnsembleScorer(MemberScorer):
    r"""Out-of-distribution scorer by a deep ensemble of separately trained classifiers.

    The class probabilities are the mean over the networks,

    .. math:: \bar p(c \mid x) = \frac1M \sum_{m=1}^M p_m(c \mid x).

    Parameters
    ----------
    modules : sequence of torch.nn.Module or torch.nn.ModuleList
        Two or more classifiers with the same classes, trained from different initialisations.
        Clones of the scorer share them. A call sets them to evaluation mode, without gradients, and
        restores their modes at the end, also after an error.
    measure : {"max_softmax", "entropy", "mutual_information"}, default="max_softmax"
        "max_softmax" is the largest class probability of the mean; "entropy" is minus the entropy
        of the mean, in nats; "mutual_information" is minus the mutual information of class and
        network, in nats: the disagreement of the networks, without the uncertainty that they share.
    outputs : {"logits", "probabilities"}, default="logits"
        Kind of the modules' outputs. Softmax applies to logits only. Rows of the other kind raise
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
        By `fit`, if there are fewer than two different modules, or if ``outputs="logits"`` and all
        samples of the first batch have probabilities; by any call, if the modules differ in the
        number of classes.

    References
    ----------
    Lakshminarayanan et al. (2017), Simple and scalable predictive uncertainty estimation using
    deep ensembles, sections 2.4 and 3.5. The mutual information: Houlsby et al. (2011), Bayesian
    active learning for classification and preference learning, equation 2.

    Examples
    --------
    >>> import numpy as np
    >>> from torch import nn
    >>> from skood.deep import DeepEnsembleScorer
    >>> nets = [nn.Sequential(nn.Linear(2, 8), nn.ReLU(), nn.Linear(8, 3)) for _ in range(5)]
    >>> X = np.random.default_rng(0).normal(size=(200, 2))  # train the nets first, of course
    >>> scorer = DeepEnsembleScorer(nets, measure="entropy").fit(X)
    >>> scores = scorer.score_samples(X)
    >>> bool((-np.log(3) <= scores).all() and (scores <= 0).all())
    True
    """

    def __init__(
        self,
        modules: Sequence[nn.Module],
        *,
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
        self.modules = modules
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
        allowed = "a sequence of two or more different torch.nn.Module"
        if not isinstance(self.modules, list | tuple | nn.ModuleList):
            raise parameter_error(self, "modules", allowed, self.modules)
        if not all(isinstance(module, nn.Module) for module in self.modules):
            raise parameter_error(self, "modules", allowed, self.modules)
        n_different = len({id(module) for module in self.modules})
        if n_different < 2 or n_different < len(self.modules):
            got = f"{len(self.modules)}, of which {n_different} different"
            raise ValueError(
                f"The 'modules' parameter of {type(self).__name__} must be {allowed}. "
                f"Got {got} instead."
            )

    def _all_modules(self) -> Sequence[nn.Module]:
        return self.modules

    @contextmanager
    def _opened(self, n_full: int | None) -> Iterator[Give]:
        members = [ModulePass(self, module) for module in self.modules]

        def give(batch: Any) -> NDArray[np.float64]:
            # Each module gets its own inputs, which it may change in place.
            outputs = [_outputs_of(member, batch, n_full) for member in members]
            widths = [rows.shape[1] for rows in outputs]
            if len(set(widths)) > 1:
                allowed = "modules that give the same number of classes"
                raise parameter_error(self, "modules", allowed, widths)
            return np.stack(outputs)

        with ExitStack() as modes, torch.no_grad():
            for member in members:
                modes.enter_context(evaluation_mode(member.module))
            yield give


def _outputs_of(member: ModulePass, batch: Any, n_full: int | None) -> NDArray[np.float64]:
    inputs, n_rows = member.inputs(batch, n_full)
    return member.read(member.logits(inputs), n_rows)
