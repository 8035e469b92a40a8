"""Files that cannot be used: one sentence, the right status, and nothing half written."""

from __future__ import annotations

import pickle
import sys
from pathlib import Path

import pandas as pd
import pytest

from skood.cli import main

from ..processes import run_python
from .cli_files import names_in, numbers, orders, strange_orders, write

HEADER = "id,length,width,count,colour,ok\n"
ROW = "x,1,2,3,red,True\n"
LATIN = "x,1,2,3,b\N{LATIN SMALL LETTER E WITH DIAERESIS}ige,True\n"

# what the file holds, and what is said of it
BAD_FILES = {
    "empty": (b"", "bad.csv is empty."),
    "blank": (b"\n \n", "bad.csv is empty."),
    "header only": (HEADER.encode(), "bad.csv has no rows."),
    "a column missing": (
        b"id,length,width,count,colour\nx,1,2,3,red\n",
        "bad.csv lacks the column 'ok' of the training rows.",
    ),
    "a column too many": (
        b"id,length,width,count,colour,ok,more\nx,1,2,3,red,True,1\n",
        "bad.csv has the column 'more' that the training rows lack: leave out what is no feature "
        "with --exclude, or all with --ignore-extra, or name it with --id-column.",
    ),
    "other columns": (
        b"id,length,width,count,colour,fine\nx,1,2,3,red,True\n",
        "bad.csv lacks the column 'ok' of the training rows, and has the column 'fine' instead.",
    ),
    "the same name twice": (
        b"id,length,length,count,colour,ok\n" + ROW.encode(),
        "bad.csv has several columns with the name 'length'.",
    ),
    "a short row": (
        (HEADER + ROW * 3 + "x,1,2\n" + ROW).encode(),
        "Row 4 of bad.csv has 3 values for 6 columns: 'x,1,2'.",
    ),
    "a long row": (
        (HEADER + ROW + "x,1,2,3,red,True,9\n").encode(),
        "Row 2 of bad.csv has 7 values for 6 columns: 'x,1,2,3,red,True,9'.",
    ),
    "a quote that never ends": (
        (HEADER + ROW + 'x,1,2,3,"red,True\n').encode(),
        "Row 2 of bad.csv has a quote that does not end in its line, and would swallow the rows "
        "after it: 'x,1,2,3,\"red,True'.",
    ),
    "text where numbers belong": (
        (HEADER + ROW * 2 + "x,1,two,3,red,True\n").encode(),
        "The column 'width' of bad.csv has text where numbers belong, first in row 3: 'two'.",
    ),
    "a number of two meanings": (
        (HEADER + 'x,"1,500",2,3,red,True\n').encode(),
        "The column 'length' of bad.csv has numbers such as '1,500', where ',' can stand before "
        "decimals or between thousands: say which with --decimal ',' or --decimal '.'.",
    ),
    "latin-1": (
        (HEADER + ROW + LATIN).encode("latin-1"),
        "bad.csv is not encoded as utf-8, and reads 'bëige' as cp1252: name this encoding with "
        "--encoding cp1252, or name another one.",
    ),
    "utf-16 without its mark": (
        (HEADER + ROW).encode("utf-16-le"),
        "bad.csv holds zero bytes: it is not a CSV file, or its encoding is not utf-8. Name its "
        "encoding with --encoding.",
    ),
    "no header": (
        b"1,2,3\n4,5,6\n",
        "The first line of bad.csv has numbers instead of names of columns: add --no-header if it "
        "is a row.",
    ),
}


@pytest.fixture(scope="module")
def detector(tmp_path_factory):
    folder = tmp_path_factory.mktemp("detector")
    train = write(orders(300), folder / "train.csv")
    saved = folder / "d.skood"
    assert (
        main(["fit", "--train", str(train), "--save", str(saved), "--id-column", "id", "--quiet"])
        == 0
    )
    return saved


def score(detector, path, *more):
    files = [detector, "--new", path, "--output", path.parent / "scores.csv"]
    return main(["score", *map(str, files), *more])


@pytest.mark.parametrize("case", BAD_FILES)
def test_a_bad_file_is_one_sentence_and_leaves_nothing(detector, tmp_path, capsys, case):
    content, sentence = BAD_FILES[case]
    (tmp_path / "bad.csv").write_bytes(content)
    assert score(detector, tmp_path / "bad.csv") == 3
    out, err = capsys.readouterr()
    assert out == ""
    assert err == f"skood score: error: {sentence}\n"
    assert names_in(tmp_path) == ["bad.csv"]


