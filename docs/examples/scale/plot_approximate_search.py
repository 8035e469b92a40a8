"""
Approximate neighbours
======================

The exact search compares a new row with every training row. An approximate index compares it with
some of them only, and may miss a neighbour. `~skood.neighbors.FaissIndex` takes the share of
neighbours to find, its ``target_recall``. It tunes itself to reach that share, and reports the
recall that it measured. We ask three questions: how much time does it save, do the scores change,
and can detectors share an index?

The exact search is fast too, so below about ten thousand rows there is little to save.
"""

import time

import matplotlib.pyplot as plt
import numpy as np
from sklearn.datasets import make_blobs

from skood import KNNOutlierDetector, LCPOutlierDetector
from skood.metrics import auroc
from skood.neighbors import ExactIndex, FaissIndex

# %%
# Rows
# ----
#
# The training rows have 48 columns and lie in 60 clusters: enough columns and clusters to show a
# difference. A strange row lies on the line between two rows of different clusters.

N, D = 60_000, 48
rows, cluster = make_blobs(N + 2000, D, centers=60, cluster_std=2.0, random_state=0)
rows = rows.astype(np.float32)
train, inside = rows[:N], rows[N : N + 1000]
pairs = np.arange(N + 1000, N + 2000).reshape(2, -1)
share = np.random.default_rng(0).uniform(0.0, 0.4, (500, 1))
outside = (rows[pairs[0]] * (1 - share) + rows[pairs[1]] * share).astype(np.float32)
outside = outside[cluster[pairs[0]] != cluster[pairs[1]]]
queries = np.concatenate([inside, outside])
labels = np.repeat([1, -1], [len(inside), len(outside)])


def seconds(work):
    """Result of a call, and the shortest of three runs."""
    spent = []
    for _ in range(3):
        start = time.perf_counter()
        result = work()
        spent.append(time.perf_counter() - start)
    return result, min(spent)


# %%
# Recall and time
# ---------------
#
# We build an index for each target. We search for the 15 nearest rows of all queries and compare
# them with the true ones, separately for queries like training rows and for strange queries.
# Strange queries matter most to a detector, and no training row is like them.

exact = ExactIndex(n_jobs=1).fit(train)
truth, exact_time = seconds(lambda: exact.query(queries, 15))


def recall(answers, chosen):
    pairs = zip(answers[chosen], truth.indices[chosen], strict=True)
    return np.mean([len(set(answer) & set(true)) for answer, true in pairs]) / 15


def lcp_auroc(index):
    detector = LCPOutlierDetector(algorithm=index, threshold_samples=200, random_state=0).fit(train)
    return 100 * auroc(labels, detector.score_samples(queries))


lines = [("exact", exact_time, 1.0, 1.0, lcp_auroc(exact))]
print("target   reported   ID rows   strange rows   query, ms   AUROC of LCP, %")
indexes = {}
for target in (0.6, 0.8, 0.95):
    index = indexes[target] = FaissIndex(target_recall=target, random_state=0, n_jobs=1).fit(train)
    neighbors, spent = seconds(lambda index=index: index.query(queries, 15))
    both = [recall(neighbors.indices, labels == kind) for kind in (1, -1)]
    lines.append((f"{target:.2f}", spent, *both, lcp_auroc(index)))
    print(f"{target:6.2f}   {index.recall_:8.3f}   {both[0]:7.3f}   {both[1]:12.3f}", end="")
    print(f"   {1000 * spent:9.1f}   {lines[-1][-1]:15.2f}")
print(f" exact   {1000 * exact_time:45.1f}   {lines[0][-1]:15.2f}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.0), layout="constrained")
names, times, of_inside, of_outside, areas = zip(*lines, strict=True)
left.plot(1000 * np.array(times), of_inside, "o", color="#0072B2", markersize=9, label="ID rows")
left.plot(
    1000 * np.array(times), of_outside, "s", color="#D55E00", markersize=9, markerfacecolor="none",
    markeredgewidth=2.0, label="strange rows",
)  # fmt: skip
for name, spent, value in zip(names, times, of_inside, strict=True):
    below = name == "exact"
    left.annotate(
        name if below else f"target {name}", (1000 * spent, value), (0, -20) if below else (12, 0),
        textcoords="offset points", ha="center" if below else "left", va="center",
    )  # fmt: skip
left.set(xlabel="time of all queries, ms", ylabel="recall of 15 neighbours", ylim=(0.5, 1.03))
left.set_xlim(0, 1100 * max(times))
left.legend(frameon=False, loc="lower right")
right.bar(range(len(names)), areas, color=["#777777", *["#0072B2"] * 3], width=0.6)
right.set_xticks(range(len(names)), names)
right.set(xlabel="target recall", ylabel="AUROC of LCP, %", ylim=(50, 101))
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# A row that is nearly as near mostly replaces a missed neighbour, so distances change little, and
# scores change less than recalls. The times hold for this machine, one thread and these rows:
# without clusters an index has to search nearly everywhere.
#
# One index for several detectors
# -------------------------------
#
# If an index is already fitted on the same rows, a detector uses it without another fit. So several
# detectors can share one index: it is built once, and its rows are in memory once.

index = indexes[0.95]
start = time.perf_counter()
lcp = LCPOutlierDetector(algorithm=index, threshold_samples=500, random_state=0).fit(train)
knn = KNNOutlierDetector(algorithm=index, threshold_samples=500, random_state=0).fit(train)
print(f"two detectors on one index: {time.perf_counter() - start:.2f} s")
print("the same index in both:", lcp.index_ is knn.index_)
start = time.perf_counter()
alone = LCPOutlierDetector(
    algorithm=FaissIndex(random_state=0, n_jobs=1), threshold_samples=500, random_state=0
).fit(train)
print(f"one detector with an index of its own: {time.perf_counter() - start:.2f} s")
print("same scores:", np.array_equal(lcp.score_samples(queries), alone.score_samples(queries)))
