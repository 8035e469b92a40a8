"""Import a package that only an extra of skood brings, or say which extra to install."""

import importlib
import importlib.util
import sys
from types import ModuleType


def is_installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it."""
    package = module.partition(".")[0]
    if package in sys.modules:
        # Python blocks the import of a module whose entry is None.
        return sys.modules[package] is not None
    return importlib.util.find_spec(package) is not None


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
            f'run pip install "skood[{extra}]" to add it.',
            name=package,
        ) from error
