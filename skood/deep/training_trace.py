"""The features of a network during its training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from .._validation import check_int, check_option, parameter_error, random_generator
from ..layers.inputs import RawInputs
from ..layers.noise import draw_noise
from ..measures.fssd import singularity_distance
from ..measures.lengths import row_norms
from ._reduce import Reduce
from .features import TorchFeatureTransformer
from .tangent import TangentFeatureTransformer

_AGAINST = ("previous", "first", "last")


class TrainingTrace:
    r"""Features of fixed samples at checkpoints of a training.

    The trace keeps the features of each kind of samples, the singularity :math:`F^*` (the mean
    feature of noise), and a neural tangent kernel among a few samples. The training loop stays
    the user's own: `recording` counts the steps of its optimiser.

    Parameters
    ----------
    module : torch.nn.Module
        The network that is trained.
    inputs : dict of str to array-like
        Samples of each kind, such as ``{"known": X_test, "unknown": X_strange}``: arrays, tensors,
        or dicts of these by input of the module.
    layers : str or sequence of str, default="penultimate"
        The layers whose features are kept, as in `TorchFeatureTransformer`.
    steps : "log" or sequence of int, default="log"
        The steps of the optimiser after which a checkpoint is kept; 0 is before the first. "log"
        is 0, 1, 2, 5, 10, 20, 50, ... The last step is kept in any case.
    noise : array-like or None, default=None
        Samples of noise. None: `n_noise` samples, uniform in the range of the first kind of inputs
        (for rows, of each column), which must be an array.
    n_noise : int, default=500
        Number of these samples.
    n_kernel_samples : int, default=50
        Largest number of samples of each kind, from the first on, with a kernel. 0: no kernel.
    n_projections : int, default=64
        Random directions of the kernel, as in `TangentFeatureTransformer`. Each costs a forward
        pass with derivatives. They are the same at all checkpoints.
    reduce : {"mean", "max", "flatten", "last"} or callable, default="mean"
        How a layer's output becomes one row for each sample, as in `TorchFeatureTransformer`.
    batch_size : int, default=256
        Samples in a forward pass.
    device : str or torch.device, default="auto"
        The device to compute on, as in `TorchFeatureTransformer`.
    random_state : int, RandomState instance or None, default=None
        Draws the noise and the directions.

    Attributes
    ----------
    steps_ : list of int
        The steps of the checkpoints.
    layers_ : list of str
        The layers.
    kinds_ : list of str
        The kinds of samples.
    features_ : dict of str to dict of str to ndarray of shape (n_checkpoints, n, d)
        For each kind and layer, the features at all checkpoints.
    singularities_ : dict of str to ndarray of shape (n_checkpoints, d)
        For each layer, the mean feature of noise at all checkpoints.
    kernels_ : dict of str to ndarray of shape (n_checkpoints, m, m)
        For each layer, the kernel among the first samples of all kinds, one kind after another.

    Notes
    -----
    A checkpoint costs a forward pass of all samples and of the noise, and `n_projections` passes of
    the few samples of the kernel. The features of all checkpoints stay in memory. A checkpoint
    leaves the network, its modes and torch's random numbers as they were.

    References
    ----------
    Huang et al. (2020), Feature space singularity for out-of-distribution detection, section
    "Understanding". Fort et al. (2020), Deep learning versus kernel learning: kernel distance.
    Cortes et al. (2012), Algorithms for learning kernels based on centered alignment.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torch import nn
    >>> from skood.deep import TrainingTrace
    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Linear(2, 16), nn.ReLU(), nn.Linear(16, 2))
    >>> X = torch.randn(200, 2)
    >>> y = (X[:, 0] > 0).long()
    >>> optimiser = torch.optim.SGD(net.parameters(), lr=0.1)
    >>> trace = TrainingTrace(net, {"known": X[:50], "far": 3 * X[50:100]}, random_state=0)
    >>> with trace.recording(optimiser):  # around your own loop
    ...     for _ in range(40):
    ...         loss = nn.functional.cross_entropy(net(X), y)
    ...         optimiser.zero_grad()
    ...         loss.backward()
    ...         _ = optimiser.step()
    >>> trace.steps_
    [0, 1, 2, 5, 10, 20, 40]
    >>> trace.movements("known", "penultimate").shape  # from the feature before the training
    (7, 50)
    """

    def __init__(
        self,
        module: nn.Module,
        inputs: Mapping[str, Any],
        layers: str | Sequence[str] = "penultimate",
        *,
        steps: str | Sequence[int] = "log",
        noise: Any = None,
        n_noise: int = 500,
        n_kernel_samples: int = 50,
        n_projections: int = 64,
        reduce: Reduce = "mean",
        batch_size: int = 256,
        device: Any = "auto",
        random_state: int | np.random.RandomState | None = None,
    ) -> None:
        self.random_state = random_state
        generator = random_generator(self)
        check_int(self, "n_noise", n_noise, 1)
        check_int(self, "n_kernel_samples", n_kernel_samples, 0)
        self.steps = _checked_steps(self, steps)
        self.inputs = _checked_kinds(self, inputs)
        first = next(iter(self.inputs.values()))
        self._noise = _uniform_noise(self, first, n_noise, generator) if noise is None else noise
        shared = {"reduce": reduce, "batch_size": batch_size, "device": device}
        self._features = TorchFeatureTransformer(module, layers, **shared).fit(first)
        self.layers_ = list(self._features.feature_groups_)
        self._kernel: TangentFeatureTransformer | None = None
        if n_kernel_samples:
            # a batch of one kind: smaller ones would be padded
            shared["batch_size"] = min(batch_size, n_kernel_samples)
            self._kernel = TangentFeatureTransformer(
                module, layers, n_projections=n_projections, random_state=generator, **shared
            ).fit(first)
            self._few = {kind: _first(X, n_kernel_samples) for kind, X in self.inputs.items()}
        self.kinds_ = list(self.inputs)
        self.steps_: list[int] = []
        self._n_steps = 0
        self._kept: dict[tuple[str, str], list[NDArray]] = {}

    @contextmanager
    def recording(self, optimizer: torch.optim.Optimizer) -> Iterator[Self]:
        """Keep checkpoints at the steps that an optimiser takes in a block.

        Blocks may follow each other: the steps are counted on.

        Parameters
        ----------
        optimizer : torch.optim.Optimizer
            The optimiser of the training loop. With several, the one whose steps count.

        Yields
        ------
        TrainingTrace
            The trace.
        """
        if not isinstance(optimizer, torch.optim.Optimizer):
            raise parameter_error("recording", "optimizer", "a torch.optim.Optimizer", optimizer)
        if not self.steps_ and self._is_due(0):
            self.record(0)

        def count(*_: Any) -> None:
            self._n_steps += 1
            if self._is_due(self._n_steps):
                self.record(self._n_steps)

        hook = optimizer.register_step_post_hook(count)
        try:
            yield self
        finally:
            hook.remove()
        if self._n_steps not in self.steps_:
            self.record(self._n_steps)

    def record(self, step: int) -> None:
        """Keep a checkpoint now, for loops without an optimiser at hand.

        Parameters
        ----------
        step : int
            The number of the step, above that of the checkpoint before.
        """
        last = self.steps_[-1] if self.steps_ else -1
        if isinstance(step, bool) or not isinstance(step, int | np.integer) or step <= last:
            raise parameter_error("record", "step", f"an int above {last}", step)
        kept = {}
        with torch.inference_mode(mode=False):
            for kind, X in self.inputs.items():
                kept.update(self._by_layer(kind, self._features, self._features.transform(X)))
            noise = self._features.transform(self._noise).mean(axis=0, keepdims=True)
            kept.update(self._by_layer("F*", self._features, noise))
            if self._kernel is not None:
                rows = np.vstack([self._kernel.transform(X) for X in self._few.values()])
                for key, values in self._by_layer("kernel", self._kernel, rows).items():
                    kept[key] = values @ values.T
        for key, values in kept.items():
            self._kept.setdefault(key, []).append(values)
        self.steps_.append(int(step))
        self._n_steps = int(step)

    @property
    def features_(self) -> dict[str, dict[str, NDArray]]:
        """For each kind and layer, the features at all checkpoints."""
        return {kind: self._by_layer_of(kind) for kind in self.kinds_}

    @property
    def singularities_(self) -> dict[str, NDArray]:
        """For each layer, the mean feature of noise at all checkpoints."""
        return {layer: means[:, 0] for layer, means in self._by_layer_of("F*").items()}

    @property
    def kernels_(self) -> dict[str, NDArray]:
        """For each layer, the kernel at all checkpoints; empty without a kernel."""
        return self._by_layer_of("kernel") if self._kernel is not None else {}

    def distances(self, kind: str, layer: str) -> NDArray[np.float64]:
        """Distances from the singularity at all checkpoints: the FSSD score of the layer.

        Parameters
        ----------
        kind : str
            A kind of samples.
        layer : str
            A layer, one of `layers_`.

        Returns
        -------
        ndarray of shape (n_checkpoints, n)
            In the unit of the features.
        """
        features = self._series(kind, layer)
        pairs = zip(features, self._of("F*", layer)[:, 0], strict=True)
        return np.stack([singularity_distance(rows, centre) for rows, centre in pairs])

    def movements(self, kind: str, layer: str) -> NDArray[np.float64]:
        """Distances of features from those of the same sample at the first checkpoint.

        Parameters
        ----------
        kind : str
            A kind of samples.
        layer : str
            A layer, one of `layers_`.

        Returns
        -------
        ndarray of shape (n_checkpoints, n)
            In the unit of the features.
        """
        features = self._series(kind, layer).astype(np.float64)
        return np.stack([row_norms(rows - features[0]) for rows in features])

    def kernel_changes(self, layer: str, against: str = "previous") -> NDArray[np.float64]:
        r"""Changes of the kernel: :math:`1 - \langle K, K' \rangle / (\|K\| \|K'\|)`, centred.

        Both kernels are centred first: the mean kernel of a layer with a ReLU hardly changes.

        Parameters
        ----------
        layer : str
            A layer, one of `layers_`.
        against : {"previous", "first", "last"}, default="previous"
            The checkpoint to compare each with. The first has no previous: its value is 0.

        Returns
        -------
        ndarray of shape (n_checkpoints,)
            0 for the same kernel up to a factor; 1 for kernels that have nothing in common.
        """
        check_option("kernel_changes", "against", against, _AGAINST)
        if self._kernel is None:
            raise ValueError("kernel_changes needs a trace with n_kernel_samples above 0.")
        self._check("layer", layer, self.layers_)
        kernels = self._of("kernel", layer).astype(np.float64)
        kernels -= kernels.mean(axis=1, keepdims=True)
        kernels -= kernels.mean(axis=2, keepdims=True)
        flat = kernels.reshape(len(kernels), -1)
        unit = flat / np.maximum(row_norms(flat), np.finfo(float).tiny)[:, np.newaxis]
        others = {"previous": np.vstack([unit[:1], unit[:-1]]), "first": unit[:1]}.get(
            against, unit[-1:]
        )
        return np.maximum(1.0 - (unit * others).sum(axis=1), 0.0)

    def _is_due(self, step: int) -> bool:
        if self.steps != "log":
            return step in self.steps
        return step == 0 or f"{step}".rstrip("0") in ("1", "2", "5")

    def _by_layer(self, kind: str, owner: Any, rows: NDArray) -> dict[tuple[str, str], NDArray]:
        return {(kind, layer): rows[:, part] for layer, part in owner.feature_groups_.items()}

    def _by_layer_of(self, kind: str) -> dict[str, NDArray[Any]]:
        return {layer: self._of(kind, layer) for layer in self.layers_}

    def _of(self, kind: str, layer: str) -> NDArray[Any]:
        if not self.steps_:
            raise ValueError("The trace has no checkpoint yet: train in `recording`, or `record`.")
        return np.stack(self._kept[kind, layer])

    def _series(self, kind: str, layer: str) -> NDArray[Any]:
        self._check("kind", kind, self.kinds_)
        self._check("layer", layer, self.layers_)
        return self._of(kind, layer)

    def _check(self, parameter: str, value: Any, known: list[str]) -> None:
        if value not in known:
            allowed = "one of " + ", ".join(map(repr, known))
            raise parameter_error(self, parameter, allowed, value)


def _checked_steps(owner: Any, steps: Any) -> Any:
    if isinstance(steps, str) and steps == "log":
        return steps
    allowed = "'log' or a sequence of ints from 0"
    if isinstance(steps, str) or not isinstance(steps, Sequence | np.ndarray | range):
        raise parameter_error(owner, "steps", allowed, steps)
    whole = all(isinstance(s, int | np.integer) and not isinstance(s, bool) for s in steps)
    if not whole or any(s < 0 for s in steps):
        raise parameter_error(owner, "steps", allowed, steps)
    return frozenset(int(step) for step in steps)


def _checked_kinds(owner: Any, inputs: Any) -> dict[str, Any]:
    if not isinstance(inputs, Mapping) or not inputs or not all(isinstance(k, str) for k in inputs):
        raise parameter_error(owner, "inputs", "a dict of names to samples", inputs)
    for name, X in inputs.items():
        if name in ("F*", "kernel"):
            raise parameter_error(
                owner, "inputs", "a dict without the names 'F*' and 'kernel'", name
            )
        if not isinstance(X, Mapping | Sequence) and not hasattr(X, "shape"):
            raise parameter_error(owner, "inputs", "a dict of names to arrays or tensors", X)
    return dict(inputs)


def _uniform_noise(owner: Any, X: Any, n_noise: int, generator: np.random.RandomState) -> Any:
    if isinstance(X, Mapping) or not hasattr(X, "shape"):
        allowed = "samples of noise, where the first kind of inputs is no array"
        raise parameter_error(owner, "noise", allowed, None)
    values = X.detach().cpu().numpy() if isinstance(X, torch.Tensor) else np.asarray(X)
    return draw_noise(RawInputs(values), "uniform", "auto", n_noise, generator).values


def _first(X: Any, n: int) -> Any:
    if isinstance(X, Mapping):
        return {name: value[:n] for name, value in X.items()}
    return X[:n]
