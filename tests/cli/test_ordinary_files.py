"""The README's command on files as offices have them: scores after at most one question."""

from __future__ import annotations

import re
import shlex

import numpy as np
import pandas as pd
import pytest

from skood.cli import main


def ordinary(n, seed, first):
    """Invoices: a number, a date, amounts, a text column and gaps; the eighth is strange."""
    random = np.random.default_rng(seed)
    frame = pd.DataFrame(
        {
            "Invoice": [f"R-{first + i:05d}" for i in range(n)],
            "Date": pd.Timestamp("2026-01-05")
            + pd.to_timedelta(np.sort(random.integers(0, 90, n)), "D"),
            "Amount": random.lognormal(7, 0.4, n).round(2),
            "Weight": random.normal(20, 3, n).round(1),
            "Customer": random.choice(["Müller & Co", "Smith", "Étoile"], n),
            "Paid": random.choice(["yes", "no"], n, p=[0.9, 0.1]),
        }
    )
    frame.loc[random.choice(np.arange(10, n), n // 20), "Weight"] = np.nan
    frame.loc[7, "Weight"] = 60.0
    return frame


def grouped(value, mark):
    return (
        f"{value:,.2f}".replace(",", " ")
        .replace(".", "," if mark == "." else ".")
        .replace(" ", mark)
    )


def write_us(frame, path):
    amounts = [f"${grouped(v, ',')}" for v in frame["Amount"]]
    text = frame.assign(Amount=amounts, Date=frame["Date"].dt.strftime("%m/%d/%Y"))
    text.to_csv(path, index=False)


def write_german(frame, path):
    amounts = [f"{grouped(v, '.')} €" for v in frame["Amount"]]
    text = frame.assign(
        Amount=amounts,
        Date=frame["Date"].dt.strftime("%d.%m.%Y"),
        Paid=frame["Paid"].map({"yes": "ja", "no": "nein"}),
    )
    text.to_csv(path, index=False, sep=";", decimal=",", encoding="utf-8-sig")


def write_plain(frame, path):
    frame.to_csv(path, index=False)


def options_named(text):
    """The options of an error message; one for each, the first."""
    found = dict(re.findall(r"(--[a-z-]+) ('[^']*'|[^ ]*[^ .,:])", text))
    return [word for pair in found.items() for word in (pair[0], *shlex.split(pair[1]))]


@pytest.mark.parametrize("write", [write_us, write_german, write_plain])
@pytest.mark.parametrize("dates", [[], ["--dates", "parts"]])
def test_scores_after_at_most_one_question(tmp_path, capsys, write, dates):
    train, new, output = (tmp_path / name for name in ("train.csv", "new.csv", "scores.csv"))
    write(ordinary(240, 0, 1), train)
    write(ordinary(40, 1, 241), new)
    command = ["detect", "--train", train, "--new", new, "--output", output, "--explain", "3"]
    command = [*map(str, command), *dates]
    assert main(command) == 3
    question = capsys.readouterr().err.splitlines()[-1]
    assert "'Invoice'" in question
    assert "'Weight'" in question
    answers = options_named(question[question.index("decide with") :])
    assert answers == ["--id-column", "Invoice", "--missing", "median"]
    assert main([*command, *answers]) == 0
    scores = pd.read_csv(output)
    assert scores["Invoice"][scores["score"].idxmin()] == "R-00248"
    assert scores["top_1"][scores["score"].idxmin()] == "Weight"
    assert scores["decision"].eq(-1).sum() <= 6
    said = capsys.readouterr().err
    assert ("'Date': dates are left out" in said) == (not dates)
    assert ("'Date': date; weekday" in said) == bool(dates)
    # the check asks the same, and its command works as it stands
    assert main(["check", str(new), "--against", str(train)]) == 3
    last = capsys.readouterr().out.splitlines()[-1]
    assert main([*shlex.split(last)[1:], "--output", str(output)]) == 0
