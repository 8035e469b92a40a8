"""The report of the experiment: requirements, one table for each pair of sets, the networks."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import fields

import numpy as np

from _common.lenet import LAYERS
from _common.report import judged, markdown_table
from _lcp_paper.lenet import NetResult
from _lcp_paper.methods import LOCAL, METHODS, WHITENED, WITH_ERROR, Metrics
from _lcp_paper.traces import Traces

# by in-distribution set, out-of-distribution set, method: a value for each seed
Results = dict[str, dict[str, dict[str, list[Metrics]]]]

_LOCAL_WITH_ERROR = next(name for name, other in WITH_ERROR.items() if other == LOCAL)
LEAST = [
    ("MNIST", "CIFAR-10 grey", WHITENED, 99.0),
    ("MNIST", "Fashion-MNIST", WHITENED, 94.5),
    ("Fashion-MNIST", "MNIST", LOCAL, 94.5),
    ("Fashion-MNIST", "MNIST", _LOCAL_WITH_ERROR, 96.5),
]
NET_AUROC, NET_FPR80, NET_ACCURACY = 98.8, 0.5, 90.0
_HEADS = {"auroc": "AUROC", "aupr_in": "AUPR-in", "aupr_out": "AUPR-out", "fpr95": "FPR95"}


def requirements(results: Results, nets: Sequence[NetResult]) -> str:
    """Each requirement of the tasks that ran, beside its measurement."""
    lines = []
    for inside, outside, method, least in LEAST:
        if inside in results:
            values = [metrics.auroc for metrics in results[inside][outside][method]]
            text = f"{inside} → {outside}, {method}: AUROC {_spread(values)}, at least {least}"
            lines.append(f"{text} {judged(np.mean(values) >= least)}")
    if nets:
        accuracies = [net.accuracy for net in nets]
        aurocs = [net.by_set["MNIST"][0].auroc for net in nets]
        fprs = [net.by_set["MNIST"][1] for net in nets]
        lines += [
            f"LeNet, test accuracy: {_spread(accuracies)}, each at least {NET_ACCURACY} "
            f"{judged(min(accuracies) >= NET_ACCURACY)}",
            f"LeNet, LayerEnsemble on four layers, MNIST: AUROC {_spread(aurocs)}, at least "
            f"{NET_AUROC} {judged(np.mean(aurocs) >= NET_AUROC)}",
            f"the same: FPR80 {_spread(fprs)}, at most {NET_FPR80} "
            f"{judged(np.mean(fprs) <= NET_FPR80)}",
        ]
    return "\n".join(f"- {line}" for line in lines)


def overview(results: Results) -> str:
    """Mean AUROC of all methods on all pairs."""
    pairs = [(inside, outside) for inside, by_outside in results.items() for outside in by_outside]
    head = ["method", *(f"{inside} → {outside}" for inside, outside in pairs)]
    rows = [
        [method, *(_mean(results[i][o][method], "auroc") for i, o in pairs)] for method in METHODS
    ]
    return markdown_table(head, rows)


def pair_tables(results: Results) -> str:
    parts = []
    for inside, by_outside in results.items():
        for outside, methods in by_outside.items():
            rows = [
                [method, *(_column_spread(values, field.name) for field in fields(Metrics))]
                for method, values in methods.items()
            ]
            head = ["method", *(_HEADS[field.name] for field in fields(Metrics))]
            parts += [f"### {inside} → {outside}", markdown_table(head, rows)]
    return "\n\n".join(parts)


def training_table(logs: dict[str, list[Traces]]) -> str:
    rows = [
        [
            name,
            ", ".join(
                f"{autoencoder.best_epoch} of {autoencoder.epochs}" for autoencoder in traces
            ),
            _spread([autoencoder.validation_loss for autoencoder in traces], digits=4),
            f"{sum(autoencoder.seconds for autoencoder in traces):.0f}",
        ]
        for name, traces in logs.items()
    ]
    return markdown_table(
        ["set", "best epoch of those made", "validation loss", "processor seconds"], rows
    )


def net_tables(nets: Sequence[NetResult]) -> str:
    head = ["Fashion-MNIST →", *_HEADS.values(), "FPR80", *(f"AUROC {name}" for name in LAYERS)]
    rows = []
    for outside in nets[0].by_set:
        pairs = [net.by_set[outside] for net in nets]
        row = [_column_spread([values for values, _ in pairs], field) for field in _HEADS]
        row += [_spread([fpr80 for _, fpr80 in pairs])]
        row += [_spread([net.layer_aurocs[outside][layer] for net in nets]) for layer in LAYERS]
        rows.append([outside, *row])
    accuracies = ", ".join(f"{net.accuracy:.2f}" for net in nets)
    seconds = [sum(net.training_seconds for net in nets), sum(net.seconds for net in nets)]
    text = (
        f"Test accuracies: {accuracies} %. {seconds[0]:.0f} seconds of processor time to train "
        f"all nets, {seconds[1]:.0f} to fit the ensembles and to score."
    )
    return f"{markdown_table(head, rows)}\n\n{text}"


def _mean(values: Sequence[Metrics], field: str) -> str:
    return f"{np.mean([getattr(value, field) for value in values]):.2f}"


def _column_spread(values: Sequence[Metrics], field: str) -> str:
    return _spread([getattr(value, field) for value in values])


def _spread(values: Sequence[float], digits: int = 2) -> str:
    """Mean, and standard deviation over seeds."""
    mean = f"{np.mean(values):.{digits}f}"
    return mean if len(values) == 1 else f"{mean} ± {np.std(values, ddof=1):.{digits}f}"
