"""Rebuilding a module, by a recipe of skood or by a class or function under an import path."""

from __future__ import annotations

import importlib
import inspect
from collections.abc import Callable
from functools import partial
from typing import Any

import torch
from torch import nn

from ._autoencoder_modules import conv_decoder, conv_encoder, dense_decoder, dense_encoder
from .autoencoder import AutoencoderTransformer

_BUILDERS: dict[str, Callable[..., nn.Module]] = {
    "conv_decoder": conv_decoder,
    "conv_encoder": conv_encoder,
    "dense_decoder": dense_decoder,
    "dense_encoder": dense_encoder,
    "linear": partial(torch.nn.utils.skip_init, nn.Linear),
}
# Attributes of every module that are no settings; torch.compile adds the last.
_BOOKKEEPING = frozenset(vars(nn.Module())) | {"_is_torch_compile"}
_PLAIN = (bool, int, float, str, bytes, type, torch.dtype, torch.device)


def recipe_of(module: nn.Module, owner: object, attribute: str) -> dict[str, Any] | None:
    """The recipe of a module that skood builds, for `built`; None for other modules."""
    if type(module) is nn.Linear:
        sizes = {"in_features": module.in_features, "out_features": module.out_features}
        return {"builder": "linear", **sizes, "bias": module.bias is not None}
    if not isinstance(owner, AutoencoderTransformer):
        return None
    half = attribute.removesuffix("_")
    if attribute not in ("encoder_", "decoder_") or getattr(owner, half) is not None:
        return None
    return _autoencoder_recipe(owner, half)


def built(recipe: dict[str, Any], n_tensors: int | None = None) -> nn.Module:
    """The module of a recipe, without weights, for a file with `n_tensors` tensors.

    Raises
    ------
    ValueError
        If the recipe has more layers than tensors, or builds no module.
    """
    try:
        arguments = dict(recipe)
        n_layers = sum(len(arguments.get(name, ())) for name in ("hidden", "channels"))
        if n_tensors is not None and n_layers > n_tensors:
            raise ValueError(f"{n_layers} layers are too many for {n_tensors} tensors")
        return _BUILDERS[arguments.pop("builder")](**arguments)
    except Exception as error:  # torch raises what it likes
        cause = str(error).partition("\n")[0].rstrip(".")[:200]
        raise ValueError(f"The file's recipe for a torch module fails: {cause}.") from error


def imported(path: str) -> nn.Module:
    """The module that a class or function makes without arguments.

    Torch's global generator draws its first weights and then gets its state back.
    """
    module_name, _, name = path.partition(":")
    try:
        target = getattr(importlib.import_module(module_name), name)
    except (ImportError, AttributeError, ValueError) as error:
        raise ValueError(f"The architecture {path!r} cannot be imported: {error}.") from error
    with torch.random.fork_rng(devices=[]):
        module = target()
    if not isinstance(module, nn.Module):
        raise ValueError(
            f"The architecture {path!r} must make a torch.nn.Module. Got {module!r} instead."
        )
    return module


def import_path_of(
    name: str, module: nn.Module, chosen: str | Callable[[], nn.Module] | None
) -> str | None:
    """The import path of a class or function that makes a module like this one, or None.

    Without a choice of the user it is the class of the module, if that makes such a module. A
    choice that makes a module whose weights have other names or shapes is an error.
    """
    if chosen is None:
        return _path_of_class(module)
    path = chosen if isinstance(chosen, str) else f"{chosen.__module__}:{chosen.__qualname__}"
    if _shapes(imported(path)) != _shapes(module):
        raise ValueError(
            f"The 'architectures' parameter of skood.save must make modules with weights of the "
            f"same names and shapes. Got {path!r} for the module {name!r}, which has other weights."
        )
    return path


def _autoencoder_recipe(owner: AutoencoderTransformer, half: str) -> dict[str, Any] | None:
    hidden, channels = (list(map(int, widths)) for widths in (owner.hidden, owner.channels))
    recipe: dict[str, Any] = {"builder": f"{owner.architecture}_{half}", "hidden": hidden}
    recipe["input_shape"] = list(map(int, owner.input_shape_))
    if owner.architecture == "conv":
        recipe["channels"] = channels
    if half == "encoder":
        recipe["n_components"] = int(owner.n_components)
    else:
        recipe["code_shape"] = list(map(int, owner._code_shape))
    # Parameters that were set after `fit` would build another module.
    fits = _shapes(built(recipe)) == _shapes(getattr(owner, f"{half}_"))
    return recipe if fits else None


def _path_of_class(module: nn.Module) -> str | None:
    """The import path of a module's class, if it makes a module of the same build."""
    kind = type(module)
    path = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__ == "__main__" or "." in kind.__qualname__:
        return None
    try:
        if any(_is_required(p) for p in inspect.signature(kind).parameters.values()):
            return None
        made = imported(path)
    except Exception:  # a user's class may raise anything
        return None
    return path if type(made) is kind and _same_build(made, module) else None


def _is_required(parameter: inspect.Parameter) -> bool:
    several = (inspect.Parameter.VAR_POSITIONAL, inspect.Parameter.VAR_KEYWORD)
    return parameter.default is inspect.Parameter.empty and parameter.kind not in several


def _same_build(made: nn.Module, module: nn.Module) -> bool:
    """Whether two modules show no difference except in their weights."""
    if _shapes(made) != _shapes(module):
        return False
    parts, others = (dict(m.named_modules(remove_duplicate=False)) for m in (made, module))
    if parts.keys() != others.keys():
        return False
    return all(
        type(part) is type(others[name])
        and part.extra_repr() == others[name].extra_repr()
        and (settings := _settings(part)) is not None
        and settings == _settings(others[name])
        for name, part in parts.items()
    )


def _shapes(module: nn.Module) -> dict[str, Any]:
    return {name: getattr(value, "shape", None) for name, value in module.state_dict().items()}


def _settings(module: nn.Module) -> dict[str, Any] | None:
    """The plain attributes of a module, or None if it has others, which cannot be compared."""
    settings = {}
    for name, value in vars(module).items():
        if name in _BOOKKEEPING:
            continue
        if _is_plain(value):
            settings[name] = value
        elif not type(module).__module__.startswith("torch."):
            return None  # other attributes of torch's modules depend on their weights
    return settings


def _is_plain(value: Any) -> bool:
    if isinstance(value, dict):
        return all(_is_plain(part) for pair in value.items() for part in pair)
    if isinstance(value, list | tuple):
        return all(_is_plain(part) for part in value)
    return value is None or isinstance(value, _PLAIN) or inspect.isroutine(value)
