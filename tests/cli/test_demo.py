"""The main job, run as a user runs it, and what it prints and writes checked against itself."""

import contextlib
import csv
import io
import re
import struct
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import numpy as np
import pytest
from scipy.stats import spearmanr
from sklearn.metrics import average_precision_score, roc_auc_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from skood import KernelDensityOutlierDetector, KNNOutlierDetector, LCPOutlierDetector
from skood._optional import install_command, is_installed
from skood.cli import main
from skood.cli._step_lines import StepLog
from skood.cli.demo.evaluate import evaluate, fit_timed
from skood.cli.demo.lineup import LINEUP, ON_TRACE, on_trace, train_autoencoder
from skood.cli.demo.output import OutputError, written_whole
from skood.cli.demo.pictures import PICTURES
from skood.datasets import load_digits_ood

from ..processes import run_python, run_skood

COLUMNS = ["AUROC", "AUPR-in", "AUPR-out", "FPR95", "flagged ID", "flagged OoD", "fit s", "score s"]
HAS_TORCH = is_installed("torch")
needs_plots = pytest.mark.skipif(
    not (is_installed("matplotlib") and is_installed("PIL")),
    reason="matplotlib or Pillow (extra 'plots') is not installed",
)
LABELS = [*LINEUP, *(ON_TRACE if HAS_TORCH else [])]
# loading, the autoencoder, fitting and scoring, p-values, writing; the pictures are one more
N_STEPS = 3 + HAS_TORCH + 2 * len(LABELS)
INSTALL = {extra: f"{extra}: {install_command(extra)} adds" for extra in ("plots", "torch")}
TORCH_HINT = f"{INSTALL['torch']} the measures on the trace of an autoencoder"
HEADINGS = {"near OoD: digits 8 and 9": "near", "far OoD: patches of photographs": "far"}


HIDE = """
import sys
from importlib.machinery import PathFinder
find = PathFinder.find_spec
for name in [name for name in sys.modules if name.partition(".")[0] in {blocked!r}]:
    del sys.modules[name]
def find_others(name, *rest):
    return None if name.partition(".")[0] in {blocked!r} else find(name, *rest)
PathFinder.find_spec = find_others
from skood.cli import main
from skood.cli._step_lines import StepLog
sys.exit(main())
"""


def read_table(text):
    """Return {(detector, "near" | "far"): {column: value}} from the printed table."""
    cells, ood = {}, None
    for line in text.splitlines():
        ood = HEADINGS.get(line, ood)
        if match := re.fullmatch(r"  (\S+)((?: +\d+\.\d+){8})", line):
            values = [float(value) for value in match[2].split()]
            cells[match[1], ood] = dict(zip(COLUMNS, values, strict=True))
    return cells


def read_scores(path):
    with path.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    return {name: np.array([row[name] for row in rows]) for name in rows[0]}


def png_size(path):
    head = path.read_bytes()[:24]
    assert head[:8] == b"\x89PNG\r\n\x1a\n"
    return struct.unpack(">II", head[16:24])


@pytest.fixture(scope="module")
def demo(tmp_path_factory):
    if not (is_installed("matplotlib") and is_installed("PIL")):
        pytest.skip("matplotlib or Pillow (extra 'plots') is not installed")
    folder = tmp_path_factory.mktemp("demo") / "made" / "here"
    done = run_skood("demo", "--output", folder, "--seed", 1)
    done.folder = folder
    assert done.returncode == 0, done.stderr
    return done


def test_files(demo):
    assert {path.name for path in demo.folder.iterdir()} == {"scores.csv", *PICTURES}
    assert f"written to {demo.folder}: {', '.join(['scores.csv', *PICTURES])}\n" in demo.stdout


def test_table_has_every_detector_in_every_block_within_100_columns(demo):
    assert list(read_table(demo.stdout)) == [(d, ood) for ood in ("near", "far") for d in LABELS]
    header = next(line for line in demo.stdout.splitlines() if line.startswith("detector"))
    assert re.split(r" {2,}", header) == ["detector", *COLUMNS]
    lines = [line for line in demo.stdout.splitlines() if not line.startswith("written to")]
    assert max(map(len, lines)) <= 100
    assert demo.stdout.isascii()
    hints = [line for line in lines if "pip install" in line]
    assert hints == ([] if HAS_TORCH else [TORCH_HINT])  # nothing else is missing here


