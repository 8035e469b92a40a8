"""`skood fit` and `skood score`: saved detectors, files in blocks, runs that are stopped."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

import skood
from skood import ConformalOutlierDetector, KNNOutlierDetector
from skood.cli import main
from skood.cli.files import PartialFile
from skood.storage import read_manifest

from ..processes import run_python, run_skood
from .cli_files import FEATURES, names_in, numbers, orders, strange_orders, write

ROWS = 2_000


@pytest.fixture
def folder(tmp_path):
    fill(tmp_path)
    return tmp_path


def fill(folder):
    """A detector and rows enough for several blocks."""
    write(numbers(200), folder / "train.csv")
    write(numbers(500, seed=1), folder / "new.csv")
    write(numbers(ROWS, seed=1), folder / "long.csv")
    assert fit(folder, "--detector", "md") == 0


def fit(folder, *more):
    files = ["--train", folder / "train.csv", "--save", folder / "d.skood", "--quiet"]
    return main(["fit", *map(str, files), *map(str, more)])


def score_arguments(folder, *more, score="new.csv", output="scores.csv"):
    files = ["score", folder / "d.skood", "--new", folder / score, "--output", folder / output]
    return [*map(str, files), *map(str, more)]


def score(folder, *more, **files):
    return main(score_arguments(folder, *more, **files))


def score_long(folder, *more, **files):
    return score(folder, *more, score="long.csv", **files)


MIDWAY = """
import os, sys
from skood.cli.files import PartialFile
from skood.__main__ import run
append, how = PartialFile.append, int(sys.argv.pop())
def signalled(partial, *arguments):
    if partial.journal.rows == 512:
        os.kill(os.getpid(), how)
    append(partial, *arguments)
