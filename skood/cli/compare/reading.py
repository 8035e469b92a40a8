"""How to read the numbers of a comparison."""

from __future__ import annotations

from .comparison import Comparison

METRICS = (
    "AUROC and both AUPR: higher is better. FPR95: share of OoD rows that pass if 95 % of the ID "
    "rows pass, lower is better. AUPR depends on the numbers of ID and OoD test rows."
)
OVER_FOLDS = (
    "Intervals over folds are Student's, cut off at 0 and 100. All folds come from this one data "
    "set and share training rows. So the intervals do not hold for other data, and are too narrow."
)
OVER_ROWS = (
    "`rows`: interval over {} bootstrap resamples of the test rows, with the same folds and fitted "
    "detectors."
)
COLUMNS = (
    "`best leads by`: difference in AUROC on the same folds. `lead rows`: in the same resamples. "
    "`wins`: folds with the largest AUROC (shared if equal). `rank` and seconds: mean over folds."
)
NEAR = (
    "{} left out are near OoD rows: the same kind of data as the others. A detector that wins "
    "narrowly on them may lose on far OoD rows."
)
CAVEATS = {
    "classes": (
        NEAR.format("Classes"),
        "Detectors are fitted with the classes of the training rows: `md` takes the distance to "
        "the nearest class, the others ignore them.",
    ),
    "clusters": (
        NEAR.format("Clusters"),
        "Clusters lie apart by construction. So all figures are too good, above all for detectors "
        "that measure distances. Real labels say more.",
    ),
    "labelled": (
        "All folds test on the same -1 rows, so intervals over folds can be far too narrow: read "
        "the intervals over rows too.",
    ),
}


def caveats(comparison: Comparison) -> list[str]:
    """The limits of the figures, and the detectors that failed."""
    items = [OVER_FOLDS, *CAVEATS[comparison.protocol.kind]]
    items += [f"Not compared: {name}. {text}" for name, text in comparison.failures.items()]
    n_folds = len(comparison.folds)
    for text, times in comparison.warnings.items():
        items.append(f"Warning in {times} of {n_folds} folds, {text}")
    return items


def how_to_read(comparison: Comparison) -> str:
    """Explain the tables, their limits, and the detectors that failed."""
    return "\n".join(
        ["How to read this:", "", *(f"- {item}" for item in reading_items(comparison))]
    )


def reading_items(comparison: Comparison) -> list[str]:
    """The explanations of the tables, their limits, and the detectors that failed."""
    over_folds, *others = caveats(comparison)
    items = [METRICS, over_folds]
    if comparison.resampled.shape[1]:
        items.append(OVER_ROWS.format(comparison.resampled.shape[1]))
    return [*items, COLUMNS, *others]
