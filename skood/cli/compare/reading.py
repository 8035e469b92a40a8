"""What the numbers of a comparison mean, and what they do not."""

from __future__ import annotations

from .comparison import Comparison

METRICS = (
    "AUROC and both AUPR: higher is better. FPR95: share of OoD rows that pass where 95 % of the "
    "ID rows pass, lower is better. AUPR depends on how many rows of each kind are tested."
)
OVER_FOLDS = (
    "Intervals over folds are Student's, cut off at 0 and 100. All folds come from this one data "
    "set and share training rows, so they say nothing of other data and are rather too narrow."
)
OVER_ROWS = (
    "`rows`: interval over {} bootstrap resamples of the test rows; the fitted detectors and what "
    "was left out stay as they are."
)
COLUMNS = (
    "`best leads by`: difference in AUROC on the same folds, `lead rows`: in the same resamples. "
    "`wins`: folds with the largest AUROC (shared if equal). `rank`: mean over folds. Seconds: "
    "mean of a fold."
)
NEAR = (
    "{} left out are near OoD rows, of the same kind of data as the others; what wins on them by "
    "little may lose on rows that are far away."
)
CAVEATS = {
    "classes": (
        NEAR.format("Classes"),
        "Detectors are fitted with the classes of the training rows: `md` takes the distance to "
        "the nearest class, the others do not use them.",
    ),
    "clusters": (
        NEAR.format("Clusters"),
        "Clusters lie apart by construction, so all figures are flattered, those of detectors that "
        "go by distance the most. Real labels say more.",
    ),
    "labelled": (
        "All folds test on the same -1 rows, so that intervals over folds can be far too narrow: "
        "those over rows count as well.",
    ),
}


def how_to_read(comparison: Comparison) -> str:
    """List what the tables show, what they leave open, and what went wrong.

    Parameters
    ----------
    comparison : Comparison
        What `compare_detectors` found.

    Returns
    -------
    str
        Items of a Markdown list.
    """
    items = [METRICS, OVER_FOLDS]
    if comparison.resampled.shape[1]:
        items.append(OVER_ROWS.format(comparison.resampled.shape[1]))
    items += [COLUMNS, *CAVEATS[comparison.protocol.kind]]
    items += [f"Not compared: {name}. {text}" for name, text in comparison.failures.items()]
    n_folds = len(comparison.folds)
    for text, times in comparison.warnings.items():
        items.append(f"Warning in {times} of {n_folds} folds, {text}")
    return "\n".join(["How to read this:", "", *(f"- {item}" for item in items)])