PartialFile.append = signalled
sys.exit(run())
"""


def stop_midway(folder, how, *more, output="scores.csv"):
    """Run until a signal comes when some blocks are done; gives what the run says."""
    arguments = score_arguments(folder, *more, score="long.csv", output=output)
    done = run_python(MIDWAY, *arguments, int(how))
    return done.returncode, done.stderr


def rows_done(journal):
    return json.loads(journal.read_text())["rows"] if journal.exists() else 0


def test_what_fit_knows_of_the_columns_score_need_not_be_told(tmp_path, capsys):
    write(orders(300).assign(note="fine"), tmp_path / "train.csv")
    write(strange_orders().assign(note="fine"), tmp_path / "new.csv")
    assert fit(tmp_path, "--id-column", "id", "--exclude", "note") == 0
    assert score(tmp_path, "--explain", 1) == 0
    scores = pd.read_csv(tmp_path / "scores.csv", index_col="id")
    assert scores.loc["r0007", "top_1"] == "width"
    assert "40 rows of new.csv scored" in capsys.readouterr().out
    assert names_in(tmp_path) == ["d.skood", "new.csv", "scores.csv", "train.csv"]


def test_detect_writes_what_fit_and_score_do(tmp_path):
    write(orders(300), tmp_path / "train.csv")
    write(strange_orders(), tmp_path / "new.csv")
    more = ["--explain", "2", "--quiet"]
    assert fit(tmp_path, "--id-column", "id") == 0
    assert score(tmp_path, *more) == 0
    files = ["--train", tmp_path / "train.csv", "--new", tmp_path / "new.csv"]
    files += ["--output", tmp_path / "other.csv", "--id-column", "id"]
    assert main(["detect", *map(str, files), *more]) == 0
    assert (tmp_path / "scores.csv").read_bytes() == (tmp_path / "other.csv").read_bytes()


def test_the_saved_detector_is_one_in_python_too(tmp_path):
    write(orders(300), tmp_path / "train.csv")
    write(strange_orders(), tmp_path / "new.csv")
    assert fit(tmp_path, "--id-column", "id") == 0
    assert score(tmp_path, "--quiet") == 0
    detector = skood.load(tmp_path / "d.skood")
    assert isinstance(detector, ConformalOutlierDetector)
    new = strange_orders()[FEATURES]
    new["ok"] = new["ok"].astype(str)
    scores = pd.read_csv(tmp_path / "scores.csv")
    np.testing.assert_allclose(scores["score"], detector.score_samples(new), rtol=1e-12)


def test_a_detector_saved_from_python_scores_files(tmp_path, capsys):
    detector = KNNOutlierDetector().fit(numbers(100))
    skood.save(detector, tmp_path / "d.skood")
    write(numbers(20, seed=1)[["c3", "c1", "c0", "c2"]], tmp_path / "new.csv")
    assert score(tmp_path) == 0
    scores = pd.read_csv(tmp_path / "scores.csv")
    assert list(scores.columns) == ["row", "score", "decision"]
    expected = detector.score_samples(numbers(20, seed=1))
    np.testing.assert_allclose(scores["score"], expected, rtol=1e-12)
    skood.save(KNNOutlierDetector().fit(numbers(100).to_numpy()), tmp_path / "d.skood")
    write(numbers(20, seed=1), tmp_path / "new.csv")
    assert score(tmp_path) == 0
    assert "the columns of new.csv are taken in their order" in capsys.readouterr().err
    scores = pd.read_csv(tmp_path / "scores.csv")
    np.testing.assert_allclose(scores["score"], expected, rtol=1e-12)


def test_what_is_no_detector_is_refused(tmp_path, capsys):
    from sklearn.preprocessing import StandardScaler

    skood.save(StandardScaler().fit(numbers(10)), tmp_path / "d.skood")
    write(numbers(5), tmp_path / "new.csv")
    assert score(tmp_path) == 3
    assert "d.skood holds a StandardScaler, which scores no rows" in capsys.readouterr().err


@pytest.mark.parametrize("output", ["scores.csv", "scores.parquet"])
def test_blocks_do_not_change_what_is_written(folder, output):
    assert score(folder, "--quiet", "--explain", 1) == 0
    assert score(folder, "--quiet", "--explain", 1, "--block-rows", 7, output=f"b-{output}") == 0
    read = pd.read_csv if output.endswith("csv") else pd.read_parquet
    whole, blocks = pd.read_csv(folder / "scores.csv"), read(folder / f"b-{output}")
    pd.testing.assert_frame_equal(whole, blocks, check_dtype=False, rtol=1e-9)


@pytest.mark.parametrize("output", ["scores.csv", "scores.parquet"])
def test_a_killed_run_is_resumed_to_the_same_file(folder, output):
    more = ["--block-rows", "64", "--explain", "2", "--quiet"]
    assert score_long(folder, *more, output=f"undisturbed-{output}") == 0
    status, _ = stop_midway(folder, signal.SIGKILL, *more, output=output)
    assert status == -signal.SIGKILL
    done = json.loads((folder / f"{output}.part.json").read_text())["rows"]
    assert 0 < done < ROWS
    assert not (folder / output).exists()
    assert score_long(folder, *more, "--resume", output=output) == 0
    expected = (folder / f"undisturbed-{output}").read_bytes()
    assert (folder / output).read_bytes() == expected
    assert not [name for name in names_in(folder) if ".part" in name]


def test_what_was_written_after_the_last_whole_block_is_dropped(folder):
    more = ["--block-rows", "64", "--quiet"]
    assert score_long(folder, *more, output="undisturbed.csv") == 0
    stop_midway(folder, signal.SIGKILL, *more)
    with (folder / "scores.csv.part").open("ab") as file:
        file.write(b"2000,-0.5,0.")  # a block that is half written
    assert score_long(folder, *more, "--resume") == 0
    assert (folder / "scores.csv").read_bytes() == (folder / "undisturbed.csv").read_bytes()


def test_ctrl_c_keeps_what_is_done_and_says_how_to_resume(folder):
    more = ["--block-rows", "64"]
    assert score_long(folder, *more, "--quiet", output="undisturbed.csv") == 0
    status, err = stop_midway(folder, signal.SIGINT, *more)
    assert status == 130
    assert "Traceback" not in err
    done = json.loads((folder / "scores.csv.part.json").read_text())["rows"]
    assert f"stopped; {done:,} rows are kept in {folder / 'scores.csv.part'}" in err
    command = err.split("resume with: ")[1].splitlines()[0].split()
    assert command[:2] == ["skood", "score"]
    assert command[-1] == "--resume"
    assert main(command[1:]) == 0
    assert (folder / "scores.csv").read_bytes() == (folder / "undisturbed.csv").read_bytes()


@pytest.mark.parametrize("when", ["before the journal", "after the journal"])
def test_ctrl_c_beside_the_journal_says_what_the_journal_says(folder, when, capsys, monkeypatch):
    replace, blocks = Path.replace, []

    def interrupted(path, target):
        blocks.append(path)
        if len(blocks) == 4 and when == "before the journal":
            raise KeyboardInterrupt
        replace(path, target)
        if len(blocks) == 4:
            raise KeyboardInterrupt

    monkeypatch.setattr(Path, "replace", interrupted)
    assert score_long(folder, "--block-rows", 64, "--quiet") == 130
    done = rows_done(folder / "scores.csv.part.json")
    assert done == (128 if when == "before the journal" else 192)  # the first is of the head
    assert f"stopped; {done:,} rows are kept" in capsys.readouterr().err


@pytest.mark.parametrize("step", ["start", "_append"])
def test_ctrl_c_before_the_first_rows_of_a_restart_keeps_none_of_the_earlier_ones(
    step, stopped, capsys, monkeypatch
):
    def interrupted(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr(PartialFile, step, interrupted)
    assert score_long(stopped, "--block-rows", 64, "--restart", "--quiet") == 130
    assert capsys.readouterr().err == "skood: interrupted\n"
    assert not [name for name in names_in(stopped) if ".part" in name]


@pytest.fixture(scope="module")
def stopped_once(tmp_path_factory):
    folder = tmp_path_factory.mktemp("stopped")
    fill(folder)
    status, _ = stop_midway(folder, signal.SIGKILL, "--block-rows", "64", "--quiet")
    assert status == -signal.SIGKILL
    return folder


@pytest.fixture
def stopped(stopped_once, tmp_path):
    """What a run leaves that is stopped; a copy with the times of the files."""
    return Path(shutil.copytree(stopped_once, tmp_path / "stopped"))


def test_a_stopped_run_is_neither_overwritten_nor_resumed_unasked(stopped, capsys):
    kept = (stopped / "scores.csv.part").read_bytes()
    assert score_long(stopped, "--block-rows", 64) == 2
    assert "resume it with --resume, or start anew with --restart" in capsys.readouterr().err
    assert (stopped / "scores.csv.part").read_bytes() == kept
    assert score_long(stopped, "--block-rows", 64, "--restart", "--quiet") == 0
    assert len(pd.read_csv(stopped / "scores.csv")) == ROWS


def test_another_input_detector_or_option_cannot_be_resumed(stopped, capsys):
    def refused(*more, **files):
        assert score_long(stopped, "--resume", "--quiet", *more, **files) == 2
        return capsys.readouterr().err

    same = ["--block-rows", 64]
    assert "with another --block-rows. They cannot be resumed" in refused()
    assert "with another --explain. They cannot be resumed" in refused(*same, "--explain", 1)
    said = refused(*same, "--id-column", "c1")
    assert "with another --id-column or --exclude. They cannot be resumed" in said
    before = (stopped / "long.csv").read_bytes()
    write(numbers(ROWS, seed=2), stopped / "long.csv")
    assert "with another input. They cannot be resumed" in refused(*same)
    (stopped / "long.csv").write_bytes(before)
    os.utime(stopped / "long.csv", ns=(0, 0))  # the same content written at another time
    assert "with another input. They cannot be resumed" in refused(*same)
    assert fit(stopped, "--detector", "md", "--seed", 1) == 0
    assert "with another detector and input. They cannot be resumed" in refused(*same)


def test_a_damaged_journal_or_a_file_cut_short_cannot_be_resumed(stopped, capsys):
    sentence = "does not match its journal scores.csv.part.json. It cannot be resumed"
    (stopped / "scores.csv.part").write_bytes(b"row")
    assert score_long(stopped, "--block-rows", 64, "--resume") == 2
    assert sentence in capsys.readouterr().err
    rows = '{"made_of": {}, "rows": "many"}'
    for journal in ("{", "[]", "3", rows, '{"made_of": 3}', '{"made_of": {}, "bytes": -1}'):
        (stopped / "scores.csv.part.json").write_text(journal)
        assert score_long(stopped, "--block-rows", 64, "--resume") == 2
        assert sentence in capsys.readouterr().err


def test_resume_without_a_stopped_run_starts_anew(folder, capsys):
    assert score(folder, "--resume") == 0
    assert "scores.csv.part has no rows to resume from: starting anew" in capsys.readouterr().err
    assert len(pd.read_csv(folder / "scores.csv")) == 500


def test_a_run_killed_after_its_last_row_is_resumed_to_the_end(folder, monkeypatch):
    more = ["--block-rows", "64", "--quiet"]
    assert score(folder, *more, output="undisturbed.csv") == 0

    def never(self, results):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(PartialFile, "finish", never)
        assert score(folder, *more) == 130
    assert score(folder, *more, "--resume") == 0
    assert (folder / "scores.csv").read_bytes() == (folder / "undisturbed.csv").read_bytes()


def test_info_says_what_is_in_the_file_and_loads_nothing(tmp_path, capsys):
    write(orders(300).assign(note="fine"), tmp_path / "train.csv")
    assert fit(tmp_path, "--id-column", "id", "--exclude", "note", "--missing", "mean") == 0
    code = (
        "import sys\nfrom skood.cli import main\n"
        f"assert main(['info', {str(tmp_path / 'd.skood')!r}]) == 0\n"
        "print(not {'skops', 'pickle5', 'skood.detectors.lcp'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "True"
    for part in (
        "LCPOutlierDetector(random_state=0)",
        "TableScaler(",
        "3 numbers: length, width, count",
        "2 categories: colour, ok",
        "identifies rows, no feature: id",
        "left out: note",
        "300 rows of train.csv, missing values filled by mean",
        f"skood {skood.__version__}",
        f"sha256 {read_manifest(tmp_path / 'd.skood')['members']['estimator.skops']}",
    ):
        assert part in done.stdout
    capsys.readouterr()
    assert main(["info", str(tmp_path / "d.skood"), "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == read_manifest(tmp_path / "d.skood")


def test_info_of_a_file_that_python_has_saved(tmp_path, capsys):
    skood.save(KNNOutlierDetector(n_neighbors=3).fit(numbers(50)), tmp_path / "d.skood")
    assert main(["info", str(tmp_path / "d.skood")]) == 0
    out = capsys.readouterr().out
    assert "KNNOutlierDetector(n_neighbors=3)" in out
    assert "4: c0, c1, c2, c3" in out
    assert "50 rows" in out


def test_notes_are_kept_beside_a_summary(tmp_path):
    path, detector = tmp_path / "d.skood", KNNOutlierDetector(n_neighbors=3).fit(numbers(50))
    skood.save(detector, path, notes={"from": ["a", 1, None]})
    manifest = read_manifest(path)
    assert manifest["notes"] == {"from": ["a", 1, None]}
    assert manifest["summary"] == {
        "steps": [
            {
                "depth": 0,
                "type": "skood.KNNOutlierDetector",
                "parameters": {"n_neighbors": "3"},
            }
        ],
        "n_features": 4,
        "features": ["c0", "c1", "c2", "c3"],
        "training_rows": 50,
    }
    match = r"The 'notes' parameter of skood\.save must be a mapping"
    for notes in ({"a": np.ones(2)}, {"a": np.nan}, 3):
        with pytest.raises(ValueError, match=match):
            skood.save(detector, path, notes=notes)
    assert read_manifest(path) == manifest


def test_fit_and_score_as_processes(tmp_path, monkeypatch):
    write(orders(300), tmp_path / "train.csv")
    write(strange_orders(), tmp_path / "new.csv")
    fit = ["fit", "--train", "train.csv", "--save", "d.skood", "--id-column", "id"]
    done = subprocess.run(
        [sys.executable, "-m", "skood", *fit],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""
    assert done.stderr.splitlines()[-1] == "saved as d.skood"
    files = ["d.skood", "--new", "new.csv", "--output", "scores.csv"]
    done = run_skood("score", *files, "--fail-on-ood", cwd=tmp_path)
    assert done.returncode == 1, done.stderr
    assert run_skood("score", "new.csv", *files[1:], cwd=tmp_path).returncode == 3
    monkeypatch.chdir(tmp_path)
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["score", *files, "--explain", "-1"])
