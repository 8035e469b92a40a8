"""Files of rows, and files of their results.

`open_source` reads tables, NumPy's files and folders of images in blocks: a file may be larger than
the memory. `read_training_table` decides which columns are numbers and which are categories.
`results_format` and `PartialFile` write results.
"""

from ._adapting import adapted, outside
from ._blocks import Block, block_length, read_ahead
from ._errors import OptionError, TableError, listed
from ._gaps import check_gaps, without_gaps
from ._open import (
    ReadingOptions,
    fingerprint,
    has_known_ending,
    is_plain_text,
    open_source,
    rows_digest,
)
from ._parquet import is_parquet_folder
from ._partial_file import PartialFile
from ._results import ResultsFormat, results_format
from ._row_layout import ColumnRoles, RowLayout
from ._stdin import STDIN, is_read_once
from ._training import check_named_columns, examined, gap_findings, read_training_table

__all__ = [
    "STDIN",
    "Block",
    "ColumnRoles",
    "OptionError",
    "PartialFile",
    "ReadingOptions",
    "ResultsFormat",
    "RowLayout",
    "TableError",
    "adapted",
    "block_length",
    "check_gaps",
    "check_named_columns",
    "examined",
    "fingerprint",
    "gap_findings",
    "has_known_ending",
    "is_parquet_folder",
    "is_plain_text",
    "is_read_once",
    "listed",
    "open_source",
    "outside",
    "read_ahead",
    "read_training_table",
    "results_format",
    "rows_digest",
    "without_gaps",
]
