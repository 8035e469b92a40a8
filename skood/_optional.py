"""Import a package that only an extra of skood brings, or say which extra to install."""

import importlib
import importlib.util
import sys
from types import ModuleType


def is_installed(module: str) -> bool:
    """Tell whether a module can be imported, without importing it.

    Parameters
    ----------
    module : str
        Name of the module, such as ``"matplotlib"``. Only the first part of a dotted name counts.

    Returns
    -------
    bool
        True if the module is loaded or can be found.

    Examples
    --------
    >>> from skood._optional import is_installed
    >>> is_installed("sklearn"), is_installed("no_such_package")
    (True, False)
    """
    package = module.partition(".")[0]
    if package in sys.modules:
        # Python blocks the import of a module whose entry is None.
        return sys.modules[package] is not None
    return importlib.util.find_spec(package) is not None


def import_optional(module: str, extra: str, *, needed_by: str | None = None) -> ModuleType:
    """Import an optional module, or raise an error that names the extra to install.

    Parameters
    ----------
    module : str
        Name of the module to import; it may be dotted.
    extra : str
        The extra of skood that brings the module.
    needed_by : str, default=None
        The subject of the error: the thing that needs the module. None: the extra.

    Returns
    -------
    module
        The imported module.

    Raises
    ------
    ImportError
        If the package is not installed. An installed package that fails during its import raises
        its own error, since installing it again would not help.

    Examples
    --------
    >>> from skood._optional import import_optional
    >>> import_optional("no_such_package", "plots", needed_by="The picture of the scores")
    Traceback (most recent call last):
    ...
    ImportError: The picture of the scores needs the module 'no_such_package', which is not
    installed: run pip install "skood[plots]" to add it.
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
