"""`skood score` and `skood detect` as an alarm: shares, false discoveries, all rows together.

SKOOD_NIGHTS=200 pytest tests/cli/test_alarms.py -k nights  # the nights of a long run
"""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pytest
from scipy.stats import betabinom

import skood
from skood import ConformalOutlierDetector, KNNOutlierDetector
from skood.calibration.p_values import largest_rank
from skood.cli import main

from .cli_files import names_in, numbers, orders, write

NIGHTS = int(os.environ.get("SKOOD_NIGHTS", "10"))
N_CALIBRATION, M = 500, 200


def share_for(n_rows, n_calibration, alpha, rate):
    """The share of flagged rows that so many normal rows exceed at this rate, over calibrations."""
    k = largest_rank(n_calibration, alpha)
    return betabinom.isf(rate, n_rows, k, n_calibration + 1 - k) / n_rows


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("alarms")
    write(orders(4 * N_CALIBRATION), folder / "train.csv")
    saved = ["--save", str(folder / "d.skood"), "--id-column", "id", "--quiet"]
    assert main(["fit", "--train", str(folder / "train.csv"), *saved]) == 0
    return folder


def score(folder, rows, *more, output="o.csv"):
    new = write(rows, folder / "new.csv")
    files = ["--new", str(new), "--output", str(folder / output)]
    return main(["score", str(folder / "d.skood"), *files, *map(str, more)])


def nightly(folder, rows):
    """The job of the guide."""
    limits = ["--batch-test", "1e-4", "--fail-above", "0.14"]
    return score(folder, rows, *limits, "--restart", "--quiet")


def test_the_share_of_the_guide():
    assert 0.13 < share_for(M, N_CALIBRATION, 0.05, 1e-4) <= 0.14


def test_normal_nights_are_silent(folder, capfd):
    """A false alarm in 200 nights at 1e-4 for each of both limits has a probability below 4 %."""
    statuses = [nightly(folder, orders(M, seed=1000 + night)) for night in range(NIGHTS)]
    assert statuses == [0] * NIGHTS
    assert capfd.readouterr() == ("", "")


def _stuck(rows):
    return rows.assign(**{name: rows[name].iloc[0] for name in rows.columns[1:]})


def _too_typical(rows):
    return rows.assign(length=10 + 0.3 * (rows["length"] - 10), width=0.3 * rows["width"])


FAILURES = {
    "stuck feed": (_stuck, "repeats"),
    "stuck column": (lambda rows: rows.assign(width=0.013), "columns"),
    "too typical": (_too_typical, "ranks"),
    "shift": (lambda rows: rows.assign(width=rows["width"] + 1.0), "columns"),
    "gone category": (lambda rows: rows.assign(colour="red"), "columns"),
}


@pytest.mark.parametrize("failure", FAILURES)
@pytest.mark.parametrize("seed", [1, 2])
def test_failures_are_alarms(folder, capfd, failure, seed):
    change, seen_by = FAILURES[failure]
    assert nightly(folder, change(orders(M, seed=seed))) == 4
    out, err = capfd.readouterr()
    assert out == ""
    assert "skood score: alarm: the rows differ: p = " in err
    assert seen_by in err


def test_the_alarm_names_the_column(folder, capfd):
    assert nightly(folder, FAILURES["stuck column"][0](orders(M, seed=3))) == 4
    assert "columns, with their usual values: width (median -0.0" in capfd.readouterr().err


def test_the_share_of_flagged_rows(folder, capfd):
    rows = orders(M, seed=4)
    rows.loc[:49, "width"] = 9.0
    assert score(folder, rows, "--quiet", "--fail-above", 0.5) == 0
    assert score(folder, rows, "--quiet", "--fail-above", 0.2) == 1
    said = capfd.readouterr().err
    assert said.startswith("skood score: alarm: 5")
    assert said.endswith("of 200 rows are flagged, more than 20 %\n")
    assert score(folder, rows, "--quiet", "--fail-on-ood") == 1
    assert score(folder, rows, "--quiet", "--fail-above", 0.2, "--batch-test", 0.001) == 4


