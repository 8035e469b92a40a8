"""The torch modules of an estimator as members of its file."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, Any

from .._optional import import_optional
from .._validation import parameter_error
from ._container import NewContainer, StoredFile
from .walk import FoundModule

if TYPE_CHECKING:
    from torch import nn


def describe_modules(
    modules: list[FoundModule], architectures: Mapping[str, str | Callable[[], nn.Module]]
) -> dict[str, dict[str, Any]]:
    """The torch modules in the manifest, by name.

    Parameters
    ----------
    modules : list of FoundModule
        The modules.
    architectures : mapping of str to str or callable
        The parameter of `save`.

    Returns
    -------
    dict of str to dict
        How to build each module again, and the member with its weights.

    Raises
    ------
    ValueError
        If `architectures` does not fit the modules.
    """
    if not modules:
        if architectures:
            allowed = "None for an estimator without torch modules"
            raise parameter_error("skood.save", "architectures", allowed, sorted(architectures))
        return {}
    from ..deep import stored_modules as deep

    owners = {module.name: (module.owner, module.attribute) for module in modules}
    described = deep.describe_modules(_modules(modules), owners, architectures)
    whole = [description for description in described.values() if "part_of" not in description]
    for number, description in enumerate(whole):
        description["member"] = f"modules/{number}.safetensors"
    return described


def write_weights(
    container: NewContainer, modules: list[FoundModule], described: Mapping[str, dict[str, Any]]
) -> None:
    """Write the weights of each module that is not a layer of another one."""
    for name, module in _modules(modules).items():
        if "member" in described[name]:
            from ..deep import stored_modules as deep

            with container.member(described[name]["member"]) as file:
                file.write(deep.weights_of(name, module))


def restore_modules(
    stored: StoredFile, given: Mapping[str, nn.Module], trusted: set[str]
) -> dict[str, nn.Module]:
    """The torch modules of a file, by name.

    Parameters
    ----------
    stored : StoredFile
        The file.
    given : mapping of str to torch.nn.Module
        The parameter `modules` of `load`.
    trusted : set of str
        Names of functions and classes that may be called.

    Returns
    -------
    dict of str to torch.nn.Module
        The modules with their weights.

    Raises
    ------
    ValueError
        If a module cannot be built, or `given` does not fit the modules.
    """
    described = stored.manifest["modules"]
    if not described:
        if given:
            allowed = "None for a file without torch modules"
            raise parameter_error("skood.load", "modules", allowed, sorted(given))
        return {}
    import_optional("torch", "torch", needed_by="This file of torch modules")
    from ..deep import stored_modules as deep

    return deep.restore_modules(
        described, lambda name: stored.read(described[name]["member"]), given, trusted
    )


def _modules(modules: list[FoundModule]) -> dict[str, nn.Module]:
    # A module of torch.compile stands for its original.
    return {part.name: getattr(part.module, "_orig_mod", part.module) for part in modules}
