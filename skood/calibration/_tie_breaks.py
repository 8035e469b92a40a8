"""A pseudo-random number for each row, which breaks its ties and is the same in every call."""

from __future__ import annotations

from hashlib import blake2b
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import issparse

from .._validation import is_dict

_BITS = 53  # of a float64: more would be rounded up to 1


def row_uniforms(X: Any, seed: bytes) -> NDArray[np.float64]:
    """Numbers in [0, 1), each a hash of the values of one row and of the seed.

    With a random seed they are uniform, and independent for different rows. They depend neither on
    the type of the numbers in X nor on the other rows.
    """
    if is_dict(X):
        X = np.hstack([np.reshape(value, (len(value), -1)) for value in X.values()])
    if not isinstance(X, list | tuple):  # whose rows may be of several sizes, such as pictures
        X = X.toarray() if issparse(X) else np.asarray(X)
    numbers = (_uniform(_row_bytes(np.asarray(row)), seed) for row in X)
    return np.fromiter(numbers, dtype=np.float64, count=len(X))


def _row_bytes(row: NDArray) -> bytes:
    if row.dtype.kind in "biuf":
        # Adding 0 turns -0.0 into 0.0: equal values need equal bytes.
        return (row.astype(np.float64) + 0.0).tobytes()
    return repr(row.tolist()).encode()


def _uniform(content: bytes, seed: bytes) -> float:
    digest = blake2b(content, digest_size=8, key=seed).digest()
    return (int.from_bytes(digest, "big") >> (64 - _BITS)) / 2**_BITS
