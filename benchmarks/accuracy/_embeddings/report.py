"""The page of the embedding tables: the answer, the requirements, then each table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np

from _common.report import judged, markdown_table
from _embeddings.methods import KNN, LABEL_FREE, MD, METHODS, PRESET, WITH_LABELS
from _embeddings.tables import Split, Table

LEEWAY = 0.5  # points that the preset may lie below
PROTOCOL = """\
AUROC in %, mean ± standard deviation over {seeds} random splits. *Near* are classes that were left
out of training; *far* are other sources, whose AUROC is averaged. Every score is at its defaults,
and no variant was tried here, but two rows of LCP that show the parts of the preset. The preset
itself was [chosen](embedding_preset.md) on other tasks, but some of them have the same network and
source: single classes of CIFAR-10, SVHN, MNIST and Fashion-MNIST, and other texts by MiniLM.

- *CIFAR-10*: pooled features of EfficientNet-Lite0 with its ImageNet weights, at 128 × 128 pixels.
  All ten classes are known; or five random ones, and the others are near. Far are SVHN, MNIST and
  Fashion-MNIST.
- *Package summaries*: the lines that describe Debian's packages, five random topics (sections of
  the archive) of ten. *Manual pages*: their descriptions, three random sections of six. Each is far
  from the other, and paragraphs of licences are far from both. Embeddings by all-MiniLM-L6-v2: of
  length 1, as the model gives them; or with the length that the mean over the tokens has. Which
  manual pages there are depends on the machine.

