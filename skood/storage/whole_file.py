"""Files that one process at a time writes, whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import shutil
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

# Both names begin with a dot: no listing and no pattern such as *.csv takes them for an output.
_LOCK, _NEW = ".skood-lock-", ".skood-new-"
_TOKEN = 4  # bytes in the name of a temporary file
_LONGEST = 200  # bytes of a name that has room for such a beginning, in the 255 of most systems
_WAIT = 0.5  # seconds: a process that sweeps holds the lock of a killed one for a moment
_held = threading.local()


@contextmanager
def locked(path: Path, wait: float = _WAIT) -> Iterator[Path]:
    """Keep other processes and threads from writing a file until the block has ended.

    The lock is a file beside the output. It ends with its process, however that ends. Files of
    killed processes in the folder are removed: locks that no process holds, and temporary files.
    Links are followed. A thread may lock an output again that it has locked.
    """
    path = Path(os.path.realpath(path))
    if path.exists() and not path.is_file():
        kind = errno.EISDIR if path.is_dir() else errno.EINVAL
        raise OSError(kind, os.strerror(kind), str(path))
    if str(path) in _held.__dict__:
        yield path
        return
    lock = path.with_name(_LOCK + _shortened(path.name))
    try:
        descriptor = _acquired(lock, wait)
    except OSError as error:  # of a file that the user does not know
        raise OSError(error.errno, error.strerror, str(path)) from error
    _held.__dict__[str(path)] = lock
    try:
        _sweep(path)
        yield path
    finally:
        del _held.__dict__[str(path)]
        _release(lock, descriptor)


@contextmanager
def written_whole(path: Path, wait: float = _WAIT) -> Iterator[Path]:
    """Name a temporary file, which becomes `path` after the block has ended without an error.

    It is there, empty, in the same folder, and has the same ending. An older file stays, whole,
    until the new one is whole. If the block fails, the temporary file is deleted.
    """
    with locked(path, wait) as output:
        temporary = temporary_beside(output)
        try:
            new_file(temporary, output).close()
            yield temporary
            put_in_place(temporary, output)
        finally:
            temporary.unlink(missing_ok=True)


def new_file(path: Path, output: Path) -> IO[bytes]:
    """Create a file that will become an output, in place of a file of its name.

    A link of that name is not followed: in a folder that all may write to, anyone could have made
    it. If nobody else can read an older output, nobody else can read the new one.
    """
    path.unlink(missing_ok=True)
    mode = 0o600 if output.exists() else 0o666
    return os.fdopen(opened_plainly(path, os.O_CREAT | os.O_EXCL, mode), "w+b")


def old_file(path: Path) -> IO[bytes]:
    """Open a file to continue writing it; an error if it is a link."""
    return os.fdopen(opened_plainly(path), "r+b")


def put_in_place(temporary: Path, output: Path) -> None:
    """Rename a complete file to the output, with the rights of an older output."""
    with contextlib.suppress(OSError):  # there is none, or the file system has no rights
        shutil.copymode(output, temporary)
    temporary.replace(output)


def temporary_beside(output: Path) -> Path:
    """A name for a new file, in the folder of a locked output: there renaming is one step."""
    return output.with_name(f"{_NEW}{secrets.token_hex(_TOKEN)}-{_shortened(output.name)}")


def _shortened(name: str) -> str:
    """The name of an output within the names of its lock and temporary files, with its ending."""
    content = os.fsencode(name)
    if len(content) <= _LONGEST:
        return name
    return hashlib.sha256(content).hexdigest() + Path(name).suffix[:20]


def _acquired(lock: Path, wait: float) -> int:
    """The descriptor of the locked file."""
    end = time.monotonic() + wait
    while True:
        descriptor = opened_plainly(lock, os.O_CREAT)
        if is_taken(descriptor) is not False and _is_at(lock, descriptor):
            return descriptor
        os.close(descriptor)
        if time.monotonic() > end:
            raise BlockingIOError(errno.EAGAIN, "Another process is writing this file")
        time.sleep(0.01)


def _release(lock: Path, descriptor: int) -> None:
    if os.name == "nt":  # there no open file can be removed, and one that another has opened stays
        os.close(descriptor)
    with contextlib.suppress(OSError):
        lock.unlink()  # first: who opens the file from now on does not lock this one
    if os.name != "nt":
        os.close(descriptor)


def _sweep(output: Path) -> None:
    """Remove temporary files in the folder whose writers have ended, and their locks."""
    names = os.listdir(output.parent)  # noqa: PTH208  # names alone
    for name in names:
        if not name.startswith(_LOCK):
            continue
        written, lock = name.removeprefix(_LOCK), output.with_name(name)
        if written == _shortened(output.name):
            _remove_temporary(output, names)
            continue
        with contextlib.suppress(OSError):  # its process has just ended, or another user owns it
            descriptor = opened_plainly(lock)
            try:
                if is_taken(descriptor) and _is_at(lock, descriptor):
                    _remove_temporary(output.with_name(written), names)
                    lock.unlink()
            finally:
                os.close(descriptor)


def _remove_temporary(output: Path, names: list[str]) -> None:
    ours = _shortened(output.name)
    for name in names:
        token, _, written = name.removeprefix(_NEW).partition("-")
        if name.startswith(_NEW) and len(token) == 2 * _TOKEN and written == ours:
            with contextlib.suppress(OSError):  # another user owns it, or it is no file
                output.with_name(name).unlink()


def opened_plainly(path: Path, more: int = 0, mode: int = 0o666) -> int:
    """The descriptor of a file that is no link, to read and write."""
    usual = os.O_RDWR | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0)
    return os.open(path, usual | more, mode)


def is_taken(descriptor: int) -> bool | None:
    """Lock a file until its descriptor is closed; return whether it worked, None without locks."""
    try:
        if os.name == "nt":
            import msvcrt

            # mypy knows this module on Windows alone
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    except OSError:
        return None
    return True


def _is_at(lock: Path, descriptor: int) -> bool:
    """Whether the open file has this name still: its last owner may have removed it."""
    try:
        return os.path.samestat(lock.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False
