"""Save a fitted estimator to a file, and load it, without running code that the file brings."""

from __future__ import annotations

import importlib.metadata
import io
import json
import platform
import warnings
from collections.abc import Callable, Iterable, Mapping
from os import PathLike
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, TYPE_CHECKING, Any

from .._optional import import_optional
from .._validation import parameter_error
from .._version import __version__
from ._container import NewContainer, StoredFile, new_container, open_container
from ._names import place_of, stable_name
from ._schema import rename_classes
from ._stand_ins import loaded_modules
from ._summary import summary_of
from ._torch_parts import describe_modules, restore_modules, write_weights
from ._types import ALLOWED_TYPES, names_of
from .walk import with_stand_ins

if TYPE_CHECKING:
    from torch import nn

# A file of a newer first number is refused, of a newer second one it is read. In format 1, classes
# were named by the modules they lived in.
_FORMAT = (2, 0)
_ESTIMATOR = "estimator.skops"
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "skops")


def save(
    estimator: Any,
    path: str | PathLike[str],
    *,
    architectures: Mapping[str, str | Callable[[], nn.Module]] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Write an estimator to a file that `load` reads.

    The file is written whole or not at all: until the new one is complete, an old one stays as it
    is. It is a zip file of arrays, text and weights, and holds nothing that runs in loading.

    Parameters
    ----------
    estimator : estimator
        A detector, scorer, transformer or index of skood, or a Pipeline or other estimator of
        scikit-learn with such in it; fitted or not.
    path : str or path-like
        The file; ``.skood`` is a good ending.
    architectures : mapping of str to str or callable, default=None
        What makes modules like the torch modules in the estimator, by the names that they have as
        parameters (``{"module": "mynets:LeNet"}``): an import path ``"package.module:callable"``,
        or the class or function itself. It is called without arguments. Modules whose class makes
        them without arguments need not be named, neither do those that `AutoencoderTransformer`
        builds itself. Any other module has to be given to `load`.
    notes : mapping or None, default=None
        What else the file is to say of itself, such as where the training rows come from: text,
        numbers, lists and dicts. `read_manifest` gives it.

    Raises
    ------
    ImportError
        If skops or, for torch modules, safetensors is not installed: the extra ``io`` brings them.
    ValueError
        If the estimator holds what cannot be stored, such as a lambda, or `notes` does.
    OSError
        If the file cannot be written.

    Warns
    -----
    UserWarning
        If a part is not stored but built again by `load`, which takes time: the graph of a
        `PyNNDescentIndex`. `FaissIndex` is stored as it is.

    See Also
    --------
    load : Reads the file.

    Notes
    -----
    Of torch modules the weights are stored, by safetensors. A module that several parts of the
    estimator share is stored once, and shared again after loading. pickle and joblib work with
    estimators of skood too, and need neither names nor trust; loading a pickle runs any code that
    its author put there.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import numpy as np
    >>> import skood
    >>> X = np.random.default_rng(0).normal(size=(200, 4))
    >>> detector = skood.LCPOutlierDetector().fit(X)
    >>> path = Path(tempfile.mkdtemp()) / "detector.skood"
    >>> skood.save(detector, path)
    >>> bool((skood.load(path).score_samples(X) == detector.score_samples(X)).all())
    True
    """
    if isinstance(estimator, type) or not hasattr(estimator, "get_params"):
        raise parameter_error("skood.save", "estimator", "an estimator", estimator)
    skops_io = import_optional("skops.io", "io", needed_by="skood.save")
    stored, found, rebuilt = with_stand_ins(estimator)
    described = describe_modules(found, architectures or {})
    manifest = {
        "format": ".".join(map(str, _FORMAT)),
        "estimator": stable_name(f"{type(estimator).__module__}.{type(estimator).__qualname__}"),
        "versions": _versions(with_torch=bool(found)),
        "modules": described,
        "summary": summary_of(estimator),
        "notes": _checked_notes(notes),
    }
    with new_container(Path(path)) as container:
        _write_estimator(container, skops_io, stored, Path(path).resolve().parent)
        write_weights(container, found, described)
        container.finish(manifest)
    for name in rebuilt:
        warnings.warn(
            f"{name} stores its rows and seed, and skood.load builds the rest again, which takes "
            "as long as fitting it.",
            UserWarning,
            stacklevel=2,
        )


def load(
    path: str | PathLike[str],
    *,
    trusted: Iterable[str | type | Callable[..., Any]] = (),
    modules: Mapping[str, nn.Module] | None = None,
) -> Any:
    """Read an estimator from a file that `save` has written.

    Nothing in the file runs in loading. It names types, whose objects are made from their
    attributes: those of skood and those of scikit-learn and NumPy that skops trusts. Any other one
    has to be trusted by its name.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : iterable of str, type or callable, default=()
        Types and functions beyond those, whose code may run, such as own transformers and the
        architectures of torch modules; by name (``"mynets:LeNet"``, ``"package.module.Class"``) or
        as they are. Errors say which names the file needs.
    modules : mapping of str to torch.nn.Module, default=None
        Modules to be used under the names that the file has for them. They get the stored weights,
        in place, and no code has to be trusted for them.

    Returns
    -------
    estimator
        The estimator. Its scores are those before, bit for bit, on the same machine with the same
        versions.

    Raises
    ------
    ImportError
        If a package that the estimator needs is not installed; the error says which extra brings
        it.
    ValueError
        If the file is damaged, cut short, of another kind or of a newer format, holds types that
        are not trusted, or torch modules that cannot be built.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If the file was saved by another version of skood, or has estimators of scikit-learn that
        were saved by another version of that: the estimator may then behave in another way.

    See Also
    --------
    save : Writes the file, with an example.

    Notes
    -----
    The checksum tells damage, not who made the file. What a stranger has made with care can still
    hold arrays that compiled code is not made for, such as faiss's when it reads a `FaissIndex`.
    """
    trusted, path = names_of(trusted), Path(path)
    with open_container(path) as stored:
        _check_format(path, stored.manifest)
        skops_io = import_optional("skops.io", "io", needed_by="skood.load")
        _warn_of_other_version(path, stored.manifest)
        estimator, places = _read_estimator(path, stored, skops_io, trusted)
        restored = restore_modules(stored, modules or {}, trusted)
    try:
        with loaded_modules(restored):
            return skops_io.load(estimator, trusted=places)
    except (AttributeError, KeyError, TypeError) as error:
        writer = stored.manifest["versions"]["skood"]
        raise ValueError(
            f"The estimator in {str(path)!r}, saved by skood {writer}, cannot be built by skood "
            f"{__version__}: {error}"
        ) from error


def read_manifest(path: str | PathLike[str]) -> dict[str, Any]:
    """What a saved file says of itself, without loading the estimator.

    Parameters
    ----------
    path : str or path-like
        A file written by `save`.

    Returns
    -------
    dict
        ``"format"``, the type of the ``"estimator"`` by the name that it has in files,
        ``"versions"`` of the libraries that it was saved with, ``"modules"`` of torch by name,
        ``"members"``: the checksum of each part, and, where the file is not from before there were
        such, ``"notes"`` and the ``"summary"``: the types of the steps, the features and the number
        of training rows.

    Raises
    ------
    ValueError
        If the file is damaged, cut short, of another kind or of a newer format.
    """
    with open_container(Path(path)) as stored:
        _check_format(Path(path), stored.manifest)
        return stored.manifest


def _checked_notes(notes: Mapping[str, Any] | None) -> dict[str, Any]:
    try:
        plain: dict[str, Any] = json.loads(json.dumps(dict(notes or {}), allow_nan=False))
    except (TypeError, ValueError) as error:
        allowed = "a mapping of text, numbers, lists and dicts"
        raise parameter_error("skood.save", "notes", allowed, notes) from error
    return plain


def _versions(*, with_torch: bool) -> dict[str, str]:
    libraries = (*_LIBRARIES, "torch") if with_torch else _LIBRARIES
    versions = {library: importlib.metadata.version(library) for library in libraries}
    return {"skood": __version__, "python": platform.python_version(), **versions}


def _check_format(path: Path, manifest: dict[str, Any]) -> None:
    version = str(manifest["format"])
    if int(version.partition(".")[0]) > _FORMAT[0]:
        raise ValueError(
            f"The file {str(path)!r} has format {version}, written by skood "
            f"{manifest['versions']['skood']}, and skood {__version__} reads formats up to "
            f"{_FORMAT[0]}: update skood."
        )


def _warn_of_other_version(path: Path, manifest: dict[str, Any]) -> None:
    """Of scikit-learn's versions its own estimators tell."""
    version = manifest["versions"]["skood"]
    if version != __version__:
        warnings.warn(
            f"The file {str(path)!r} was saved by skood {version}, and this is skood "
            f"{__version__}: the estimator may behave in another way, or not work.",
            UserWarning,
            stacklevel=3,
        )


def _write_estimator(container: NewContainer, skops_io: Any, estimator: Any, folder: Path) -> None:
    """Write what skops makes of an estimator, under names of classes that stay."""
    # By way of the disk, so that the memory need not hold it twice.
    with TemporaryFile(dir=folder) as plain, container.member(_ESTIMATOR) as file:
        try:
            skops_io.dump(estimator, plain)
        except (TypeError, RecursionError) as error:
            raise ValueError(
                f"The {type(estimator).__name__} holds what skops cannot store: {error}"
            ) from error
        rename_classes(plain, file, stable_name)


def _read_estimator(
    path: Path, stored: StoredFile, skops_io: Any, trusted: set[str]
) -> tuple[IO[bytes], list[str]]:
    """What skops builds the estimator from, and the types that it does not know but may build.

    The names in the file are checked as they stand there, and then give way to the places where
    skops finds the classes today.
    """
    content = stored.read(_ESTIMATOR)
    names = skops_io.get_untrusted_types(data=content)
    unknown = sorted(set(names) - ALLOWED_TYPES - trusted)
    if unknown:
        raise ValueError(
            f"The file {str(path)!r} holds types that are not trusted: {', '.join(unknown)}; pass "
            f"trusted={unknown} if you know them and who made the file."
        )
    estimator = io.BytesIO()
    rename_classes(io.BytesIO(content), estimator, place_of)
    return estimator, [place_of(name) for name in names]