The head of a table is a logistic regression on its training rows. MSP, MaxLogit, Energy, GEN and KL
matching take its logits. SHE, NCI, ReAct, ASH and SCALE were made for activations that are not
negative; those of MiniLM may be. COMBOOD is an `OutlierEnsemble` of kNN on rows of length 1 and MD.
`LayerEnsemble` and `FSSDScorer` are not here: they need several layers. Seconds are medians on one
thread, to fit and to score all test rows."""


FINDINGS = """\
**Divide rows by their length first** (`metric="cosine"`, `normalize=True`, `Normalizer()`). These
networks give images unlike photographs shorter rows (the median of SVHN is 71 % of CIFAR-10's), and
long texts shorter rows than single lines (manual pages 37 % of package summaries). Short rows lie
in the middle of all others, so distances of undivided rows take SVHN among CIFAR-10, and manual
pages and licences among package summaries, for typical: raw kNN is far below 50 % there. Sentence
embeddings that already have length 1 lose nothing.

**`locality=0.5` costs points here**: compare *LCP, cosine* with and without it. Whitened in part,
rows of length 1 are about as good as unwhitened ones. Class labels help little, and the confidence
of a head that was fitted here says little about other sources."""


@dataclass
class Result:
    """AUROC in % by method and kind of rows, and seconds by method, split by split."""

    table: Table
    areas: dict[tuple[str, str], list[float]] = field(default_factory=dict)
    seconds: dict[str, list[tuple[float, float]]] = field(default_factory=dict)
    accuracies: list[float] = field(default_factory=list)
    head_seconds: list[float] = field(default_factory=list)
    near: tuple[str, ...] = ()
    far: tuple[str, ...] = ()
    sizes: str = ""

    def note(self, split: Split) -> None:
        """Keep the kinds and numbers of rows."""
        self.near, self.far = tuple(split.near), tuple(split.far)
        counts = ", ".join(f"{len(X):,} {kind}" for kind, X in (split.near | split.far).items())
        self.sizes = f"{len(split.X):,} training rows; {len(split.known):,} known, {counts}"

    @property
    def cells(self) -> dict[str, tuple[str, ...]]:
        """The kinds that are averaged, by near and far."""
        return {"near": self.near, "far": self.far} if self.near else {"far": self.far}

    def splits(self, method: str, kinds: Sequence[str]) -> np.ndarray:
        """AUROC of each split, averaged over kinds."""
        return np.mean([self.areas[method, kind] for kind in kinds], axis=0)

    def mean(self, method: str, kinds: Sequence[str]) -> float:
        """AUROC averaged over splits and kinds."""
        return float(self.splits(method, kinds).mean())


def report(results: list[Result], n_seeds: int) -> str:
    """Everything below the command."""
    return "\n\n".join(
        [
            _means(results),
            FINDINGS,
            "## The best rows, and the preset beside them",
            _best_rows(results),
            "## Requirements",
            "\n".join(f"- {line}" for line in _verdicts(results)),
            "## How it was measured",
            PROTOCOL.format(seeds=n_seeds),
            *(part for result in results for part in _table(result)),
        ]
    )


def _all_cells(results: Iterable[Result]) -> list[tuple[Result, str, tuple[str, ...]]]:
    return [(result, cell, kinds) for result in results for cell, kinds in result.cells.items()]


def _overall(results: Iterable[Result], method: str) -> float:
    """Mean over the near and far of all tables."""
    return float(np.mean([result.mean(method, kinds) for result, _, kinds in _all_cells(results)]))


def _ranked(results: list[Result], methods: Iterable[str]) -> list[str]:
    return sorted(methods, key=lambda method: -_overall(results, method))


def _means(results: list[Result]) -> str:
    lines = [
        [method, "no" if method in LABEL_FREE else "yes"]
        + [f"{_overall(part, method):.1f}" for part in (results, *_families(results).values())]
        for method in _ranked(results, METHODS)
    ]
    heads = ["score", "labels", "all", *_families(results)]
    return (
        f"Means over the near and far rows of {len(results)} tables, AUROC in %:\n\n"
        f"{markdown_table(heads, lines)}"
    )


def _families(results: list[Result]) -> dict[str, list[Result]]:
    families: dict[str, list[Result]] = {}
    for result in results:
        families.setdefault(result.table.family, []).append(result)
    return families


def _best(result: Result, kinds: Sequence[str], methods: Iterable[str]) -> str:
    return max(methods, key=lambda method: result.mean(method, kinds))


def _best_rows(results: list[Result]) -> str:
    lines = []
    for result, cell, kinds in _all_cells(results):
        preset = result.mean(PRESET, kinds)
        best = _best(result, kinds, LABEL_FREE)
        labelled = _best(result, kinds, WITH_LABELS)
        gaps = [preset - result.mean(method, kinds) for method in (best, KNN, MD)]
        lines.append(
            [
                f"{result.table.name}, {cell}",
                f"{preset:.2f}",
                f"{best} {result.mean(best, kinds):.2f}",
                *(f"{gap:+.2f}" for gap in gaps),
                f"{labelled} {result.mean(labelled, kinds):.2f}",
            ]
        )
    heads = ["table", "preset", "best without labels", "preset less it", "less kNN", "less MD"]
    return markdown_table([*heads, "best with labels"], lines)


def _verdicts(results: list[Result]) -> list[str]:
    lines = []
    for family, part in _families(results).items():
        preset = _overall(part, PRESET)
        for peer in (KNN, MD):
            gap = preset - _overall(part, peer)
            lines.append(
                f"{family}: the preset has {preset:.2f} in the mean, {gap:+.2f} points against "
                f"{peer}; not below it by more than {LEEWAY:g} {judged(gap >= -LEEWAY)}"
            )
    for result, cell, kinds in _all_cells(results):
        best = _best(result, kinds, LABEL_FREE)
        gap = result.mean(PRESET, kinds) - result.mean(best, kinds)
        where = "is the best score" if best == PRESET else f"is {-gap:.2f} points below {best}"
        lines.append(
            f"{result.table.name}, {cell}: the preset {where} without labels; at most {LEEWAY:g} "
            f"below the best {judged(gap >= -LEEWAY)}"
        )
    return lines


def _table(result: Result) -> list[str]:
    groups = [*(("near",) if result.near else ()), "far"]
    lines = []
    for method in METHODS:
        cells = [
            f"{values.mean():.2f} ± {values.std():.2f}"
            for values in (result.splits(method, result.cells[group]) for group in groups)
        ]
        fit, score = np.median(result.seconds[method], axis=0)
        single = [f"{result.mean(method, [kind]):.2f}" for kind in result.far]
        labels = "no" if method in LABEL_FREE else "yes"
        lines.append([method, labels, *cells, *single, f"{fit:.2f}", f"{score:.2f}"])
    heads = ["score", "labels", *groups, *result.far, "fit, s", "score, s"]
    return [
        f"## {result.table.name}",
        f"{result.sizes}. The head is right on {100 * np.mean(result.accuracies):.1f} % of the "
        f"known test rows. It takes {np.median(result.head_seconds):.1f} s to fit, which the table "
        "does not count.",
        markdown_table(heads, lines),
    ]
