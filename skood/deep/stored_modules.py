"""Torch modules in a file, and back.

The weights of a module are stored as safetensors. The module for them comes from one of

- a recipe, for modules that skood builds and for single linear layers,
- a layer of another module in the file,
- an import path of a class or function, called without arguments,
- the user, when loading.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Collection, Iterable, Mapping
from typing import Any

import torch
from torch import nn

from .._optional import import_optional
from ._architectures import built, import_path_of, imported, recipe_of

_Description = dict[str, Any]


def describe_modules(
    modules: Mapping[str, nn.Module],
    owners: Mapping[str, tuple[object, str]],
    architectures: Mapping[str, str | Callable[[], nn.Module]],
) -> dict[str, _Description]:
    """The entries of modules in the manifest, by name: all but their weights.

    An owner is the object that holds a module, and its attribute. `architectures` has a class or
    function that makes such a module, for some of the names.
    """
    _check_names("architectures", "skood.save", architectures, modules)
    described = {}
    for name, module in modules.items():
        place = _place_in_another(name, modules)
        described[name] = {
            "class": f"{type(module).__module__}.{type(module).__qualname__}",
            **(place or _way_to_build(name, module, owners[name], architectures)),
            "training": [part for part, layer in module.named_modules() if layer.training],
            "frozen": [part for part, p in module.named_parameters() if not p.requires_grad],
        }
    return described


def weights_of(name: str, module: nn.Module) -> bytes:
    """The weights of a module as safetensors."""
    safetensors = _safetensors("skood.save")
    state = module.state_dict()
    others = [part for part, value in state.items() if not isinstance(value, torch.Tensor)]
    if others:
        raise ValueError(
            f"skood.save stores the tensors in a module's state, but {others[0]!r} of the module "
            f"{name!r} is not a tensor."
        )
    # Copies: safetensors refuses tensors that share memory.
    tensors = {
        part: value.detach().cpu().clone(memory_format=torch.contiguous_format)
        for part, value in state.items()
    }
    return safetensors.save(tensors)


def restore_modules(
    described: Mapping[str, _Description],
    weights: Callable[[str], bytes],
    given: Mapping[str, nn.Module],
    trusted: Collection[str],
) -> dict[str, nn.Module]:
    """Build modules and give them their weights.

    The modules in `given` take the weights of some of the names; a copy of ``"encoder"`` also
    serves ``"encoder_"``. Only paths in `trusted`, with dots only, are called.
    """
    _check_names("modules", "skood.load", given, described)
    modules = {}
    for name, description in described.items():
        if "part_of" not in description:
            state = _safetensors("skood.load").load(weights(name))
            module = _pattern(name, description, given, trusted, len(state))
            _set_weights(name, module, state, description)
            modules[name] = module
    for name, description in described.items():
        if "part_of" in description:
            modules[name] = modules[description["part_of"]].get_submodule(description["layer"])
    return modules


def _place_in_another(name: str, modules: Mapping[str, nn.Module]) -> _Description | None:
    """The place of a module inside another module of the file, or under an earlier name."""
    names = list(modules)
    places = [
        {"part_of": other, "layer": layer}
        for other, whole in modules.items()
        for layer, part in whole.named_modules()
        if part is modules[name] and (layer or names.index(other) < names.index(name))
    ]
    # The largest of several is not a part of another.
    return max(places, key=lambda place: _n_parts(modules[place["part_of"]]), default=None)


def _n_parts(module: nn.Module) -> int:
    return sum(1 for _ in module.modules())


def _way_to_build(
    name: str,
    module: nn.Module,
    owner: tuple[object, str],
    architectures: Mapping[str, str | Callable[[], nn.Module]],
) -> _Description:
    recipe = recipe_of(module, *owner)
    if recipe is not None:
        return {"recipe": recipe}
    chosen = architectures.get(name, architectures.get(name.removesuffix("_")))
    return {"architecture": import_path_of(name, module, chosen)}


def _pattern(
    name: str,
    description: _Description,
    given: Mapping[str, nn.Module],
    trusted: Collection[str],
    n_tensors: int,
) -> nn.Module:
    """A module that the weights of a name fit, with arbitrary weights."""
    if name in given:
        return given[name]
    if name.removesuffix("_") in given:
        return copy.deepcopy(given[name.removesuffix("_")])
    if "recipe" in description:
        return built(description["recipe"], n_tensors)
    path = description["architecture"]
    if path is None:
        raise ValueError(
            f"The file does not say how to build the module {name!r}, a {description['class']}. "
            f"Pass modules={{{name!r}: module}} with a module that its weights fit."
        )
    if path.replace(":", ".") not in trusted:
        raise ValueError(
            f"The file builds the module {name!r} by calling {path!r}, which is not trusted. Pass "
            f"trusted=[{path!r}] if you trust it, or modules={{{name!r}: module}}."
        )
    return imported(path)


def _set_weights(
    name: str, module: nn.Module, state: Mapping[str, torch.Tensor], description: _Description
) -> None:
    present = module.state_dict()
    fits = state.keys() == present.keys() and all(
        present[part].shape == value.shape for part, value in state.items()
    )
    if not fits:
        raise ValueError(
            f"The weights in the file for the module {name!r} do not fit the built or given "
            f"{type(module).__qualname__}: names or shapes differ."
        )
    # A copy into the present weights would take their type.
    other_type = any(present[part].dtype != value.dtype for part, value in state.items())
    module.load_state_dict(state, assign=other_type)
    training, frozen = set(description["training"]), set(description["frozen"])
    for part, layer in module.named_modules():
        layer.training = part in training
    for part, parameter in module.named_parameters():
        parameter.requires_grad_(part not in frozen)


def _check_names(
    parameter: str, function: str, chosen: Iterable[str], modules: Iterable[str]
) -> None:
    known = sorted(modules)
    unknown = sorted(set(chosen) - set(known) - {name.removesuffix("_") for name in known})
    if unknown:
        raise ValueError(
            f"The {parameter!r} parameter of {function} must name torch modules of the estimator, "
            f"which are {known}. Got {unknown[0]!r} instead."
        )


def _safetensors(needed_by: str) -> Any:
    return import_optional("safetensors.torch", "io", needed_by=f"{needed_by} of torch modules")
