"""Rows and training rows on many processes or machines, by Dask. Needs the extra ``dask``.

`DaskOutlierDetector` scores Dask arrays and data frames by any detector, chunk by chunk.
`ShardedIndex` keeps the training rows of a neighbour detector in shards on the workers.
"""

from .._optional import import_optional

import_optional("dask", "dask", needed_by="skood.parallel")

from .dask_detector import DaskOutlierDetector  # noqa: E402  # after the error for missing Dask
from .sharded_index import ShardedIndex  # noqa: E402

__all__ = ["DaskOutlierDetector", "ShardedIndex"]
