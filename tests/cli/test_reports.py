"""`--report`: one HTML file about flagged rows, or about a comparison."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd
import pytest
from sklearn.ensemble import IsolationForest

from skood import ConformalOutlierDetector
from skood.cli import main
from skood.cli._detect_report import DetectReport
from skood.cli._fitted import Fitted
from skood.cli.files import RowLayout

from .cli_files import names_in, numbers, orders, strange_orders, write
from .html_pages import check_page

HOSTILE = "<script>alert(1)</script><img src=x onerror=y>\"'&\u202e"


@pytest.fixture
def folder(tmp_path):
    write(orders(200), tmp_path / "train.csv")
    write(strange_orders(), tmp_path / "new.csv")
    return tmp_path


def detect(
    folder, *more, train="train.csv", new="new.csv", output="scores.csv", report="page.html"
):
    arguments = ["detect", "--train", folder / train, "--new", folder / new]
    arguments += ["--output", folder / output if output != "-" else "-"]
    arguments += ["--report", folder / report, "--detector", "knn", *more]
    return main(list(map(str, arguments)))


def read(path):
    text = path.read_text(encoding="utf-8")
    return text, " ".join(check_page(text).texts)


def test_a_report_says_what_was_flagged_and_why(folder, capsys):
    assert detect(folder, "--id-column", "id") == 0
    scores = pd.read_csv(folder / "scores.csv", index_col="id")
    n_flagged = int((scores["decision"] == -1).sum())
    text, words = read(folder / "page.html")
    assert f"<title>{n_flagged} of 40 rows flagged: new.csv</title>" in text
    assert f"{n_flagged} of 40 rows are flagged ({100 * n_flagged / 40:.1f} %)." in words
    assert "Expect up to 2 false alarms (5 %) if all rows are normal." in words
    assert "compared with the training rows of train.csv" in words
    assert re.search(r"width = 60, expected [-.\d]+ to [.\d]+ \(\d+ %\)", words)
    assert 'colour = "purple" (new)' in words
    strangest = re.findall(r"r\d{4}", words)
    assert strangest == list(scores["score"].sort_values(kind="stable").index[:20])
    assert "skood detect --train" in words
    assert "knn on 150 rows of train.csv, 50 others calibrate p-values" in words
    assert "report written to" in capsys.readouterr().err
    assert names_in(folder) == ["new.csv", "page.html", "scores.csv", "train.csv"]
    assert "reasons" not in scores  # --explain has not been asked for


def test_texts_of_files_stay_texts(folder):
    names = {"length": HOSTILE, "width": "x" * 500}
    train = orders(200).rename(columns=names).assign(colour=f"{HOSTILE} red")
    new = strange_orders().rename(columns=names).assign(colour=f"{HOSTILE} red")
    new.loc[:30, "colour"] = HOSTILE
    new.loc[:10, HOSTILE] = 1e6
    new["id"] = [f"{HOSTILE}{i}" for i in range(len(new))]
    train["colour"] = train["colour"].where(train.index % 2 == 0, "b")
    write(train, folder / "train.csv")
    hostile_name = "<b>new.csv"
    write(new, folder / hostile_name)
    assert detect(folder, "--id-column", "id", new=hostile_name) == 0
    text, words = read(folder / "page.html")
    assert "&lt;script&gt;" in text
    assert "\\u202e" in words
    assert "x" * 300 not in text


@pytest.mark.parametrize(
    "more", [["--alpha", "none"], ["--control", "fdr"], ["--fail-above", "0.01"]]
)
def test_other_ways_to_flag(folder, more):
    detect(folder, "--id-column", "id", *more)
    _, words = read(folder / "page.html")
    expected = {
        "--alpha": "if all rows are normal.",
        "--control": "Expect up to 5 % of the flagged rows to be normal.",
        "--fail-above": "alarm: ",
    }
    assert expected[more[0]] in words


@pytest.mark.parametrize("n", [1, 5])
def test_few_rows_none_of_them_flagged(folder, n):
    write(orders(200).iloc[:n], folder / "new.csv")
    assert detect(folder, "--id-column", "id", "--alpha", 0.02) == 0
    _, words = read(folder / "page.html")
    assert "No rows flagged" in words
    assert "Columns that are the first reason" not in words


def test_the_report_does_not_depend_on_the_blocks(folder):
    write(pd.concat([strange_orders(), orders(60, seed=2)]), folder / "new.csv")
    detect(folder, "--id-column", "id")
    _, words = read(folder / "page.html")
    detect(folder, "--id-column", "id", "--block-rows", 7, report="other.html")
    _, in_blocks = read(folder / "other.html")
    end = "How this report was made"
    assert words.partition(end)[0] == in_blocks.partition(end)[0]


def test_rows_that_are_far_out_stay_in_the_chart(folder):
    new = orders(50, seed=3).assign(width=1e30)
    write(new, folder / "new.csv")
    detect(folder, "--id-column", "id", "--feature", "width")
    text, words = read(folder / "page.html")
    assert "50 of 50 rows are flagged (100.0 %)." in words
    assert "≤ " in words
    places = [float(x) for x in re.findall(r' (?:x|y|width|height)="(-?[.\d]+)"', text)]
    assert 0 <= min(places) <= max(places) <= 100


def test_a_report_is_written_whole_or_not_at_all(folder):
    page = folder / "page.html"
    page.write_text("the report of yesterday")
    write(strange_orders().drop(columns="width"), folder / "new.csv")
    assert detect(folder, "--id-column", "id") != 0
    assert page.read_text() == "the report of yesterday"
    write(strange_orders(), folder / "new.csv")
    assert detect(folder, "--id-column", "id") == 0
    check_page(page.read_text(encoding="utf-8"))
    assert names_in(folder) == ["new.csv", "page.html", "scores.csv", "train.csv"]


@pytest.mark.parametrize(
    ("report", "message"),
    [
        ("page.txt", "must end in .html"),
        ("-", "must end in .html"),
        ("nowhere/page.html", "does not exist"),
        ("folder.html", "is a folder"),
    ],
)
def test_a_report_that_cannot_be_written_is_found_before_the_fit(folder, report, message, capsys):
    (folder / "folder.html").mkdir()
    arguments = ["detect", "--train", "missing.csv", "--new", "missing.csv"]
    name = report if report == "-" else str(folder / report)
    try:
        status = main([*arguments, "--output", str(folder / "scores.csv"), "--report", name])
    except SystemExit as stopped:
        status = stopped.code
    assert status == 2
    assert message in capsys.readouterr().err


def test_scores_on_stdout_are_scores_alone(folder, capsys):
    assert detect(folder, "--id-column", "id", output="-") == 0
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 41
    check_page((folder / "page.html").read_text(encoding="utf-8"))


def test_scores_without_reasons():
    """A detector of another package says why it has none."""
    X = np.random.default_rng(0).normal(size=(200, 3))
    detector = ConformalOutlierDetector(IsolationForest(random_state=0), random_state=0).fit(X)
    report = DetectReport(Fitted(detector, RowLayout("array", shape=(3,)), n_rows=200))
    pa = pytest.importorskip("pyarrow")
    scores = detector.score_samples(X)
    columns = {"row": range(200), "score": scores, "decision": detector.predict(X)}
    report.take(X, pa.RecordBatch.from_pydict(columns))
    assert report.unexplained
    assert report.reasons == {}
    assert [row["id"] for *_, row in sorted(report.strangest, reverse=True)] == list(
        np.argsort(scores, kind="stable")[:20]
    )


@pytest.fixture
def labelled(tmp_path):
    rows = numbers(90, 3)
    rows["c0"] += np.repeat([0.0, 6.0, 12.0], 30)
    rows["kind"] = np.repeat(["one", HOSTILE, "three"], 30)
    write(rows, tmp_path / "rows.csv")
    return tmp_path


def bench(folder, *more):
    arguments = ["bench", "--train", folder / "rows.csv", "--resamples", 20]
    arguments += ["--report", folder / "page.html", "--detectors", "md", "knn", *more]
    return main(list(map(str, arguments)))


def test_a_comparison_as_a_report(labelled, capsys):
    assert bench(labelled, "--labels", "kind", "--output", labelled / "out") == 0
    text, words = read(labelled / "page.html")
    out = capsys.readouterr().out
    best = re.search(r"(md|knn) has the largest mean AUROC, ([.\d]+) %", " ".join(out.split()))
    assert f"Largest mean AUROC: {best[1]}" in words
    assert f"AUROC of {best[1]}, the best {best[2]} %" in words
    assert f"{best[1]} (best)" in words
    report = (labelled / "out" / "bench.md").read_text()
    for cell in re.findall(r"\d+\.\d \([.\d]+ to [.\d]+\)", report):
        assert cell in words
    assert text.count("<svg") == 2
    assert text.count('class="mean"') == 4
    assert "skood bench --train" in words


def test_a_comparison_of_one_fold(labelled):
    assert bench(labelled, "--labels", "kind", "--splits", 1) == 0
    _, words = read(labelled / "page.html")
    assert "One fold" in words


def test_a_comparison_on_many_sets_as_a_report(tmp_path):
    suite = tmp_path / "sets"
    suite.mkdir()
    for number in range(3):
        rng = np.random.default_rng(number)
        X, Q = rng.normal(size=(60, 3)), rng.normal(size=(40, 3))
        Q[20:] += 2.0
        y = np.repeat([1, -1], 20)
        np.savez(suite / f"<b>{number}.npz", X_train=X, X_test=Q, y_test=y)
    arguments = ["bench", "--suite", suite, "--detectors", "knn", "md"]
    assert main(list(map(str, [*arguments, "--report", tmp_path / "page.html"]))) == 0
    text, words = read(tmp_path / "page.html")
    assert "3 sets" in words
    assert text.count('class="dot"') == 6