def test_progress_has_one_line_per_step_and_no_carriage_return(demo):
    n_steps = N_STEPS + 1
    lines = demo.stderr.splitlines()
    for number, line in enumerate(lines, start=1):
        assert re.fullmatch(rf"\[{number}/{n_steps}\] [^\r]+: \d+\.\d\d s", line)
    assert len(lines) == n_steps


def test_scores_are_those_of_the_data_set(demo):
    scores, data = read_scores(demo.folder / "scores.csv"), load_digits_ood(random_state=1)
    expected = [f"{d}_{column}" for d in LABELS for column in ("score", "prediction")]
    assert list(scores) == ["row", "set", "class", *expected]
    parts = {"id": data.y_test, "near": data.y_near, "far": data.y_far}
    assert list(dict.fromkeys(scores["set"])) == list(parts)
    for name, classes in parts.items():
        rows = scores["set"] == name
        np.testing.assert_array_equal(scores["row"][rows].astype(int), np.arange(len(classes)))
        np.testing.assert_array_equal(scores["class"][rows], classes.astype(str))


@pytest.fixture(scope="module")
def autoencoder():
    return train_autoencoder(load_digits_ood(random_state=1).X_train, 1) if HAS_TORCH else None


@pytest.mark.parametrize("detector", LABELS)
def test_scores_of_the_file_are_the_estimators_own(demo, autoencoder, detector):
    data = load_digits_ood(random_state=1)
    X = np.concatenate([data.X_test, data.X_near, data.X_far])
    on_rows = detector in LINEUP
    estimator = LINEUP[detector](1) if on_rows else on_trace(detector, autoencoder, 1)
    estimator.fit(data.X_train, data.y_train)
    scores = read_scores(demo.folder / "scores.csv")
    written = scores[f"{detector}_score"].astype(float)
    np.testing.assert_allclose(written, estimator.score_samples(X), rtol=1e-9)
    np.testing.assert_array_equal(
        scores[f"{detector}_prediction"].astype(int), estimator.predict(X)
    )


@pytest.mark.parametrize("ood", ["near", "far"])
@pytest.mark.parametrize("detector", LABELS)
def test_table_agrees_with_the_file(demo, detector, ood):
    """The measures come out the same from the file and by scikit-learn's own functions."""
    cells, scores = read_table(demo.stdout)[detector, ood], read_scores(demo.folder / "scores.csv")
    rows = np.isin(scores["set"], ["id", ood])
    is_id, values = scores["set"][rows] == "id", scores[f"{detector}_score"][rows].astype(float)
    flagged = scores[f"{detector}_prediction"][rows].astype(int) == -1
    passing = np.quantile(values[is_id], 0.05, method="lower")
    expected = {
        "AUROC": roc_auc_score(is_id, values),
        "AUPR-in": average_precision_score(is_id, values),
        "AUPR-out": average_precision_score(~is_id, -values),
        "FPR95": np.mean(values[~is_id] >= passing),
        "flagged ID": np.mean(flagged[is_id]),
        "flagged OoD": np.mean(flagged[~is_id]),
    }
    for column, value in expected.items():
        assert cells[column] == pytest.approx(100 * value, abs=0.051), column
    assert values[flagged].max() < values[~flagged].min()


@pytest.mark.parametrize("detector", LABELS)
def test_every_detector_does_the_job(demo, detector):
    """Far patches are all found, unseen digits mostly, and about 5 % of the ID rows are flagged."""
    table = read_table(demo.stdout)
    assert table[detector, "far"]["AUROC"] > 99
    # One Gaussian for each digit, all of one shape, is too coarse a picture of handwriting.
    assert table[detector, "near"]["AUROC"] > (80 if detector.endswith("MD") else 90)
    assert 1 < table[detector, "near"]["flagged ID"] < 12


def test_p_values_flag_the_rows_that_the_table_flags(demo):
    """All training rows set both, so a decision differs by one rank at most."""
    shares = re.search(r"p <= 5 % for (\S+) % of ID and (\S+) % of near OoD rows\.\n", demo.stdout)
    same, n_rows = map(int, re.search(r"^(\d+) of (\d+) decisions", demo.stdout, re.M).groups())
    near = read_table(demo.stdout)["LCP", "near"]
    assert [float(share) for share in shares.groups()] == pytest.approx(
        [near["flagged ID"], near["flagged OoD"]], abs=0.4
    )
    assert n_rows - same <= 3


