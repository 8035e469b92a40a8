"""Files of rows, and files of what is known of them.

`open_source` reads CSV, Parquet, NumPy's files and folders of images in blocks, so that a file may
be larger than the memory. `read_training_table` finds out which columns are numbers and which are
categories. `results_format` and `PartialFile` write.
"""

from ._blocks import Block, block_length
from ._errors import OptionError, TableError, listed
from ._gaps import without_gaps
from ._layout import Layout
from ._open import ReadingOptions, fingerprint, is_encoding, open_source
from ._partial_file import Journal, PartialFile
from ._results import RESULT_ENDINGS, ResultsFormat, results_format
from ._training import check_named_columns, read_training_table

__all__ = [
    "RESULT_ENDINGS",
    "Block",
    "Journal",
    "Layout",
    "OptionError",
    "PartialFile",
    "ReadingOptions",
    "ResultsFormat",
    "TableError",
    "block_length",
    "check_named_columns",
    "fingerprint",
    "is_encoding",
    "listed",
    "open_source",
    "read_training_table",
    "results_format",
    "without_gaps",
]
