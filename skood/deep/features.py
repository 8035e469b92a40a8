"""Layers of a torch module as features."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .._validation import check_column_names, check_option
from ._batches import InputMaker, Inputs, filled_up, open_batches
from ._evaluation_mode import evaluation_mode
from ._extraction import Extraction, forward
from ._feature_pass import DTYPES, FeaturePass
from ._module_pass import check_pass_parameters
from ._placement import device_for, on_device, plain_module
from ._reduce import REDUCTIONS, Reduce
from ._shared_modules import SharesModules
from ._taps import find_taps

_OUTPUTS = ("activation", "sign")


class TorchFeatureTransformer(SharesModules, TransformerMixin, BaseEstimator):
    """Take what the layers of a trained torch module give as features.

    One forward pass gives the features of all layers. Each layer becomes one row for each sample
    by `reduce`; the layers' rows stand side by side.

    Parameters
    ----------
    module : torch.nn.Module
        The trained module. It is used as it is: clones of the transformer share it, and during a
        call it is in evaluation mode, without gradients, with hooks on the layers. All of that is
        undone at the end of the call, also after an error or Ctrl-C. Threads may work with one
        module at the same time, but not train it meanwhile. A module made by `torch.compile`
        stands for the one that it was made of.
    layers : str or sequence of str, default="penultimate"
        Names of layers as in ``module.named_modules()``, or globs of them, such as ``"block?.*"``.
        A layer that a glob means but the forward pass does not call is left out. "penultimate" is
        what goes into the last layer with weights, in the order in which layers are called: of a
        classifier that is the activation, after ReLU and pooling, that the logits are made of (of
        a module without weights it is the output). "output" is what the whole module gives.
    reduce : {"mean", "max", "flatten", "last"} or callable, default="mean"
        How a layer's output becomes one row for each sample. The first three are over the
        positions: pixels of (n, channels, height, width), steps or tokens of
        (n, steps, features), padding included. "flatten" keeps all values, in this order. "last"
        is the last step of a sequence; of a recurrent layer the final state (of both directions).
        Of tuples, lists and dicts the first tensor is taken. A callable gets the output as the
        layer gives it and returns a tensor of shape (n, d) or (n,).
    output : {"activation", "sign"}, default="activation"
        Whether the features are the values, or their signs: -1, 0 or 1, the sign trace.
    batch_size : int, default=64
        Samples in a forward pass. A DataLoader has its own batches.
    device : str or torch.device, default="auto"
        Where to compute. "auto": where the module is, if that is not the CPU; else CUDA where
        torch sees a device, else the CPU. A module that is elsewhere is not moved: each call makes
        a copy on the device and drops it at the end.
    dtype : {"float32", "float64"}, default="float32"
        Type of the features and gradients. Inputs get the type of the module's weights, or this
        one where it has none.
    input_shape : tuple of int or None, default=None
        Shape of a sample as the module takes it, where X holds flat rows. None: as in X.
    pad_batches : bool, default=True
        Whether a batch of fewer than `batch_size` samples is filled up, at the price of a full
        batch. Rounding depends on the size of a batch. With padding, a sample has the same features
        to the last bit in any batch (see Notes), so a detector after this step recognises its
        training rows. False is faster for a few samples at a time; the features are then the same
        up to rounding.
    verbose : bool, default=False
        Print on stderr how far `transform` and `gradient` are.

    Attributes
    ----------
    feature_groups_ : dict of str to slice
        The columns of each layer. A layer that is called several times in a forward pass has a
        group for each call: ``"layer"``, ``"layer@2"``, ... A layer with two names goes by the
        first of them that `layers` means.
    input_shape_ : tuple of int or dict of str to tuple of int
        Shape of one sample as the module gets it; of each input, where samples are dicts.
    n_features_in_ : int
        Number of columns, if X is an array of two axes or a frame.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    Which axis holds the features is known of torch's own layers; of other modules it is taken to
    be as the last such layer left it. Where nothing tells, three axes are taken for
    (n, steps, features) and more for (n, channels, ...). A callable `reduce` decides for itself.

    Whole numbers become floats, unscaled, except 32- and 64-bit ones where the module has an
    embedding, and those in dicts.

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

    # A fit takes no more than the shapes of one batch: whoever has all rows need not bring them.
    _learns_from_one_batch = True

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
        """Find the layers and learn their widths, by a forward pass of a batch.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples. Items of a Dataset or DataLoader may be tuples, whose first entry is the
            sample, or dicts, which are given to the module by name, without labels.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter or X is not valid, a layer is not there or not called, or the module
            does not take samples of this shape.
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

    def transform(self, X: Any) -> NDArray:
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

    def gradient(self, X: Any, objective: Callable[[torch.Tensor], torch.Tensor]) -> NDArray:
        """Give the gradient of an objective of the features with respect to the inputs.

        The parameters of the module get no gradients and need not allow for any.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples, as in `fit`; not dicts, nor tokens.
        objective : callable
            Gets a tensor of shape (n, n_features), the features of some of the samples, and
            returns a tensor of shape (n,): the objective of each. Or their sum, of shape ().

        Returns
        -------
        ndarray of the shape of X
            The gradient of each sample's objective in its own values. Of a Dataset or DataLoader:
            of shape (n_samples, ...), as the module takes samples.

        Raises
        ------
        ValueError
            If X is not valid, or the objective depends on the inputs in no differentiable way.
        """
        with self._opened() as opened:
            return opened.gradient(X, objective)

    def get_feature_names_out(self, input_features: Any = None) -> NDArray:
        """Name each feature by its layer and its number in that, as ``layer__0``.

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only checked against the columns of X, where that had columns.

        Returns
        -------
        ndarray of str objects
            The names.
        """
        check_is_fitted(self)
        check_column_names(self, input_features)
        return np.array(
            [
                f"{group}__{i}"
                for group, columns in self.feature_groups_.items()
                for i in range(columns.stop - columns.start)
            ],
            dtype=object,
        )

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = [self.dtype]
        return tags

    @contextmanager
    def _opened(self) -> Iterator[FeaturePass]:
        """Hold the module open for a block of several calls: hooks and modes are set once."""
        check_is_fitted(self)
        module, device = self._check_parameters()
        with self._extraction(module).opened() as features:
            yield FeaturePass(self, module, device, features)

    def _extraction(self, module: nn.Module) -> Extraction:
        return Extraction(self, module, self._taps, self.reduce, sign=self.output == "sign")

    def _check_parameters(self) -> tuple[nn.Module, torch.device]:
        """The module where it is to be computed, and that device."""
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
