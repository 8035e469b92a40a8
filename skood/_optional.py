"""Imports of packages that an extra of skood brings; the error names the extra to install."""

import importlib
import importlib.util
import re
import sys
from types import ModuleType


def is_installed(module: str) -> bool:
    """Whether a module can be imported, without importing it."""
    package = module.partition(".")[0]
    if package in sys.modules:
        # Python blocks the import of a module whose entry is None.
        return sys.modules[package] is not None
    return importlib.util.find_spec(package) is not None


def install_command(extra: str) -> str:
    """The command that installs the packages of an extra, with or without skood on an index.

    It names the packages in the metadata of the installed skood, or the extra of a clone.
    """
    from importlib.metadata import PackageNotFoundError, requires  # 50 ms, and only for an error

    try:
        stated = requires("skood") or []
    except PackageNotFoundError:
        stated = []
    marker = re.compile(rf"(\S+)\s*;.*\bextra == ['\"]{extra}['\"]")
    packages = [found[1] for found in map(marker.match, stated) if found] or [f".[{extra}]"]
    return "python -m pip install " + " ".join(f'"{package}"' for package in packages)


def import_optional(module: str, extra: str, *, needed_by: str | None = None) -> ModuleType:
    """Import an optional module, or raise an ImportError that names the extra to install.

    `needed_by` is the subject of the error. An installed package that fails during its import
    raises its own error: installing it again would not help.
    """
    try:
        return importlib.import_module(module)
    except ModuleNotFoundError as error:
        package = module.partition(".")[0]
        if is_installed(package):
            raise
        subject = needed_by or f"The {extra!r} extra of skood"
        raise ImportError(
            f"{subject} needs the module {package!r}, which is not installed: "
            f"run {install_command(extra)} (the extra {extra!r}).",
            name=package,
        ) from error
