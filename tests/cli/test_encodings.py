"""Text in encodings that people's programs write, found out or asked about with all else."""

from __future__ import annotations

import shlex

import numpy as np
import pytest

from skood.cli import main
from skood.cli.files import open_source
from skood.cli.files._encodings import foreign_bytes


def table(n: int, delimiter: str = ";") -> str:
    """Rows as German spreadsheets write them, with a column that counts them."""
    random = np.random.default_rng(0)
    sizes = [f"{size:.2f}".replace(".", ",") for size in random.normal(2, 0.3, n)]
    towns = random.choice(["Köln", "Graz", "Zürich"], n)
    rows = [f"{i};{size};{town}" for i, (size, town) in enumerate(zip(sizes, towns, strict=True))]
    return "\n".join(["zähler;größe;stadt", *rows, ""]).replace(";", delimiter)


def run(capsys, *arguments):
    status = main([*map(str, arguments)])
    return status, *capsys.readouterr()


def test_the_encoding_is_asked_with_all_else_and_the_last_line_answers(tmp_path, capsys):
    path = tmp_path / "de.csv"
    path.write_bytes(table(120).encode("cp1252"))
    status, out, _ = run(capsys, "check", path, "--missing", "median")
    assert status == 3
    assert "2 findings" in out
    assert "de.csv is not encoded as utf-8, and reads 'zähler' as cp1252" in out
    assert "größe  number; " in out
    command = out.splitlines()[-1]
    assert "--missing median --encoding cp1252 --id-column 'zähler'" in command
    arguments = shlex.split(command.replace("detector.skood", str(tmp_path / "d.skood")))[1:]
    status, _, err = run(capsys, *arguments, "--detector", "knn")
    assert (status, "'größe': read with the decimal mark ','" in err) == (0, True)
    status, _, err = run(capsys, "fit", "--train", path, "--save", tmp_path / "e.skood")
    assert status == 3
    assert "de.csv needs 2 decisions: it is not encoded as utf-8" in err
    assert err.endswith("--encoding cp1252 --id-column 'zähler'.\n")
    status, _, err = run(capsys, "bench", "--train", path, "--encoding", "cp1252")
    assert "--id-column 'zähler'" in err
    options = ["--id-column", "zähler", "--detectors", "md", "--resamples", "0"]
    assert run(capsys, "bench", "--train", path, "--encoding", "cp1252", *options)[0] == 0


def test_new_rows_in_another_encoding(tmp_path, capsys):
    train, new, saved = (tmp_path / name for name in ("train.csv", "new.csv", "d.skood"))
    train.write_text(table(120), encoding="utf-8")
    new.write_bytes(table(20).encode("cp1252"))
    output = ["--output", tmp_path / "s.csv"]
    detect = ["detect", "--train", train, "--new", new, "--detector", "knn", *output]
    status, _, err = run(capsys, *detect)
    assert status == 3  # one answer for both files
    assert "new.csv is not encoded as utf-8, and reads 'zähler' as cp1252" in err
    assert "with --id-column 'zähler'" in err
    # one option for both files: the first one is UTF-8 all the same, and told
    status, _, err = run(capsys, *detect, "--id-column", "zähler", "--encoding", "cp1252")
    assert status == 0
    assert "train.csv is read with the encoding utf-8" in err
    assert "no training row has" not in err
    fit = ["fit", "--train", train, "--save", saved, "--detector", "knn", "--id-column", "zähler"]
    assert run(capsys, *fit)[0] == 0
    status, _, err = run(capsys, "score", saved, "--new", new, *output)
    assert (status, "with --encoding cp1252" in err) == (3, True)
    status, out, _ = run(capsys, "check", new, "--against", saved)
    assert (status, out.splitlines()[-1].endswith("--encoding cp1252")) == (3, True)
    assert run(capsys, "check", new, "--against", saved, "--encoding", "cp1252")[0] == 0


@pytest.mark.parametrize("encoding", ["utf-16", "utf-32", "utf-8-sig"])
def test_a_byte_order_mark_asks_nothing(tmp_path, capsys, encoding):
    (tmp_path / "u.csv").write_bytes(table(120, "\t").encode(encoding))
    (tmp_path / "big.csv").write_bytes(b"\xfe\xff" + table(120).encode("utf-16-be"))
    for name in ("u.csv", "big.csv"):
        status, out, _ = run(capsys, "check", tmp_path / name, "--id-column", "zähler")
        assert (status, "stadt  category; Graz, Köln, Zürich" in out) == (0, True)


def test_bytes_that_come_late_and_letters_between_pieces(tmp_path, capsys):
    words = "a;b\n" + "1,5;x\n" * 200_000  # longer than what is read at first
    (tmp_path / "late.csv").write_bytes((words + "1,7;ü\n").encode("cp1252"))
    status, out, _ = run(capsys, "check", tmp_path / "late.csv")
    assert (status, "reads 'ü' as cp1252" in out) == (3, True)
    text = "größe und maß".encode()
    for cut in range(len(text)):
        assert foreign_bytes([text[:cut], text[cut:]]) == b""
        assert b"\xfc" in foreign_bytes([text[:cut], text[cut:] + "ü".encode("latin-1")])
        found = foreign_bytes([text[:cut], text[cut:], b"!!\xfc!!"])
        assert found.endswith(b"!!\xfc!!")
    assert foreign_bytes([text[:3]], ends=False) == b""
    assert foreign_bytes([text[:3]]) == text[:3]


def test_letters_of_dos(tmp_path):
    (tmp_path / "dos.csv").write_bytes("Größe,Stück\n1,2\n".encode("cp850"))
    source = open_source(tmp_path / "dos.csv")
    assert source.columns == ["Größe", "Stück"]
    assert source.encoding == "cp850"
