"""Features whose inner products are the neural tangent kernel of a torch module."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.utils.validation import check_is_fitted
from torch import nn

from .._validation import check_int, parameter_error, random_generator
from ._layer_columns import LayerColumns
from ._movable_weights import Weights
from ._placement import plain_module
from ._reduce import Reduce
from ._shared_modules import SharesModules
from ._tangent_pass import TangentPass
from .features import TorchFeatureTransformer

_LAST_LAYER = "last-layer"


class TangentFeatureTransformer(SharesModules, LayerColumns):
    r"""Rows whose inner products estimate a network's neural tangent kernel.

    For features F of a network with the weights θ, the empirical neural tangent kernel is

    .. math:: \Theta(x, x') = \sum_c \left\langle \frac{\partial F_c(x)}{\partial \theta},
        \frac{\partial F_c(x')}{\partial \theta} \right\rangle.

    It says how far a gradient step on x' moves the features of x. The derivative of F along r
    random directions :math:`v_1, ..., v_r` in the weights gives the row

    .. math:: \phi(x) = \frac{1}{\sqrt r} \left(\frac{\partial F(x)}{\partial \theta} v_1, ...,
        \frac{\partial F(x)}{\partial \theta} v_r\right),

    and the mean of :math:`\phi(x) \cdot \phi(x')` over directions is Θ. Its relative error falls as
    :math:`1 / \sqrt r`.

    Parameters
    ----------
    module : torch.nn.Module
        The module. Clones of the transformer share it. Each call takes the derivatives in a copy,
        in evaluation mode.
    layers : str or sequence of str, default="output"
        The layers whose outputs are the features F, as in `TorchFeatureTransformer`.
    parameters : "all", "last-layer" or sequence of str, default="all"
        The weights θ: names or globs of names in ``module.named_parameters()``. "last-layer" is the
        last linear layer, whose outputs must be those of the module. Its kernel is exact and takes
        one forward pass: the row is :math:`\sqrt{C} (h, 1)` for the layer's input h and C outputs.
    n_projections : int, default=256
        Number r of random directions. "last-layer" needs none.
    n_output_projections : int or None, default=None
        Number of random combinations that replace the features of a layer with more features. This
        keeps the rows short for wide layers, at the cost of a larger error. None keeps each
        feature.
    reduce : {"mean", "max", "flatten", "last"} or callable, default="mean"
        How a layer's output becomes one row for each sample, as in `TorchFeatureTransformer`.
    batch_size : int, default=64
        Samples in a forward pass. A DataLoader keeps its own batches. A smaller batch is padded to
        this size.
    device : str or torch.device, default="auto"
        The device to compute on, as in `TorchFeatureTransformer`.
    dtype : {"float32", "float64"}, default="float32"
        Type of the rows.
    input_shape : tuple of int or None, default=None
        Shape of a sample for the module, if X holds flat rows. None: the shape in X.
    random_state : int, RandomState instance or None, default=None
        Draws the directions, in `fit`.
    verbose : bool, default=False
        Print the progress on stderr.

    Attributes
    ----------
    feature_groups_ : dict of str to slice
        The columns of each layer. They are r times the layer's features: all features along the
        first direction, then those along the second, ...
    parameters_ : list of str
        Names of the weights θ.
    n_features_in_ : int
        Number of columns, if X is an array of two axes or a frame.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    A row costs r forward passes with derivatives, each about as long as two forward passes, and
    needs the memory of a few. The directions are drawn anew for each batch and take the memory of
    the weights once: large batches are faster. Rows of recurrent modules are computed in float64 on
    a CPU, because torch has no forward derivatives of them in float32.

    References
    ----------
    Jacot et al. (2018), Neural tangent kernel: convergence and generalization in neural networks.
    Huang et al. (2020), Feature space singularity for out-of-distribution detection: its use of the
    kernel.

    Examples
    --------
    >>> import numpy as np
    >>> import torch
    >>> from torch import nn
    >>> from skood import GaussianProcessScorer, make_outlier_pipeline
    >>> from skood.deep import TangentFeatureTransformer
    >>> _ = torch.manual_seed(0)
    >>> net = nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 3))
    >>> X = np.random.default_rng(0).normal(size=(100, 4))
    >>> tangent = TangentFeatureTransformer(net, n_projections=32, random_state=0)
    >>> tangent.fit_transform(X).shape  # 3 outputs along 32 directions
    (100, 96)
    >>> detector = make_outlier_pipeline(tangent, GaussianProcessScorer()).fit(X)
    >>> detector.predict([[0.0, 1.0, 0.0, 1.0], [9.0, 9.0, -9.0, 9.0]])
    array([ 1, -1])
    """

    def __init__(
        self,
        module: nn.Module,
        layers: str | Sequence[str] = "output",
        *,
        parameters: str | Sequence[str] = "all",
        n_projections: int = 256,
        n_output_projections: int | None = None,
        reduce: Reduce = "mean",
        batch_size: int = 64,
        device: Any = "auto",
        dtype: str = "float32",
        input_shape: tuple[int, ...] | None = None,
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.module = module
        self.layers = layers
        self.parameters = parameters
        self.n_projections = n_projections
        self.n_output_projections = n_output_projections
        self.reduce = reduce
        self.batch_size = batch_size
        self.device = device
        self.dtype = dtype
        self.input_shape = input_shape
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Find the layers and their widths in a forward pass of one batch, and draw directions.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples, as in `TorchFeatureTransformer.fit`.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        ValueError
            If a parameter or X is not valid, a layer is missing or not called, no weight has a name
            in `parameters`, or the last layer is not linear or not the module's output.
        """
        check_int(self, "n_projections", self.n_projections, 1)
        check_int(self, "n_output_projections", self.n_output_projections, 1, or_none=True)
        self._seeds = random_generator(self).randint(
            np.iinfo(np.int32).max, size=self.n_projections + 1
        )
        exact = isinstance(self.parameters, str) and self.parameters == _LAST_LAYER
        self._last = self._inputs_of_last_layer(X) if exact else None
        layers = self.layers if self._last is None else [self._last._taps[0].layer]
        self._features = self._features_of(layers).fit(X)
        self._copy_columns(self._features)
        self.parameters_ = self._names()
        widths = {
            group: self._n_columns(columns.stop - columns.start)
            for group, columns in self._features.feature_groups_.items()
        }
        ends = np.cumsum(list(widths.values())).tolist()
        self.feature_groups_ = {
            group: slice(start, end)
            for group, start, end in zip(widths, [0, *ends], ends, strict=False)
        }
        return self

    def transform(self, X: Any) -> NDArray:
        """Give the rows of samples.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples, as in `fit`.

        Returns
        -------
        ndarray of shape (n_samples, n_features)
            The rows. Their inner products estimate the kernel.

        Raises
        ------
        ValueError
            If X is not valid.
        """
        check_is_fitted(self)
        if self._last is not None:
            return self._exact_rows(X, self._last)
        passes = self._opened()
        mixes = self._output_mixes()

        def directions() -> Iterator[Weights]:
            return (passes.random_direction(int(seed)) for seed in self._seeds[1:])

        def joined(slopes: list[list[torch.Tensor]]) -> torch.Tensor:
            layers = [
                torch.cat(along if mix is None else [rows @ mix.to(rows) for rows in along], dim=1)
                for along, mix in zip(zip(*slopes, strict=True), mixes, strict=True)
            ]
            return torch.cat(layers, dim=1) / math.sqrt(self.n_projections)

        return passes.along(X, directions, joined)

    def jvp(self, X: Any, direction: Mapping[str, Any]) -> NDArray:
        r"""Derivative of the features along a direction in the weights.

        For a step :math:`\Delta\theta`, this is how far the features of each sample move to first
        order.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples, as in `fit`.
        direction : dict of str to array
            An array of its shape for each weight in `parameters_`.

        Returns
        -------
        ndarray of shape (n_samples, n_layer_features)
            The derivative of each feature of `TorchFeatureTransformer` with these `layers`.

        Raises
        ------
        ValueError
            If X or the direction is not valid.
        """
        check_is_fitted(self)
        passes = self._opened()
        weights = passes.given_direction(direction)
        return passes.along(X, lambda: iter([weights]), lambda slopes: torch.cat(slopes[0], dim=1))

    def vjp(self, X: Any, cotangents: Any) -> dict[str, NDArray[np.float64]]:
        r"""Gradient, with respect to the weights, of features times cotangents.

        For cotangents :math:`\nu_m` of samples :math:`x_m`, this is :math:`w = \sum_m (\partial
        F(x_m) / \partial \theta)^\top \nu_m`, so that ``jvp(X, w)`` is :math:`\sum_m \Theta(x, x_m)
        \nu_m` with the exact kernel of matrices.

        Parameters
        ----------
        X : array-like of shape (n_samples, ...), torch.Tensor, Dataset or DataLoader
            The samples, as in `fit`.
        cotangents : array-like of shape (n_samples, n_layer_features)
            A factor for each feature of `TorchFeatureTransformer` with these `layers`.

        Returns
        -------
        dict of str to ndarray
            The gradient for each weight in `parameters_`.

        Raises
        ------
        ValueError
            If X or the cotangents are not valid.
        """
        check_is_fitted(self)
        return self._opened().pulled_back(X, np.asarray(cotangents, dtype=np.float64))

    def _features_of(self, layers: str | Sequence[str], **changes: Any) -> TorchFeatureTransformer:
        parameters = {
            name: getattr(self, name)
            for name in TorchFeatureTransformer._get_param_names()
            if name in self._get_param_names()
        }
        return TorchFeatureTransformer(**{**parameters, "layers": layers, **changes})

    def _inputs_of_last_layer(self, X: Any) -> TorchFeatureTransformer:
        """The inputs of the last layer with weights, which must be linear and the features F."""
        if self.layers != "output":
            allowed = "'output' for parameters='last-layer'"
            raise parameter_error(self, "layers", allowed, self.layers)
        inputs = self._features_of("penultimate", reduce="flatten").fit(X)
        (tap,) = inputs._taps
        layer = plain_module(self, self.module).get_submodule(tap.layer)
        (columns,) = inputs.feature_groups_.values()
        if not isinstance(layer, nn.Linear) or columns.stop != layer.in_features:
            allowed = "a module whose last layer with weights is a torch.nn.Linear of rows"
            raise parameter_error(self, "module", allowed, type(layer).__name__)
        return inputs

    def _copy_columns(self, features: TorchFeatureTransformer) -> None:
        """The attributes about the columns of X, of this fit alone."""
        for name in ("n_features_in_", "feature_names_in_", "input_shape_"):
            if hasattr(features, name):
                setattr(self, name, getattr(features, name))
            elif hasattr(self, name):
                delattr(self, name)

    def _names(self) -> list[str]:
        """Names of the weights θ."""
        module = plain_module(self, self.module)
        names = [name for name, p in module.named_parameters() if p.is_floating_point()]
        if self._last is not None:
            layer = self._last._taps[0].layer
            wanted: Sequence[str] = [f"{layer}.*" if layer else "*"]
        elif isinstance(self.parameters, str):
            wanted = ["*"] if self.parameters == "all" else []
        else:
            wanted = self.parameters
        chosen = [name for name in names if any(fnmatchcase(name, glob) for glob in wanted)]
        if not chosen:
            allowed = "'all', 'last-layer' or names and globs of parameters of the module"
            raise parameter_error(self, "parameters", allowed, self.parameters)
        return chosen

    def _n_columns(self, n_features: int) -> int:
        if self._last is not None:
            (columns,) = self._last.feature_groups_.values()
            return columns.stop + len(self.parameters_) - 1
        most = self.n_output_projections
        return self.n_projections * (n_features if most is None else min(n_features, most))

    def _exact_rows(self, X: Any, last: TorchFeatureTransformer) -> NDArray:
        """The rows of the last layer's kernel."""
        h = last.transform(X)
        (outputs,) = self._features.feature_groups_.values()
        ones = np.ones((len(h), len(self.parameters_) - 1), dtype=h.dtype)  # for the bias
        return np.hstack([h, ones]) * h.dtype.type(math.sqrt(outputs.stop))

    def _output_mixes(self) -> list[torch.Tensor | None]:
        """For each layer, the random combinations of its features; None for all features."""
        generator = torch.Generator().manual_seed(int(self._seeds[0]))
        mixes: list[torch.Tensor | None] = []
        most = self.n_output_projections
        for columns in self._features.feature_groups_.values():
            width = columns.stop - columns.start
            if most is None or width <= most:
                mixes.append(None)
            else:
                mixes.append(torch.randn(width, most, generator=generator) / math.sqrt(most))
        return mixes

    def _opened(self) -> TangentPass:
        module, device = self._features._check_parameters()
        return TangentPass(self, module, device, self.parameters_, self._features._extraction)
