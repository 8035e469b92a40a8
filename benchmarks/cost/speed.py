"""Speed beside scikit-learn, PyOD, faiss and the bare matrix product.

    python benchmarks/cost/speed.py           # 20 to 35 minutes on two processors
    python benchmarks/cost/speed.py --quick   # small sizes, to try the script

Two threads for everyone. All contestants of a work run in turn (A B C, A B C, ...); a
ratio is the median of the ratios of neighbouring runs. `growth.py` shows how time grows.
"""

from __future__ import annotations

import argparse
import re
import sys
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from statistics import median

sys.path.insert(0, str(Path(__file__).parents[1]))  # where _common is

from _common.peers import INSTALL
from _common.report import judged, markdown_table, say, write_result
from _common.timing import N_THREADS, alternate, in_seconds, paired_ratio, use_two_threads
from _speed.lineup import SLOW, lineup
from _speed.workloads import WORK, Claim, Quality, Sizes, Work
from skood.cli.arguments import count as at_least_one

HEAD = ["measured", "against", "time", "its time", "ratio", "required"]
PACKAGES = ["skood", "numpy", "scipy", "scikit-learn", "pyod", "faiss-cpu", "torch"]
PACKAGES += ["threadpoolctl"]

METHOD = """\
{threads} threads for all. Medians of {runs} alternating runs after a warm-up. A pause before each
run lets the threads of the previous run fall asleep. The ratio is the median (least–most) of the
ratios of paired runs. A peer marked with * takes long and ran once. "n × faster" is the peer's time
over skood's, any other ratio skood's over the other's. Rows are standard normal unless stated
otherwise, and so have no structure to profit from. Recall is checked on the answers; exact answers
are compared with scikit-learn's in float64. Of scikit-learn's kd_tree, ball_tree and brute, the
fastest on a 20th of the queries runs in full. faiss's own OpenBLAS is set to the kernels of
NumPy's; by default it takes generic ones on newer processors. Only the last two works load torch:
there skood may take torch's product, while the bare product stays NumPy's."""

LINEUP_RUNS = 3


def result_lines(work: Work, n_runs: int) -> list[list[str]]:
    """Measure a work: a line of its table for each claim."""
    runs = alternate(work.seconds, n_runs, once=work.once, say=say)
    lines = [claim_line(claim, runs, work.once) for claim in work.claims]
    lines += [quality_line(quality) for quality in work.qualities]
    return lines


def claim_line(
    claim: Claim, runs: Mapping[str, Sequence[float]], once: Collection[str]
) -> list[str]:
    there = [name for name in claim.others if name in runs]
    if claim.subject not in runs or not there:
        others = " / ".join(claim.others)
        return [claim.subject, others, "", "", "", f"{requirement(claim)} {INSTALL}"]
    other = min(there, key=lambda name: median(runs[name]))
    ours, theirs = runs[claim.subject], runs[other]
    cells = [
        claim.subject,
        other + "*" * (other in once),
        in_seconds(ours),
        in_seconds(theirs),
    ]
    if claim.times_faster is not None:
        ratio = paired_ratio(theirs, ours)
        verdict = judged(ratio.median >= claim.times_faster)
        return [*cells, f"{ratio} × faster", f"{requirement(claim)} {verdict}"]
    ratio = paired_ratio(ours, theirs)
    met = claim.at_most is None or ratio.median <= claim.at_most
    required = "" if claim.at_most is None else f"{requirement(claim)} {judged(met)}"
    return [*cells, str(ratio), required]


def requirement(claim: Claim) -> str:
    if claim.times_faster is not None:
        return f"≥ {claim.times_faster:g} × faster"
    return f"≤ {claim.at_most:.2f}"


def quality_line(quality: Quality) -> list[str]:
    value = quality.value()
    required = f"≥ {quality.at_least:.2f} {judged(value >= quality.at_least)}"
    return [quality.name, "", "", "", f"{value:.4f}", required]


def work_tables(arguments: argparse.Namespace) -> str:
    sizes = Sizes(arguments.quick)
    parts = ["## Each work"]
    for key, build in WORK.items():
        if re.search(arguments.only, key):
            work = build(sizes)
            say(work.name)
            lines = result_lines(work, arguments.runs)
            parts += [f"### {work.name}", markdown_table(HEAD, lines)]
    return "\n\n".join(parts)


def lineup_section(arguments: argparse.Namespace) -> str:
    """Fit and scoring times of all detectors, without a requirement."""
    title, seconds = lineup(Sizes(arguments.quick))
    n_runs = min(arguments.runs, LINEUP_RUNS)
    once = {f"{name} {verb}" for name in SLOW for verb in ("fit", "score")}
    runs = alternate(seconds, n_runs, once=once, say=say)
    names = [name.removesuffix(" fit") for name in runs if name.endswith(" fit")]
    rows = [[n, *(in_seconds(runs[f"{n} {verb}"]) for verb in ("fit", "score"))] for n in names]
    table = markdown_table(["detector", "fit", "score"], rows)
    note = f"""\
Medians of {n_runs} alternating runs, default parameters. Nothing is required here. The robust
covariances ({", ".join(SLOW)}) ran once."""
    return f"## {title}\n\n{note}\n\n{table}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument(
        "--only", default="", help=f"regular expression of: {', '.join(WORK)}, detectors"
    )
    parser.add_argument("--quick", action="store_true", help="small sizes; nothing is written")
    parser.add_argument("--runs", type=at_least_one, default=9, help="runs of each contestant")
    arguments = parser.parse_args()
    use_two_threads()
    # The detectors first, since the last works load torch.
    detectors = lineup_section(arguments) if re.search(arguments.only, "detectors") else ""
    body = f"{work_tables(arguments)}\n\n{detectors}"
    if arguments.quick or arguments.only:
        print(body)  # a partial run must not replace the page
        return
    notes = METHOD.format(threads=N_THREADS, runs=arguments.runs)
    write_result("speed", "python benchmarks/cost/speed.py", PACKAGES, f"{notes}\n\n{body}")


if __name__ == "__main__":
    main()
