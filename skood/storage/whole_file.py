"""Files that are written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def written_whole(path: Path) -> Iterator[Path]:
    """Give the name of a temporary file, which gets the name `path` once the block has ended well.

    Parameters
    ----------
    path : Path
        The file to be written. What it was before stays, whole, until the new one is.

    Yields
    ------
    Path
        A name in the same folder, with the same ending. The file is gone where the block fails.

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
    """Name a file in the same folder, as only there renaming is one step; the ending is kept."""
    return path.with_name(f".{os.getpid()}-{secrets.token_hex(4)}-{path.name}")