@pytest.mark.parametrize("case", [case for case in BAD_FILES if "column" not in case])
def test_a_bad_training_file_too(tmp_path, capsys, case):
    content, sentence = BAD_FILES[case]
    (tmp_path / "bad.csv").write_bytes(content)
    write(strange_orders(), tmp_path / "new.csv")
    files = ["--train", tmp_path / "bad.csv", "--new", tmp_path / "new.csv"]
    files += ["--output", tmp_path / "scores.csv", "--id-column", "id"]
    assert main(["detect", *map(str, files)]) == 3
    err = capsys.readouterr().err
    if case == "a number of two meanings":
        assert "read them with --decimal ," in err
    elif case == "text where numbers belong":
        assert "has text where numbers belong, first in row 3 ('two')" in err
        assert "--na two" in err
        assert "--categorical width" in err
    else:
        assert sentence[:-1] in err
    assert names_in(tmp_path) == ["bad.csv", "new.csv"]


@pytest.mark.parametrize("encoding", ["latin-1", "utf-16", "utf-16-le", "cp1252"])
def test_other_encodings_are_read_when_told(detector, tmp_path, encoding, capsys):
    (tmp_path / "new.csv").write_bytes((HEADER + LATIN).encode(encoding))
    assert score(detector, tmp_path / "new.csv", "--encoding", encoding) == 0
    assert "b\N{LATIN SMALL LETTER E WITH DIAERESIS}ige" in capsys.readouterr().err


def test_the_mark_of_utf_8_is_no_part_of_the_first_name(detector, tmp_path):
    (tmp_path / "new.csv").write_bytes((HEADER + ROW).encode("utf-8-sig"))
    assert score(detector, tmp_path / "new.csv", "--quiet") == 0


def test_a_fault_in_a_late_block_leaves_nothing(detector, tmp_path, capsys):
    lines = [HEADER, *([ROW] * 900), "x,1,2,3,red\n", *([ROW] * 100)]
    (tmp_path / "bad.csv").write_text("".join(lines))
    assert score(detector, tmp_path / "bad.csv", "--block-rows", "64") == 3
    assert "Row 901 of bad.csv has 5 values" in capsys.readouterr().err
    assert names_in(tmp_path) == ["bad.csv"]


def test_training_columns_that_can_be_no_features(tmp_path, capsys):
    def said(frame, *more):
        path = write(frame, tmp_path / "train.csv")
        files = ["--train", path, "--save", tmp_path / "d.skood"]
        assert main(["fit", *map(str, files), *more]) in (2, 3)
        assert not (tmp_path / "d.skood").exists()
        return capsys.readouterr().err

    train = numbers(250)
    assert "The column 'e' of train.csv has no values" in said(train.assign(e=None))
    names = [f"name {i}" for i in range(250)]
    sentence = "The column 'e' of train.csv has 250 different texts in 250 rows"
    assert sentence in said(train.assign(e=names))
    mixed = ["1.5"] * 249 + ["n. a."]
    sentence = "has text where numbers belong, first in row 250 ('n. a.'): treat it as a missing"
    assert sentence in said(train.assign(e=mixed))
    assert "has no column 'colour', which --exclude names" in said(train, "--exclude", "colour")
    assert "has no column 'i', which --id-column names" in said(train, "--id-column", "i")
    assert "has no column 'c9', which --categorical" in said(train, "--categorical", "c9")
    assert "has no column 'c9', which --feature" in said(train, "--feature", "c9")
    path = tmp_path / "train.csv"
    train.to_csv(path)  # with the index, as pandas does unless told not to
    assert main(["fit", "--train", str(path), "--save", str(tmp_path / "d.skood")]) == 3
    assert "let it identify the rows with --id-column 'column 1'" in capsys.readouterr().err
    more = ["--id-column", "column 1", "--quiet"]
    assert main(["fit", "--train", str(path), "--save", str(tmp_path / "d.skood"), *more]) == 0


