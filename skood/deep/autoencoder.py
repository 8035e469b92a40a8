"""Activation traces of the latent space of an autoencoder."""

from __future__ import annotations

import copy
import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Self

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_array, check_is_fitted
from torch import nn

from .._validation import check_new_rows, check_training_rows, random_generator
from ._autoencoder_parameters import check_parameters, training_plan
from ._autoencoder_parts import build_autoencoder
from ._device import resolve_device
from ._fixed_blocks import forward_blocks
from ._input_scaling import LARGEST_SCALED, InputScaling, fit_scaling
from ._input_shape import flat_rows, input_shape_of
from ._isolation import isolated
from ._shared_modules import SharesModules
from ._training import train

_OWN_MODULES = ("encoder", "decoder")


class AutoencoderTransformer(
    SharesModules, ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator
):
    """Train an autoencoder on rows, and use its code as features, the activation trace.

    The encoder maps a row to a code of `n_components` numbers, its trace. The decoder maps the code
    back. With one hidden width, the autoencoder has five layers: input, hidden, code, hidden,
    output. Hidden layers have a ReLU; code and output are linear. Adam trains both halves together
    to reconstruct the row in mean squared error.

    The defaults suit a few hundred tabular rows as well as 60,000 images. `batch_size` grows with
    the number of rows, so that an epoch has about 50 steps or more. The validation rows decide when
    to stop, so `epochs` only has to be large enough.

    Parameters
    ----------
    hidden : sequence of int, default=(256,)
        Widths of the encoder's dense hidden layers, starting at the input. The decoder has them in
        reverse order. ``()`` makes the autoencoder linear.
    n_components : int, default=64
        Width of the code. `reconstruction_error` is informative only below the number of features.
        The trace is also useful above it.
    architecture : {"dense", "conv"}, default="dense"
        "dense" has dense layers only. "conv", for images, has convolutions before them.
    channels : sequence of int, default=(16, 32)
        Channels of the convolutions for ``architecture="conv"``, starting at the input. Each halves
        height and width.
    encoder, decoder : torch.nn.Module or None, default=None
        Your own halves. The encoder gets float32 batches of shape (n, n_features), or
        (n, channels, height, width) for images, on the scale described under `scaling`. Its
        flattened output is the trace. The decoder gets the encoder's output and must give as many
        values as the batch has. `fit` trains copies, starting at the present weights. Clones share
        the modules, which never change.
    output : {"activation", "sign"}, default="activation"
        Kind of the trace: the code, or its signs (-1, 0 or 1).
    scaling : {"auto", "feature", "global"}, default="auto"
        How the rows are scaled for the network. "feature" takes the mean and standard deviation of
        each feature over the training rows, which suits columns of different units. "global" takes
        one mean and standard deviation of all values. It suits pixels, because it does not magnify
        the noise of pixels that hardly vary. "auto" is "global" for images (X has more than two
        dimensions, or `input_shape` is given) and "feature" for flat rows. Constant features are
        not divided.
    epochs : int, default=100
        The largest number of passes over the training rows. If the loss still falls at the end,
        ``n_epochs_ == epochs`` shows it; there is no warning.
    learning_rate : float, default=1e-3
        Step of Adam.
    batch_size : int or "auto", default="auto"
        Rows in each step. "auto": a fiftieth of the rows, from 16 to 256.
    validation_fraction : float, default=0.1
        Share of the rows that training leaves out, in [0, 1), rounded down to whole rows. Without
        such rows, early stopping watches the training loss.
    early_stopping : bool, default=True
        Stop when the validation loss has not fallen by a hundredth for `patience` epochs, and keep
        the weights of the best epoch. False: run all epochs and keep the weights of the last.
    patience : int, default=10
        See `early_stopping`.
    denoising : float, default=0.0
        Standard deviation of Gaussian noise. It is added to the scaled rows, but not to the
        training target.
    input_shape : tuple of int or None, default=None
        Shape of images in flat rows: (channels, height, width) or (height, width). None: the shape
        in X.
    device : str or torch.device, default="auto"
        The device to compute on. "auto" is CUDA if torch sees a device, else the CPU.
    random_state : int, RandomState instance or None, default=None
        Draws the first weights, the validation rows, the order of the rows and the noise. An int
        gives the same result to the last bit on one machine. `fit` neither uses nor changes the
        global generators of torch.
    verbose : bool, default=False
        Print the losses after each epoch.

    Attributes
    ----------
    encoder_, decoder_ : torch.nn.Module
        The trained halves, in evaluation mode, on the CPU.
    loss_curve_ : ndarray of shape (n_epochs_,)
        Training loss in each epoch: mean squared error in scaled units, with the noise.
    validation_loss_curve_ : ndarray of shape (n_epochs_,) or None
        Validation loss after each epoch, without noise; None without validation rows.
    n_epochs_ : int
        Number of completed epochs.
    best_epoch_ : int
        The epoch of the kept weights, counted from 1.
    mean_, scale_ : ndarray of shape (n_features_in_,) or (1,)
        Scaled rows are ``(X - mean_) / scale_``.
    n_components_ : int
        Width of the code.
    input_shape_ : tuple of int
        Shape of one row for the encoder.
    row_shape_ : tuple of int
        Shape of one row in `fit` and in the output of `inverse_transform`.
    n_features_in_ : int
        Number of features, or of values in an image.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the columns, if X had names.

    Notes
    -----
    The network computes in float32. A trace has the type of the rows, float32 or float64. Images of
    whole numbers of at most 16 bits give float32.

    Small networks train fastest in one thread, because several threads mostly wait for each other.
    Your program can call ``torch.set_num_threads(1)``.

    Ctrl-C during `fit` ends the training, not the program. `fit` keeps the best weights so far and
    warns with their epoch. Before the end of the first epoch, Ctrl-C ends the program.

    References
    ----------
    Ouyang, Echizen and Seo, OOD detection by statistical measures of activation traces, section
    III.A. Vincent et al. (2010), Stacked denoising autoencoders, section 3 (`denoising`).

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from skood.deep import AutoencoderTransformer
    >>> X = load_digits().images[:500]  # (500, 8, 8)
    >>> autoencoder = AutoencoderTransformer((32,), 8, epochs=20, random_state=0).fit(X)
    >>> autoencoder.transform(X).shape
    (500, 8)
    >>> autoencoder.inverse_transform(autoencoder.transform(X)).shape
    (500, 8, 8)
    >>> bool(autoencoder.reconstruction_error(X).mean() < 0.5)  # of a variance of 1
    True
    """

    def __init__(
        self,
        hidden: Sequence[int] = (256,),
        n_components: int = 64,
        *,
        architecture: str = "dense",
        channels: Sequence[int] = (16, 32),
        encoder: nn.Module | None = None,
        decoder: nn.Module | None = None,
        output: str = "activation",
        scaling: str = "auto",
        epochs: int = 100,
        learning_rate: float = 1e-3,
        batch_size: int | str = "auto",
        validation_fraction: float = 0.1,
        early_stopping: bool = True,
        patience: int = 10,
        denoising: float = 0.0,
        input_shape: tuple[int, ...] | None = None,
        device: Any = "auto",
        random_state: int | np.random.RandomState | None = None,
        verbose: bool = False,
    ) -> None:
        self.hidden = hidden
        self.n_components = n_components
        self.architecture = architecture
        self.channels = channels
        self.encoder = encoder
        self.decoder = decoder
        self.output = output
        self.scaling = scaling
        self.epochs = epochs
        self.learning_rate = learning_rate
        self.batch_size = batch_size
        self.validation_fraction = validation_fraction
        self.early_stopping = early_stopping
        self.patience = patience
        self.denoising = denoising
        self.input_shape = input_shape
        self.device = device
        self.random_state = random_state
        self.verbose = verbose

    def fit(self, X: Any, y: Any = None) -> Self:  # noqa: ARG002
        """Train the autoencoder.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), (n_samples, height, width) or \
                (n_samples, channels, height, width)
            The training rows, at least 2.
        y : Ignored
            Present for API consistency.

        Returns
        -------
        self : object
            The fitted transformer.

        Raises
        ------
        KeyboardInterrupt
            If the training is interrupted before its first epoch has ended.
        ValueError
            If a parameter or X is not valid, or the loss is not finite.
        """
        check_parameters(self)
        device = resolve_device(self, self.device)
        X, row_shape = flat_rows(self, X)
        X = check_training_rows(self, X)
        row_shape = row_shape or X.shape[1:]
        input_shape = input_shape_of(self, row_shape)
        per_feature = {"auto": len(input_shape) == 1, "feature": True, "global": False}
        scaling = fit_scaling(X, per_feature=per_feature[self.scaling])
        seed = int(random_generator(self).randint(2**31 - 1))
        generator = torch.Generator(device="cpu").manual_seed(seed)
        n_held_out = int(self.validation_fraction * len(X))
        has_own_modules = any(getattr(self, name) is not None for name in _OWN_MODULES)
        with isolated(seed, device, global_generators=has_own_modules):
            rows = torch.from_numpy(scaling.scaled(X)).reshape(len(X), *input_shape)
            model, code_shape = build_autoencoder(self, rows[:2], generator, device)
            plan = training_plan(self, len(X) - n_held_out)
            history = train(model, rows, n_held_out, plan, generator)
        model = model.cpu().eval()
        self.encoder_, self.decoder_ = model.encoder, model.decoder
        self.mean_, self.scale_ = scaling
        self.input_shape_, self.row_shape_, self._code_shape = input_shape, row_shape, code_shape
        self.n_components_ = self._n_features_out = math.prod(code_shape)
        self.loss_curve_, self.validation_loss_curve_ = history.curves()
        self.n_epochs_, self.best_epoch_ = len(history.losses), history.best_epoch
        return self

    def transform(self, X: Any) -> NDArray[Any]:
        """Give the activation traces of rows in the latent space.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images as in `fit`
            The rows.

        Returns
        -------
        ndarray of shape (n_samples, n_components_)
            The codes, or their signs; float32 for float32 rows, else float64. A row has the same
            code in any batch.
        """
        X = self._check_rows(X)
        out = np.empty((len(X), self.n_components_), dtype=X.dtype)
        encoder = self.encoder_
        for rows, _, code in self._blocks(encoder, X, self._scaling().scaled, self.input_shape_):
            out[rows] = np.sign(code) if self.output == "sign" else code
        return out

    def inverse_transform(self, X: Any) -> NDArray[Any]:
        """Reconstruct rows from their traces.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_components_)
            Traces from `transform`.

        Returns
        -------
        ndarray of shape (n_samples, *row_shape_)
            The reconstructions, in the unit and shape of the training rows.

        Raises
        ------
        ValueError
            If ``output="sign"``, because signs cannot be decoded, or if X has another width.
        """
        check_is_fitted(self)
        if self.output == "sign":
            raise ValueError(
                f"{type(self).__name__}(output='sign') has no inverse: the decoder needs the "
                "activations. Set output='activation'."
            )
        X = check_array(X, dtype=[np.float64, np.float32])
        if X.shape[1] != self.n_components_:
            raise ValueError(
                f"X has {X.shape[1]} columns, but {type(self).__name__} makes traces of "
                f"{self.n_components_}."
            )
        out = np.empty((len(X), self.n_features_in_), dtype=X.dtype)
        for rows, _, row in self._blocks(self.decoder_, X, _as_float32, self._code_shape):
            out[rows] = self._scaling().unscaled(row)
        return out.reshape(len(X), *self.row_shape_)

    def reconstruction_error(self, X: Any) -> NDArray[np.float64]:
        """Give the distance of each row from its reconstruction.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_features), or images as in `fit`
            The rows.

        Returns
        -------
        ndarray of shape (n_samples,)
            The mean squared difference over the row's features, in scaled units. A reconstruction
            that is the mean of the training rows gives about 1. Higher = more out-of-distribution.
        """
        X = self._check_rows(X)
        out = np.empty(len(X))
        model = nn.Sequential(self.encoder_, self.decoder_)
        blocks = self._blocks(model, X, self._scaling().scaled, self.input_shape_)
        for rows, scaled, reconstructed in blocks:
            out[rows] = ((scaled.astype(np.float64) - reconstructed) ** 2).mean(axis=1)
        return out

    def _check_rows(self, X: Any) -> NDArray[Any]:
        check_is_fitted(self)
        X, row_shape = flat_rows(self, X)
        if row_shape is not None and row_shape not in (self.row_shape_, self.input_shape_):
            raise ValueError(
                f"X has rows of shape {row_shape}, but {type(self).__name__} was fitted on rows of "
                f"shape {self.row_shape_}."
            )
        return check_new_rows(self, X)

    def _scaling(self) -> InputScaling:
        return InputScaling(self.mean_, self.scale_)

    def _blocks(
        self,
        module: nn.Module,
        X: NDArray[Any],
        prepare: Callable[[NDArray[Any]], NDArray[np.float32]],
        shape: Sequence[int],
    ) -> Iterator[tuple[slice, NDArray[np.float32], NDArray[np.float32]]]:
        device = resolve_device(self, self.device)
        if device.type != "cpu":
            # The fitted module stays on the CPU. It can be pickled for a machine without that
            # device, and several threads can use it.
            module = copy.deepcopy(module).to(device)
        return forward_blocks(module, X, prepare=prepare, shape=shape, device=device)

    def __getstate__(self) -> dict[str, Any]:
        state = dict(super().__getstate__())
        for name in _OWN_MODULES:
            if isinstance(module := state[name], nn.Module):
                elsewhere = any(weight.device.type != "cpu" for weight in module.parameters())
                # for unpickling on a machine without that device
                state[name] = copy.deepcopy(module).cpu() if elsewhere else module
        return state

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def _as_float32(X: NDArray[Any]) -> NDArray[np.float32]:
    return np.clip(X, -LARGEST_SCALED, LARGEST_SCALED).astype(np.float32)
