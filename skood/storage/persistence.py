"""Save a fitted estimator to a file, and load it, without running code of the file."""

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
from ..measures.arguments import as_path
from ..rows.named_rows import rows_named_by
from ._bounds import check_estimator
from ._container import NewContainer, StoredFile, new_container, open_container
from ._names import place_of, stable_name
from ._schema import rename_classes
from ._stand_ins import loaded_modules
from ._summary import summary_of
from ._torch_parts import describe_modules, restore_modules, write_weights
from ._types import ALLOWED_TYPES, names_of
from .guard import one_sentence
from .walk import with_stand_ins

if TYPE_CHECKING:
    from torch import nn

# `load` refuses a file with a newer first number, and reads a file with a newer second number.
# Format 1 named classes by their modules.
_FORMAT = (2, 0)
_ESTIMATOR = "estimator.skops"
_SHOWN, _MOST = 120, 5  # characters of a name that is not trusted, and names
_LIBRARIES = ("numpy", "scipy", "scikit-learn", "skops")


def save(
    estimator: Any,
    path: str | PathLike[str],
    *,
    architectures: Mapping[str, str | Callable[[], nn.Module]] | None = None,
    notes: Mapping[str, Any] | None = None,
) -> None:
    """Write an estimator to a file that `load` reads.

    The file is written whole or not at all: an old file stays until the new one is complete. It is
    a zip file of arrays, text and weights, and holds no code.

    Parameters
    ----------
    estimator : estimator
        A detector, scorer, transformer or index of skood, or a Pipeline or other estimator of
        scikit-learn that holds such estimators; fitted or not.
    path : str or path-like
        The file; ``.skood`` is a good ending.
    architectures : mapping of str to str or callable, default=None
        Functions or classes that build the torch modules of the estimator, by the parameter names
        of the modules (``{"module": "mynets:LeNet"}``): an import path
        ``"package.module:callable"``, or the function or class itself. It is called without
        arguments. Leave out modules whose class takes no arguments, and modules that
        `AutoencoderTransformer` builds itself. Pass any other module to `load`.
    notes : mapping or None, default=None
        Further facts to keep in the file, such as the origin of the training rows: text, numbers,
        lists and dicts. `read_manifest` gives them.

    Raises
    ------
    ImportError
        If skops or, for torch modules, safetensors is not installed: the extra ``io`` brings them.
    ValueError
        If the estimator or `notes` holds an object that cannot be stored, such as a lambda.
    OSError
        If the file cannot be written, or another process writes it for ten seconds or more.

    Warns
    -----
    UserWarning
        If `load` has to build a part again, which takes time: the graph of a `PyNNDescentIndex`.
        The index of a `FaissIndex` is stored.

    See Also
    --------
    load : Reads the file.

    Notes
    -----
    safetensors stores the weights of torch modules. A module that several parts of the estimator
    share is stored once, and shared again after loading. pickle and joblib work with estimators of
    skood too, and need neither names nor trust; loading a pickle runs all code that its author put
    there.

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
    target = as_path("skood.save", path)
    _check_mapping("skood.save", "architectures", architectures)
    skops_io = import_optional("skops.io", "io", needed_by="skood.save")
    stored, modules, rebuilt = with_stand_ins(estimator)
    described = describe_modules(modules, architectures or {})
    manifest = {
        "format": ".".join(map(str, _FORMAT)),
        "estimator": stable_name(f"{type(estimator).__module__}.{type(estimator).__qualname__}"),
        "versions": _versions(with_torch=bool(modules)),
        "modules": described,
        "summary": summary_of(estimator),
        "notes": _checked_notes(notes),
    }
    with new_container(target) as container:
        _write_estimator(container, skops_io, stored, target.resolve().parent)
        write_weights(container, modules, described)
        container.finish(manifest)
    for name in rebuilt:
        warnings.warn(
            f"{name} stores its rows and seed, and skood.load builds the rest again, which takes "
            "as long as a fit.",
            UserWarning,
            stacklevel=2,
        )


def load(
    path: str | PathLike[str],
    *,
    trusted: Iterable[str | type | Callable[..., Any]] = (),
    modules: Mapping[str, nn.Module] | None = None,
    rows: Mapping[str, Any] | None = None,
) -> Any:
    """Read an estimator from a file that `save` has written.

    Loading runs no code of the file. The file names types, and `load` builds their objects from
    their attributes: types of skood, and types of scikit-learn and NumPy that skops trusts. You
    must trust any other type by its name.

    Parameters
    ----------
    path : str or path-like
        The file.
    trusted : iterable of str, type or callable, default=()
        Further types and functions whose code may run, such as your own transformers and the
        architectures of torch modules: the objects or their names (``"mynets:LeNet"``,
        ``"package.module.Class"``). Errors say which names the file needs.
    modules : mapping of str to torch.nn.Module, default=None
        Modules to use, by their names in the file. They get the stored weights, in place, and need
        no trusted code.
    rows : mapping of str to path or array, default=None
        For an estimator that was fitted to rows on disk, which the file names by their paths: for
        each such path, where the rows are now, as a path for `open_rows` or an open array of the
        same shape (``{"/data/train.npy": "/data/train.npy"}``). Errors say which paths the file
        has. Nothing else is opened.

    Returns
    -------
    estimator
        The estimator. On the same machine with the same versions, its scores equal those of the
        saved estimator, bit for bit.

    Raises
    ------
    ImportError
        If a package that the estimator needs is not installed; the error names the extra.
    ValueError
        If the file is damaged, cut short, of another kind or of a newer format, or if it holds
        types that are not trusted, torch modules that cannot be built, or paths of rows that `rows`
        lacks.
    OSError
        If the file cannot be read.

    Warns
    -----
    UserWarning
        If another version of skood saved the file, or another version of scikit-learn saved
        estimators of scikit-learn in it: the estimator may then behave differently.

    See Also
    --------
    save : Writes the file, with an example.

    Notes
    -----
    The checksum detects damage, but does not prove who made the file. Loading opens no other file,
    and takes memory in proportion to the size of the file. A file that a stranger made with care
    can still hold arrays that harm compiled code, such as faiss's reader of a `FaissIndex`.
    """
    trusted, path = names_of(trusted), as_path("skood.load", path)
    _check_mapping("skood.load", "modules", modules)
    _check_mapping("skood.load", "rows", rows)
    with open_container(path) as stored:
        _check_format(path, stored.manifest)
        skops_io = import_optional("skops.io", "io", needed_by="skood.load")
        _warn_of_other_version(path, stored.manifest)
        estimator, places = _read_estimator(path, stored, skops_io, trusted)
        with one_sentence(
            f"The torch modules in {str(path)!r} cannot be built", ImportError, ValueError
        ):
            restored = restore_modules(stored, modules or {}, trusted)
    unbuilt = (
        f"The estimator in {str(path)!r}, saved by skood {stored.manifest['versions']['skood']}, "
        f"cannot be built by skood {__version__}"
    )
    with rows_named_by(rows or {}) as paths:
        try:
            with one_sentence(unbuilt, ImportError), loaded_modules(restored):
                loaded = skops_io.load(estimator, trusted=places)
        finally:
            _refuse_unnamed_rows(path, [stored for stored in paths if stored not in (rows or {})])
    unknown = [stored for stored in rows or () if stored not in paths]
    if unknown:
        allowed = f"a mapping of the paths in the file, which are {paths}"
        raise parameter_error("skood.load", "rows", allowed, unknown[0])
    return loaded


def read_manifest(path: str | PathLike[str]) -> dict[str, Any]:
    """Read the manifest of a saved file, without loading the estimator.

    Parameters
    ----------
    path : str or path-like
        A file written by `save`.

    Returns
    -------
    dict
        ``"format"``; ``"estimator"``, the type of the estimator by its name in files;
        ``"versions"`` of the libraries that saved it; ``"modules"`` of torch by name;
        ``"members"``, the checksum of each part. All but the oldest files also have ``"notes"`` and
        a ``"summary"``: the types of the steps, the features and the number of training rows.

    Raises
    ------
    ValueError
        If the file is damaged, cut short, of another kind or of a newer format.
    """
    where = as_path("read_manifest", path)
    with open_container(where) as stored:
        _check_format(where, stored.manifest)
        return stored.manifest


def _check_mapping(owner: str, name: str, value: Any) -> None:
    if not isinstance(value, Mapping | None):
        raise parameter_error(owner, name, "a mapping of str or None", value)


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
            f"{manifest['versions']['skood']}, but skood {__version__} reads only formats up to "
            f"{_FORMAT[0]}: update skood."
        )


def _warn_of_other_version(path: Path, manifest: dict[str, Any]) -> None:
    """Warn of another version of skood; scikit-learn's estimators warn of their own."""
    version = manifest["versions"]["skood"]
    if version != __version__:
        warnings.warn(
            f"The file {str(path)!r} was saved by skood {version}, and this is skood "
            f"{__version__}: the estimator may behave differently, or not work.",
            UserWarning,
            stacklevel=3,
        )