def test_a_quiet_batch_says_its_p_value(folder, capfd):
    assert score(folder, orders(60, seed=5), "--batch-test", 0.001, output="o.jsonl") == 0
    assert "all rows together: p = " in capfd.readouterr().err


@pytest.mark.parametrize("block", [7, 65_536])
def test_fdr_over_the_whole_file(folder, block):
    rows = orders(M, seed=6)
    rows.loc[:19, "width"] = np.linspace(5, 9, 20)
    assert score(folder, rows, "--control", "fdr", "--block-rows", block, "--quiet") == 0
    found = pd.read_csv(folder / "o.csv")["decision"].to_numpy()
    detector = skood.load(folder / "d.skood").set_params(control="fdr")
    features = rows.drop(columns="id").assign(ok=rows["ok"].astype(str))
    expected = detector.predict(features)
    assert np.array_equal(found, expected)
    assert np.all(found[:20] == -1)
    assert score(folder, orders(M, seed=6), "--control", "fdr", "--fail-on-ood", "--quiet") == 0


def test_blocks_do_not_change_the_batch_test(folder, capfd):
    said = []
    for block in (7, 1000):
        score(folder, orders(M, seed=7), "--batch-test", 0.001, "--block-rows", block)
        said.append(capfd.readouterr().err.splitlines()[-1])
    assert said[0] == said[1]
    assert said[0].startswith("all rows together")


def test_detect_has_them_too(folder, capfd):
    new = write(FAILURES["stuck column"][0](orders(M, seed=8)), folder / "n.csv")
    files = ["--train", folder / "train.csv", "--new", new, "--output", folder / "d.csv"]
    command = ["detect", *map(str, files), "--id-column", "id", "--quiet"]
    assert main([*command, "--batch-test", "1e-4", "--control", "fdr"]) == 4
    capfd.readouterr()
    assert main([*command, "--batch-test", "1e-4", "--alpha", "none"]) == 2
    assert "--batch-test needs a detector with p-values" in capfd.readouterr().err


def test_refused(folder, capfd, tmp_path):
    rows = orders(40, seed=9)
    assert score(folder, rows, "--batch-test", "1e-4", "--resume") == 2
    assert "start anew with --restart" in capfd.readouterr().err
    command = ["score", str(folder / "d.skood"), "--output", str(tmp_path / "o.csv")]
    assert main([*command, "--new", "-", "--control", "fdr"]) == 2
    assert "reads the rows twice" in capfd.readouterr().err
    for value in ("0", "1", "x"):
        with pytest.raises(SystemExit):
            main([*command, "--new", "new.csv", "--fail-above", value])
    X = numbers(80).to_numpy()
    write(numbers(20), tmp_path / "new.npy")
    command = ["score", str(tmp_path / "c.skood"), "--new", str(tmp_path / "new.npy")]
    command += ["--output", str(tmp_path / "o.csv")]
    for options in ({"method": "full"}, {"class_conditional": True, "alpha": 0.2}):
        detector = ConformalOutlierDetector(KNNOutlierDetector(), **options)
        skood.save(detector.fit(X, np.repeat([0, 1], 40)), tmp_path / "c.skood")
        capfd.readouterr()
        assert main([*command, "--batch-test", "0.01"]) == 2
        assert "fitted with method='split'" in capfd.readouterr().err
        assert main([*command, "--control", "fdr", "--quiet"]) == 0
    skood.save(KNNOutlierDetector().fit(X), tmp_path / "c.skood")
    assert main([*command, "--control", "fdr"]) == 2
    assert "--control fdr needs a detector with p-values" in capfd.readouterr().err


def test_an_error_keeps_the_old_results_and_no_half_ones(folder, capfd):
    assert nightly(folder, orders(M, seed=10)) == 0
    before = (folder / "o.csv").read_bytes()
    broken = orders(M, seed=11)
    broken.loc[150, "width"] = np.nan
    assert nightly(folder, broken) == 3
    assert "error" in capfd.readouterr().err
    assert (folder / "o.csv").read_bytes() == before
    assert "o.csv.part" not in names_in(folder)
