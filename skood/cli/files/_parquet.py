"""Parquet files and folders of them, read in blocks."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from ._errors import TableError, check_names, listed
from ._typed import TypedSource, own_index_of

if TYPE_CHECKING:
    import pyarrow as pa

PARQUET = (".parquet", ".pq")
_LOGS = {"_delta_log": "a Delta table", "metadata": "an Iceberg table"}


class ParquetSource(TypedSource):
    """A Parquet file."""

    format = "a Parquet file"

    def _open(self) -> None:
        from pyarrow import parquet

        with parquet.ParquetFile(self.path) as file:
            self.columns = list(file.schema_arrow.names)
            self.expected_rows = file.metadata.num_rows
            self.own_index = own_index_of(file.schema_arrow)

    def _pieces(self, columns: list[str], length: int) -> Iterator[pa.RecordBatch]:
        from pyarrow import parquet

        with parquet.ParquetFile(self.path) as file:
            yield from file.iter_batches(batch_size=length, columns=columns)


class ParquetFolder(TypedSource):
    """The Parquet files in a folder and its subfolders, in the order of their names.

    Subfolders such as ``year=2026`` are columns. Files and folders that begin with "_" or "." are
    left out, as in Spark.
    """

    format = "a folder of Parquet files"

    def _open(self) -> None:
        from pyarrow import dataset, parquet

        self.files = _files_of_table(self.path, self.name)
        schemas, self.expected_rows = [], 0
        for path in self.files:
            with parquet.ParquetFile(path) as file:
                schemas.append(file.schema_arrow)
                self.expected_rows += file.metadata.num_rows
        folders = self.files[0].relative_to(self.path).parts[:-1]
        keys = [name.partition("=")[0] for name in folders if "=" in name]
        self.columns = [*schemas[0].names, *keys]
        check_names(self.name, self.columns)
        self.own_index = own_index_of(schemas[0])
        self._dataset = dataset.dataset(
            [str(path) for path in self.files],
            format="parquet",
            partitioning=dataset.HivePartitioning.discover(),
            partition_base_dir=str(self.path),
        )
        self._schema = self._unified(schemas, keys)

    def _unified(self, schemas: list[pa.Schema], keys: list[str]) -> pa.Schema:
        """The columns of all files, in types that hold the values of all."""
        import pyarrow as pa

        for path, schema in zip(self.files, schemas, strict=True):
            odd = sorted(set(schema.names) ^ set(schemas[0].names))
            if odd:
                raise TableError(
                    f"The files of {self.name} must have the same columns. Got {listed(odd)} in "
                    f"only one of {self.files[0].name} and {path.name} instead."
                )
        plain = [schema.remove_metadata() for schema in schemas]
        try:
            of_files = pa.unify_schemas(plain, promote_options="permissive")
        except pa.ArrowTypeError as error:
            raise TableError(
                f"The files of {self.name} have columns of one name and different types: "
                f"{' '.join(str(error).split())}."
            ) from error
        return pa.schema([*of_files, *(self._dataset.schema.field(key) for key in keys)])

    def _pieces(self, columns: list[str], length: int) -> Iterator[pa.RecordBatch]:
        for part in self._dataset.get_fragments():
            yield from part.to_batches(
                schema=self._schema,
                columns=columns,
                batch_size=length,
                batch_readahead=1,
                fragment_readahead=0,
            )


def is_parquet_folder(path: Path) -> bool:
    """Whether a path is a folder with Parquet files."""
    return path.is_dir() and any(file.suffix.lower() in PARQUET for file in _visible(path))


def _files_of_table(path: Path, name: str) -> list[Path]:
    """The files of a folder, which must be Parquet files of one table."""
    for log, kind in _LOGS.items():
        if (path / log).is_dir():
            raise TableError(
                f"{name} is {kind}, whose log says which files are rows: write its rows as "
                "Parquet first."
            )
    if (path / "_temporary").exists():
        raise TableError(f"{name} is incomplete: it has a folder '_temporary'.")
    files = sorted(_visible(path))
    for file in files:
        if file.suffix.lower() not in PARQUET:
            raise TableError(f"{name} holds {file.name!r}, which is no Parquet file.")
    return files


def _visible(path: Path) -> Iterator[Path]:
    """All files of a folder and its subfolders whose names do not begin with "_" or "."."""
    for file in path.rglob("*"):
        hidden = any(part[0] in "_." for part in file.relative_to(path).parts)
        if not hidden and file.is_file():
            yield file
