"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Name a temporary file, which becomes `path` after the block has ended without an error.

    Parameters
    ----------
    path : Path
        The file to write. An older file stays, whole, until the new one is whole.

    Yields
    ------
    Path
        A name in the same folder, with the same ending. If the block fails, the file is deleted.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> from skood.storage.whole_file import written_whole
    >>> path = Path(tempfile.mkdtemp()) / "text.txt"
    >>> with written_whole(path) as temporary:
    ...     _ = temporary.write_text("whole")
    >>> path.read_text(), [file.name for file in path.parent.iterdir()]
    ('whole', ['text.txt'])
    """
    temporary = temporary_beside(path)
    try:
        yield temporary
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def temporary_beside(path: Path) -> Path:
    """A name in the same folder, where renaming is one step, with the same ending."""
    return path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
