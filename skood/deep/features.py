"""Layers of a torch module as features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .._validation import check_option
from ._batches import InputMaker, Inputs, filled_up, open_batches
from ._evaluation_mode import evaluation_mode
from ._extraction import Extraction, forward
from ._feature_pass import DTYPES, FeaturePass
from ._layer_columns import LayerColumns
from ._module_pass import check_pass_parameters
from ._placement import device_for, on_device, plain_module
from ._reduce import REDUCTIONS, Reduce
from ._shared_modules import SharesModules
from ._taps import find_taps

_OUTPUTS = ("activation", "sign")


class TorchFeatureTransformer(SharesModules, LayerColumns):
    """Take the outputs of a trained torch module's layers as features.

    One forward pass gives the features of all layers. `reduce` makes each layer's output one row
    for each sample. The rows of the layers stand side by side.

    Parameters
    ----------
    module : torch.nn.Module
        The trained module. Clones of the transformer share it. A call sets it to evaluation mode,
        without gradients, and puts hooks on its layers. The end of the call undoes all of that,
        also after an error or Ctrl-C. Threads may use one module at the same time, but not train it
        meanwhile. For a module made by `torch.compile`, the original module is used.
    layers : str or sequence of str, default="penultimate"
        Names of layers as in ``module.named_modules()``, or globs of them, such as ``"block?.*"``.
        A glob leaves out layers that the forward pass does not call. "penultimate" is the input of
        the last called layer with weights: in a classifier, the activation after ReLU and pooling
        from which the logits are computed. For a module without weights, it is the output. "output"
        is the output of the whole module.
    reduce : {"mean", "max", "flatten", "last"} or callable, default="mean"
        How a layer's output becomes one row for each sample. "mean" and "max" are taken over the
        positions: pixels of (n, channels, height, width), steps or tokens of (n, steps, features).
        "flatten" keeps all values, in this order. "last" is the last step of a sequence; for a
        recurrent layer, the final state of each direction. Tokens that an input `attention_mask`
        of shape (n, steps) marks by 0 are left out, except by "flatten"; other padding counts. Of a
        tuple, list or dict, the first tensor is taken. A callable gets the layer's output unchanged
        and returns a tensor of shape (n, d) or (n,).
    output : {"activation", "sign"}, default="activation"
        Whether the features are the values, or their signs: -1, 0 or 1, the sign trace.
    batch_size : int, default=64
        Samples in a forward pass. A DataLoader keeps its own batches.
    device : str or torch.device, default="auto"
        The device to compute on. "auto" is the module's device if that is not the CPU, else CUDA if
        torch sees a device, else the CPU. A module on another device stays there: each call makes a
        copy on this device and drops it at the end.
    dtype : {"float32", "float64"}, default="float32"
        Type of the features and gradients. Inputs get the type of the module's weights, or this
        type if it has no weights.
    input_shape : tuple of int or None, default=None
        Shape of a sample for the module, if X holds flat rows. None: the shape in X.
    pad_batches : bool, default=True
        Whether a batch of fewer than `batch_size` samples is padded, at the cost of a full batch.
        Rounding depends on the size of a batch. With padding, a sample has the same features to the
        last bit in any batch (see Notes), so that a detector after this step recognises its
        training rows. False is faster for a few samples at a time. The features then differ by
        rounding.
    verbose : bool, default=False
        Print the progress of `transform` and `gradient` on stderr.

    Attributes
    ----------
    feature_groups_ : dict of str to slice
        The columns of each layer. A layer that is called several times in a forward pass has a
        group for each call: ``"layer"``, ``"layer@2"``, ... A layer with two names has the group
        name that comes first in `layers`.
    input_shape_ : tuple of int or dict of str to tuple of int
        Shape of one sample for the module. For samples that are dicts, the shape of each input.
    n_features_in_ : int
        Number of columns, if X is an array of two axes or a frame.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    The type of a layer of torch says which axis holds the features. The output of another module
    has the same axes as the last such layer. Without one, three axes are read as
    (n, steps, features) and more as (n, channels, ...). A callable `reduce` chooses its own axes.

    Whole numbers become floats without scaling. Exceptions are whole numbers of 32 or 64 bits for a
    module with an embedding, and whole numbers in dicts.

    On some processors, the rounding of a matrix product also depends on the place of a sample in
    the batch. During a call, `torch.nn.Linear` pads such products. On a CPU, features can still
    differ in the last bit where a module has GRU, RNN or attention layers of fewer than 12
    features, small products in a `forward` of its own, convolutions in float64, or smooth
    activations (SiLU, ELU, sigmoid) in batches that are no multiple of 32 samples for each thread.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torch import nn
    >>> from skood.deep import TorchFeatureTransformer
    >>> net = nn.Sequential(nn.Conv2d(1, 4, 3), nn.ReLU(), nn.Flatten(), nn.Linear(144, 10))
    >>> X = np.random.default_rng(0).normal(size=(100, 1, 8, 8))
    >>> features = TorchFeatureTransformer(net, ["0", "3"]).fit(X)
    >>> features.transform(X).shape  # the means of 4 channels, and 10 logits
    (100, 14)
    >>> features.feature_groups_
    {'0': slice(0, 4, None), '3': slice(4, 14, None)}
    """

    def __init__(
        self,
        module: nn.Module,
        layers: str | Sequence[str] = "penultimate",
        *,
        reduce: Reduce = "mean",
        output: str = "activation",
        batch_size: int = 64,
        device: Any = "auto",
        dtype: str = "float32",
        input_shape: tuple[int, ...] | None = None,
        pad_batches: bool = True,
        verbose: bool = False,
    ) -> None:
        self.module = module
        self.layers = layers
        self.reduce = reduce
        self.output = output
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.input_shape = input_shape
        self.pad_batches = pad_batches
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Find the layers and learn their widths in a forward pass of one batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples. A dict of arrays, such as tokenised texts, is passed to the module by name.
            Items of a list, Dataset or DataLoader may be such dicts, of which labels are left out.
            Items of a Dataset or DataLoader may be tuples, whose first entry is the sample.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter or X is not valid, a layer is missing or not called, or the module does
            not take samples of this shape.
        """
        module, device = self._check_parameters()
        batches = open_batches(self, X, self.batch_size, reset=True)
        make_inputs = InputMaker(module, DTYPES[self.dtype], self.input_shape, device)
        first = next(batches.make(), None)
        if first is None:
            raise ValueError("X must have one or more samples. Got none.")
        inputs = make_inputs(first)
        with torch.no_grad(), evaluation_mode(module):
            self._taps = find_taps(
                self, module, self.layers, lambda n: forward(module, filled_up(inputs, n))
            )
        n_full = batches.n_full if self.pad_batches else None
        with torch.no_grad(), self._extraction(module).opened() as features:
            widths = [rows.shape[1] for rows in features(inputs, n_full)]
        ends = np.cumsum(widths).tolist()
        self.feature_groups_ = {
            tap.group: slice(start, end)
            for tap, start, end in zip(self._taps, [0, *ends], ends, strict=False)
        }
        self.input_shape_ = _sample_shape(inputs)
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Give the features of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The features of all layers.

        Raises
        ------
        ValueError
            If X is not valid, or a layer gives another number of features than in `fit`.
        """
        with self._opened() as opened:
            return opened.transform(X)

    def gradient(self, X: Any, objective: Callable[[torch.Tensor], torch.Tensor]) -> NDArray[Any]:
        """Give the gradient of an objective of the features with respect to the inputs.

        The parameters of the module get no gradients and may be frozen.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples, as in `fit`, but no dicts and no tokens.
        objective : callable
            Gets the features of some samples, a tensor of shape (n, n_features), and returns the
            objective of each, of shape (n,), or their sum, of shape ().

        Returns
        -------
        ndarray of the shape of X
            The gradient of each sample's objective in its own values. For a Dataset or DataLoader,
            it has the shape (n_samples, ...) of the module's inputs.

        Raises
        ------
        ValueError
            If X is not valid, or the objective is not a differentiable function of the inputs.
        """
        with self._opened() as opened:
            return opened.gradient(X, objective)

    @contextmanager
    def _opened(self) -> Iterator[FeaturePass]:
        """Set hooks and modes once for a block of several calls."""
        check_is_fitted(self)
        module, device = self._check_parameters()
        with self._extraction(module).opened() as features:
            yield FeaturePass(self, module, device, features)

    def _extraction(self, module: nn.Module) -> Extraction:
        return Extraction(self, module, self._taps, self.reduce, sign=self.output == "sign")

    def _check_parameters(self) -> tuple[nn.Module, torch.device]:
        """The module on the device to compute on, and that device."""
        module = plain_module(self, self.module)
        if not callable(self.reduce):
            check_option(self, "reduce", self.reduce, REDUCTIONS)
        check_option(self, "output", self.output, _OUTPUTS)
        check_option(self, "dtype", self.dtype, tuple(DTYPES))
        check_pass_parameters(self)
        device = device_for(self, self.device, module)
        return on_device(module, device), device


def _sample_shape(inputs: Inputs) -> Any:
    if isinstance(inputs, dict):
        return {name: tuple(value.shape[1:]) for name, value in inputs.items()}
    return tuple(inputs.shape[1:])