def test_what_it_says_about_the_ranking_holds():
    """KD ranks by the nearest training row; fewer neighbours are better on these digits."""
    data = load_digits_ood(n_far=0, random_state=1)
    X = np.vstack([data.X_test, data.X_near])
    y = np.arange(len(X)) < len(data.X_test)
    detectors = {
        "KD": KernelDensityOutlierDetector(),
        "kNN": KNNOutlierDetector(),
        "nearest": KNNOutlierDetector(n_neighbors=1),
        "LCP": LCPOutlierDetector(),
    }
    scores = {name: d.fit(data.X_train).score_samples(X) for name, d in detectors.items()}
    assert spearmanr(scores["KD"], scores["nearest"]).statistic > 0.999
    auroc = {name: roc_auc_score(y, s) for name, s in scores.items()}
    assert auroc["kNN"] < auroc["LCP"] < auroc["nearest"]


def test_a_pipeline_is_evaluated_like_a_detector():
    """The threshold is that of the last step, so a line of the line-up may be a Pipeline."""
    rng = np.random.default_rng(0)
    X, sets = rng.normal(size=(60, 3)), {"id": rng.normal(size=(20, 3)), "near": np.full((2, 3), 9)}
    detector = KNNOutlierDetector(n_neighbors=3)
    pipeline = make_pipeline(StandardScaler(), detector)
    outcome = evaluate("piped", pipeline, sets, fit_timed(pipeline, X))
    for name in sets:
        expected = np.where(outcome.scores[name] >= outcome.threshold, 1, -1)
        np.testing.assert_array_equal(outcome.predictions[name], expected)
    assert outcome.measures("near")["AUROC"] == outcome.measures("near")["flagged OoD"] == 1


def test_pictures_are_png_of_readable_size(demo):
    for name in PICTURES:
        width, height = png_size(demo.folder / name)
        assert 600 <= width <= 1600
        assert height >= 400


def test_quiet_without_matplotlib_gives_the_same_scores_and_no_picture(demo, tmp_path):
    arguments = ["--output", tmp_path, "--seed", 1, "--quiet"]
    done = run_python(HIDE.format(blocked=["matplotlib"]), "demo", *arguments)
    assert (done.returncode, done.stderr) == (0, "")
    assert list(read_table(done.stdout)) == list(read_table(demo.stdout))
    same = read_scores(tmp_path / "scores.csv")
    for name, column in read_scores(demo.folder / "scores.csv").items():
        if name.endswith("_score"):
            np.testing.assert_allclose(same[name].astype(float), column.astype(float), rtol=1e-9)
        else:
            np.testing.assert_array_equal(same[name], column)
    assert {path.name for path in tmp_path.iterdir()} == {"scores.csv"}
    _, after = done.stdout.split("\n\n")[-1].split("written to ")
    assert after.splitlines() == [
        f"{tmp_path}: scores.csv",
        f"{INSTALL['plots']} the pictures",
        *([] if HAS_TORCH else [TORCH_HINT]),
    ]


