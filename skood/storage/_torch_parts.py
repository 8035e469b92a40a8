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
    """How to build each module again, and the member with its weights, by name for the manifest."""
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
    """The torch modules of a file with their weights, by name."""
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
