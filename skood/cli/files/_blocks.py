"""Rows in blocks of a fixed length, from pieces of any length."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pyarrow as pa

LARGEST = 65_536  # rows: enough for the products of matrices to run at full speed
_VALUES = 1 << 22  # 32 MB of float64


@dataclass(frozen=True)
class Block:
    """Consecutive rows of a file from row `start` on, and the column that identifies them."""

    rows: Any
    ids: Any
    start: int

    def __len__(self) -> int:
        return len(self.rows)


def block_length(width: int) -> int:
    """The number of rows in a block, by their width."""
    return min(LARGEST, max(256, _VALUES // max(1, width)))


def rechunked(batches: Iterable[pa.RecordBatch], length: int) -> Iterator[pa.Table]:
    """Tables of `length` rows each; the last one has the remaining rows."""
    import pyarrow as pa

    held: list[pa.RecordBatch] = []
    n_held = 0
    for batch in batches:
        start = 0
        while n_held + len(batch) - start >= length:
            stop = start + length - n_held
            yield pa.Table.from_batches([*held, batch.slice(start, stop - start)])
            held, n_held, start = [], 0, stop
        if start < len(batch):
            held.append(batch.slice(start))
            n_held += len(batch) - start
    if n_held:
        yield pa.Table.from_batches(held)


def numbered(
    tables: Iterable[pa.Table], first_row: int, make: Callable[[pa.Table, int], Block]
) -> Iterator[Block]:
    """Make blocks of the tables from `first_row` on, which is the first row of a table."""
    start = 0
    for table in tables:
        if start >= first_row:
            yield make(table, start)
        start += len(table)


@contextmanager
def read_ahead(blocks: Iterator[Block]) -> Iterator[Iterator[Block]]:
    """Read the next block in a thread while the caller works on the one before.

    Reading stops with the work, however that ends.
    """
    with ThreadPoolExecutor(1, "skood-reader") as reader:

        def each() -> Iterator[Block]:
            # popped: an error whose traceback holds its future keeps the file until a collection
            following = [reader.submit(next, blocks, None)]
            while (block := following.pop().result()) is not None:
                following.append(reader.submit(next, blocks, None))
                yield block

        yield each()
