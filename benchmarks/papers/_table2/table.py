"""The values of Table 2: metrics of each method on each set by each net."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from _table2.methods import Method
from _table2.tasks import Task
from skood.metrics import aupr_in, auroc, fpr_at_tpr

METRICS = ("AUROC", "AUPRC", "FPR80", "FPR95")


@dataclass
class Table:
    """All values, in %: by protocol, method and set, one row of metrics for each net."""

    task: Task
    n_nets: int
    n_trained: int  # of which an ensemble takes all but one
    accuracies: list[float] = field(default_factory=list)
    methods: dict[str, Method] = field(default_factory=dict)
    values: dict[str, dict[str, dict[str, list[tuple[float, ...]]]]] = field(default_factory=dict)

    def add(self, protocol: str, method: Method, scores: dict[str, np.ndarray]) -> None:
        self.methods[method.name] = method
        by_set = self.values.setdefault(protocol, {}).setdefault(method.name, {})
        if self.task.union:
            outside = {name: values for name, values in scores.items() if name}
            union = np.concatenate(list(outside.values()))
            scores = {"": scores[""], self.task.union: union, **outside}
        for name in scores:
            if name:
                by_set.setdefault(name, []).append(_metrics(scores[""], scores[name]))

    def mean(self, protocol: str, method: str, name: str) -> np.ndarray:
        """The metrics' means over the nets."""
        return np.mean(self.values[protocol][method][name], axis=0)

    @property
    def sets(self) -> list[str]:
        first = next(iter(next(iter(self.values.values())).values()))
        return list(first)

    def best(self, protocol: str) -> str:
        first = self.sets[0]
        methods = self.values[protocol]
        return max(methods, key=lambda method: self.mean(protocol, method, first)[0])


def _metrics(inside: np.ndarray, outside: np.ndarray) -> tuple[float, ...]:
    labels = np.repeat([1, -1], [len(inside), len(outside)])
    scores = np.r_[inside, outside]
    values = (
        auroc(labels, scores),
        aupr_in(labels, scores),
        fpr_at_tpr(labels, scores, tpr=0.8),
        fpr_at_tpr(labels, scores, tpr=0.95),
    )
    return tuple(100 * float(value) for value in values)