def test_parquet_columns_of_other_types(detector, tmp_path, capsys):
    times = strange_orders().assign(length=pd.Timestamp("2026-01-01"))
    assert score(detector, write(times, tmp_path / "new.parquet")) == 3
    assert "The column 'length' of new.parquet has values of the type timestamp" in (
        capsys.readouterr().err
    )
    texts = strange_orders()
    texts["length"] = texts["length"].astype(str)
    texts.loc[5, "length"] = "long"
    assert score(detector, write(texts, tmp_path / "new.parquet")) == 3
    assert "text where numbers belong, first in row 6: 'long'" in capsys.readouterr().err
    content = (tmp_path / "new.parquet").read_bytes()
    (tmp_path / "new.parquet").write_bytes(content[: len(content) // 2])
    assert score(detector, tmp_path / "new.parquet") == 3
    assert "new.parquet is not a Parquet file, or is damaged" in capsys.readouterr().err


def test_a_folder_is_no_file_of_rows(detector, tmp_path, capsys):
    (tmp_path / "rows.csv").mkdir()
    assert score(detector, tmp_path / "rows.csv") == 2
    assert "is a folder without Parquet files" in capsys.readouterr().err
    assert (
        main(["fit", "--train", str(tmp_path / "rows.csv"), "--save", str(tmp_path / "x.skood")])
        == 2
    )
    assert "is a folder without Parquet files" in capsys.readouterr().err
    assert main(["info", str(tmp_path)]) == 2
    assert "Is a directory" in capsys.readouterr().err


def test_files_that_are_not_there_and_endings_that_say_nothing(detector, tmp_path, capsys):
    assert score(detector, tmp_path / "new.csv") == 2
    assert "There is no file" in capsys.readouterr().err
    assert score(detector, write(numbers(3), tmp_path / "new.xlsx")) == 2
    assert "The ending of 'new.xlsx' is not known" in capsys.readouterr().err
    assert score(tmp_path / "no.skood", write(numbers(3), tmp_path / "new.csv")) == 2
    assert "No such file or directory" in capsys.readouterr().err


def test_a_renamed_pickle_is_refused_and_does_not_run(tmp_path, capsys):
    class Harmful:
        def __reduce__(self):
            return Path.touch, (tmp_path / "harm",)

    saved = tmp_path / "d.skood"
    saved.write_bytes(pickle.dumps(Harmful()))
    write(numbers(3), tmp_path / "new.csv")
    assert score(saved, tmp_path / "new.csv") == 3
    assert "is not a file of skood.save" in capsys.readouterr().err
    assert main(["info", str(saved)]) == 3
    assert "is not a file of skood.save" in capsys.readouterr().err
    assert not (tmp_path / "harm").exists()


def test_a_damaged_detector(detector, tmp_path, capsys):
    content = bytearray(detector.read_bytes())
    content[len(content) // 2] ^= 1
    (tmp_path / "d.skood").write_bytes(content)
    write(strange_orders(), tmp_path / "new.csv")
    assert score(tmp_path / "d.skood", tmp_path / "new.csv") == 3
    assert "is damaged or cut short" in capsys.readouterr().err


def test_an_output_that_cannot_be_written(detector, tmp_path, capsys):
    new = write(strange_orders(), tmp_path / "new.csv")
    before = new.read_bytes()

    def said(output):
        assert main(["score", str(detector), "--new", str(new), "--output", str(output)]) == 2
        return capsys.readouterr().err

    assert "does not exist" in said(tmp_path / "none" / "scores.csv")
    assert "is one of the inputs" in said(new)
    (tmp_path / "folder.csv").mkdir()
    assert "is a folder" in said(tmp_path / "folder.csv")
    assert new.read_bytes() == before
    with pytest.raises(SystemExit, match=r"^2$"):
        said(tmp_path / "scores.xlsx")
    assert "must end in .csv, .csv.gz" in capsys.readouterr().err


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder no one can write to")
@pytest.mark.parametrize("command", ["detect", "fit", "score"])
def test_a_folder_that_no_one_can_write_to(detector, tmp_path, capsys, command):
    train = write(orders(300), tmp_path / "train.csv")
    arguments = {
        "detect": ["--train", train, "--new", train, "--output", "/proc/self/scores.csv"],
        "fit": ["--train", train, "--save", "/proc/self/d.skood"],
        "score": [detector, "--new", train, "--output", "/proc/self/scores.csv"],
    }[command]
    assert main([command, *map(str, arguments)]) == 2
    assert "The folder '/proc/self' cannot be written to" in capsys.readouterr().err


FULL = """
import resource, signal, sys
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)  # then writing fails, as on a full disk
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
from skood.cli import main
sys.exit(main())
"""


@pytest.mark.skipif(sys.platform == "win32", reason="the size of files cannot be limited there")
@pytest.mark.parametrize("command", ["detect", "fit", "parquet"])
def test_a_full_disk_leaves_nothing(tmp_path, command):
    write(numbers(120), tmp_path / "train.csv")
    write(numbers(3_000, seed=1), tmp_path / "new.csv")
    kept = ["new.csv", "train.csv"]
    output = ["--output", f"scores.{'parquet' if command == 'parquet' else 'csv'}"]
    output += ["--block-rows", "64"]
    arguments = ["detect", "--train", "train.csv", "--new", "new.csv", *output]
    if command == "fit":
        arguments = ["fit", "--train", "new.csv", "--save", "d.skood"]
    done = run_python(FULL, *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].endswith("cannot be written: File too large.")
    assert names_in(tmp_path) == kept
