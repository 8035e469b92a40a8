"""Columns that identify rows, of every type: all results hold them, or one sentence refuses."""

from __future__ import annotations

import datetime as dt
from decimal import Decimal

import pandas as pd
import pyarrow as pa
import pytest

from skood.cli import main
from skood.cli.files import RowLayout, TableError, open_source, results_format

from .cli_files import numbers, write

DAY = dt.date(2024, 1, 1)
NOON = dt.datetime(2024, 1, 1, 12)
IDS = {
    "text": (pa.array(["a"], pa.large_string()), "a"),
    "codes": (pa.array(["a"]).dictionary_encode(), "a"),
    "codes of numbers": (pa.array([7]).dictionary_encode(), 7),
    "runs": (pa.compute.run_end_encode(pa.array(["a"])), "a"),
    "whole": (pa.array([2**64 - 1], pa.uint64()), 2**64 - 1),
    "truth": (pa.array([True]), True),
    "missing": (pa.nulls(1), None),
    "date": (pa.array([DAY]), DAY),
    "time": (pa.array([NOON]), NOON),
    "zone": (pa.array([NOON], pa.timestamp("us", "UTC")), NOON.replace(tzinfo=dt.UTC)),
    "hour": (pa.array([dt.time(1)]), "01:00:00.000000"),
    "decimal": (pa.array([Decimal("1.50")]), "1.50"),
    "bytes": (pa.array([b"a"], pa.binary_view()), "a"),
    "no zone": (pa.array([5], pa.timestamp("us", "Nowhere/Land")), TableError),
    "no year": (pa.array([2**62], pa.timestamp("s")), TableError),
    "no text": (pa.array([b"\xff"]), TableError),
    "lists": (pa.array([[1]]), TableError),
    "records": (pa.array([{"x": 1}]), TableError),
    "months": (pa.array([(1, 2, 3)], pa.month_day_nano_interval()), TableError),
}
if hasattr(pa, "uuid"):  # pyarrow 19
    texts, zeros = pa.array(["{}"]), pa.array([bytes(16)], pa.binary(16))
    IDS["extension"] = pa.ExtensionArray.from_storage(pa.json_(), texts), "{}"
    IDS["uuid"] = (
        pa.ExtensionArray.from_storage(pa.uuid(), zeros),
        f"{'0' * 8}-0000-0000-0000-{'0' * 12}",
    )


@pytest.mark.parametrize("kind", IDS)
def test_identifiers_of_every_type_of_arrow(tmp_path, kind):
    given, expected = IDS[kind]
    rows = pa.table({"id": given, "x": [1.0]})
    with pa.ipc.new_file(str(tmp_path / "rows.arrow"), rows.schema) as writer:
        writer.write_table(rows)
    blocks = open_source(tmp_path / "rows.arrow").blocks(RowLayout("table", ("x",), (), "id"))
    if expected is TableError:
        with pytest.raises(TableError, match=r"The column 'id' of rows\.arrow has values of the t"):
            list(blocks)
        return
    (block,) = blocks
    assert block.ids.to_pylist() == [expected]
    batch = pa.record_batch([block.ids.combine_chunks()], names=["id"])
    for name in ("o.csv.gz", "o.jsonl", "o.parquet", "o.arrow"):
        form = results_format(tmp_path / name, escape_formulas=True)
        (tmp_path / "o").write_bytes(form.head(batch.schema) + form.piece(batch))
        form.finish(tmp_path / "o", tmp_path / name)


def test_dates_identify_the_rows_with_the_lowest_scores(tmp_path, capsys):
    train, new = write(numbers(100), tmp_path / "train.csv"), tmp_path / "new.parquet"
    days = pd.date_range("2024-01-01", periods=40)
    numbers(40, seed=1).assign(day=days).to_parquet(new)
    fit = ["fit", "--train", str(train), "--save", str(tmp_path / "d.skood"), "--detector", "md"]
    assert main([*fit, "--quiet"]) == 0
    more = ["--id-column", "day", "--output", str(tmp_path / "o.parquet"), "--block-rows", "8"]
    assert main(["score", str(tmp_path / "d.skood"), "--new", str(new), *more]) == 0
    assert pd.read_parquet(tmp_path / "o.parquet")["day"].tolist() == days.tolist()
    assert "2024-01-" in capsys.readouterr().out