@needs_plots
def test_without_torch_there_is_no_autoencoder_and_one_line_says_so(tmp_path):
    done = run_python(HIDE.format(blocked=["torch"]), "demo", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(read_table(done.stdout)) == [(d, ood) for ood in ("near", "far") for d in LINEUP]
    assert "AE" not in done.stdout
    assert done.stdout.splitlines()[-2:] == [
        f"written to {tmp_path}: {', '.join(['scores.csv', *PICTURES])}",
        TORCH_HINT,
    ]


def test_without_the_whole_extra_there_is_near_ood_only_and_one_line_says_so(tmp_path):
    hide = HIDE.format(blocked=["matplotlib", "PIL"])
    done = run_python(hide, "demo", "--output", tmp_path)
    assert done.returncode == 0, done.stderr
    assert list(read_table(done.stdout)) == [(detector, "near") for detector in LABELS]
    assert set(read_scores(tmp_path / "scores.csv")["set"]) == {"id", "near"}
    assert f"[1/{N_STEPS}] load the rows" in done.stderr
    hint = f"{INSTALL['plots']} the far OoD rows and the pictures"
    assert done.stdout.splitlines()[-1 if HAS_TORCH else -2] == hint


@pytest.mark.parametrize("below", ["", "sub/folder"])
def test_output_that_is_a_file_or_below_one(tmp_path, capsys, below):
    (tmp_path / "taken").write_text("mine")
    output = tmp_path / "taken" / below
    assert main(["demo", "--output", str(output)]) == 2
    out, err = capsys.readouterr()
    why = "Not a directory" if below else "it is a file"
    assert out == ""
    assert err == (
        "skood demo: error: The 'output' parameter of the demo must be a folder that files can be "
        f"written to. Got '{output}' instead ({why}).\n"
    )
    assert (tmp_path / "taken").read_text() == "mine"


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="needs a folder no one can write to")
def test_output_that_cannot_be_written_to(capsys):
    assert main(["demo", "--output", "/proc/self"]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert re.fullmatch(r"skood demo: error: The 'output' .* instead \(.+\)\.\n", err)


def test_a_taken_file_name_is_an_error_and_leaves_nothing_behind(tmp_path, capsys):
    (tmp_path / "scores.csv").mkdir()
    assert main(["demo", "--output", str(tmp_path), "--quiet"]) == 2
    assert "instead (scores.csv: Is a directory)." in capsys.readouterr().err
    assert [path.name for path in tmp_path.iterdir()] == ["scores.csv"]


def test_a_file_appears_whole_or_not_at_all(tmp_path):
    target = tmp_path / "target.txt"
    target.write_text("old")
    with contextlib.suppress(ZeroDivisionError), written_whole(target) as temporary:
        temporary.write_text("half")
        assert temporary.parent == target.parent
        raise ZeroDivisionError
    assert [path.name for path in tmp_path.iterdir()] == ["target.txt"]
    assert target.read_text() == "old"
    with written_whole(target) as temporary:
        temporary.write_text("new")
        assert target.read_text() == "old"
    assert [path.name for path in tmp_path.iterdir()] == ["target.txt"]
    assert target.read_text() == "new"


def test_an_operating_system_error_while_writing_names_the_file(tmp_path):
    message = r"The 'output' parameter .* instead \(a.txt: No such file or directory\)\."
    with (
        pytest.raises(OutputError, match=message),
        written_whole(tmp_path / "no" / "a.txt") as file,
    ):
        file.write_text("")


OVER = "\r\x1b[K"  # back to the start of the line, which is wiped


class TerminalStream(io.StringIO):
    def isatty(self):
        return True


def test_progress_on_a_terminal_completes_the_line_in_place():
    stream = TerminalStream()
    progress = StepLog(2, stream=stream)
    with progress.step("fit"):
        assert stream.getvalue() == f"{OVER}[1/2] fit ..."
    with pytest.raises(ZeroDivisionError), progress.step("score"):
        raise ZeroDivisionError
    start, done, second, failed = stream.getvalue().split(OVER)[1:]
    assert start == "[1/2] fit ..."
    assert re.fullmatch(r"\[1/2\] fit: 0\.\d\d s\n", done)
    assert (second, failed) == ("[2/2] score ...", "[2/2] score ...\n")


def test_quiet_progress_writes_nothing():
    stream = TerminalStream()
    with StepLog(1, quiet=True, stream=stream).step("fit"):
        pass
    assert stream.getvalue() == ""


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--help"], ["usage: skood ", "demo", "--version"]),
        (["demo", "--help"], ["usage: skood demo ", "--seed N", "--output DIR", "--quiet"]),
        (["--version"], [f"skood {version('skood')}"]),
    ],
)
def test_help_and_version(capsys, arguments, expected):
    with pytest.raises(SystemExit, match=r"^0$"):
        main(arguments)
    out = capsys.readouterr().out
    assert all(part in out for part in expected)


def test_help_loads_neither_the_demo_nor_matplotlib():
    code = (
        "import sys\nfrom skood.cli import main\n"
        "try:\n    main(['demo', '--help'])\n"
        "finally:\n    print(not {'skood.cli.demo', 'matplotlib'} & set(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stdout.splitlines()[-1] == "True"


def test_no_command_prints_help_and_exits_with_2():
    done = run_skood()
    assert done.returncode == 2
    assert done.stdout.startswith("usage: skood ")


@pytest.mark.parametrize("seed", ["-1", "4294967296", "1.5", "one"])
def test_bad_seed(capsys, seed):
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["demo", f"--seed={seed}"])
    message = f"argument --seed: must be an integer from 0 to 4294967295. Got '{seed}' instead."
    assert message in capsys.readouterr().err


def test_unknown_command(capsys):
    with pytest.raises(SystemExit, match=r"^2$"):
        main(["dance"])
    assert "invalid choice: 'dance'" in capsys.readouterr().err