def _refuse_unnamed_rows(path: Path, unnamed: list[str]) -> None:
    if unnamed:
        raise ValueError(
            f"The estimator in {str(path)!r} reads rows from other files, which stay closed unless "
            f"you name them: pass rows={dict(zip(unnamed, unnamed, strict=True))}, or other paths "
            "where the rows are now (on the command line: --rows)."
        )


def _write_estimator(container: NewContainer, skops_io: Any, estimator: Any, folder: Path) -> None:
    """Write an estimator in skops's format, with stable names of classes."""
    # The copy is on the disk, so that the memory need not hold the estimator twice.
    with TemporaryFile(dir=folder) as plain, container.member(_ESTIMATOR) as file:
        try:
            skops_io.dump(estimator, plain)
        except (TypeError, RecursionError) as error:
            raise ValueError(
                f"The {type(estimator).__name__} holds an object that skops cannot store: {error}"
            ) from error
        rename_classes(plain, file, stable_name)


def _read_estimator(
    path: Path, stored: StoredFile, skops_io: Any, trusted: set[str]
) -> tuple[IO[bytes], list[str]]:
    """The file for skops to load, and the types that it may build beyond those that it knows.

    The names in the file are checked first. Then the places of the classes today replace them.
    """
    with one_sentence(f"The estimator in {str(path)!r} cannot be read"):
        content = stored.read(_ESTIMATOR)
        check_estimator(content)
        names = skops_io.get_untrusted_types(data=content)
    unknown = sorted(set(names) - ALLOWED_TYPES - trusted)
    if unknown:
        names = [name if len(name) <= _SHOWN else f"{name[:_SHOWN]}..." for name in unknown[:_MOST]]
        more = f" and {len(unknown) - _MOST:,} more" if len(unknown) > _MOST else ""
        raise ValueError(
            f"The file {str(path)!r} holds types that are not trusted: {', '.join(names)}{more}; "
            f"pass trusted={names} if you know these types and who made the file."
        )
    estimator = io.BytesIO()
    with one_sentence(f"The estimator in {str(path)!r} cannot be read"):
        rename_classes(io.BytesIO(content), estimator, place_of)
    return estimator, [place_of(name) for name in names]
