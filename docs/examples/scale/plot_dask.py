"""
Scores of a Dask array on a cluster
===================================

Rows that do not fit into memory, or that lie on several machines, can be a Dask array: chunks that
are made or read when they are needed. `~skood.parallel.DaskOutlierDetector` scores them lazily,
chunk by chunk, on threads or on a cluster. If the *training* rows do not fit on one machine either,
`~skood.parallel.ShardedIndex` leaves them on the workers. Our data are a day of readings, one chunk
an hour, in which a sensor slowly goes wrong.
"""

import dask.array as da
import matplotlib.pyplot as plt
import numpy as np
from dask.distributed import Client, LocalCluster

from skood import LCPOutlierDetector, make_outlier_detector
from skood.parallel import DaskOutlierDetector, ShardedIndex

# %%
# A cluster
# ---------
#
# The two workers run in this process, so this page starts no other process. On your own machine
# leave out ``processes=False``. For several machines give `Client` the address of their scheduler.
# The rest of the code stays the same.

cluster = LocalCluster(n_workers=2, threads_per_worker=1, processes=False, dashboard_address=":0")
client = Client(cluster)
print(len(client.nthreads()), "workers")

# %%
# Rows in chunks
# --------------
#
# A reading is a point on a curved sheet in 12 columns, with some noise. The workers make the
# chunks: this process never holds the whole day. From hour 14 on, one column drifts off the sheet
# in a part of the rows.

COLUMNS, HOURS, PER_HOUR = 12, 24, 800
bend = np.random.default_rng(0).normal(size=(4, COLUMNS))


def readings(seed, n, drift=0.0):
    """Rows of one hour; the drift moves one column in three of ten rows."""
    generator = np.random.default_rng(seed)
    angle = generator.uniform(0, 2 * np.pi, (n, 2))
    sheet = np.hstack([np.sin(angle), np.cos(angle)]) @ bend
    rows = sheet + 0.15 * generator.normal(size=(n, COLUMNS))
    rows[generator.random(n) < 0.3, 5] += drift
    return rows.astype(np.float32)


def day(first_seed, drifts, n):
    """A Dask array with one chunk for each drift."""
    hours = [client.submit(readings, first_seed + i, n, drift) for i, drift in enumerate(drifts)]
    chunks = [da.from_delayed(hour, (n, COLUMNS), np.float32) for hour in hours]
    return da.concatenate(chunks)


drifts = np.clip(0.25 * (np.arange(HOURS) - 13), 0, None)
train = day(0, np.zeros(4), 2_000)
new = day(100, drifts, PER_HOUR)
print("training rows:", train)
print("new rows:     ", new)

# %%
# A detector whose training rows stay on the workers
# --------------------------------------------------
#
# Each worker builds the index of its shards. A query asks all workers and keeps the nearest of all
# their answers, so the scores equal those of one index over all rows.

over_shards = LCPOutlierDetector(
    algorithm=ShardedIndex(), contamination=0.01, threshold_samples=2_000, random_state=0
)
detector = DaskOutlierDetector(over_shards).fit(train)
scores, flags = detector.score_samples(new), detector.predict(new)
print("not computed yet:", scores)

# %%
# Computed together, so that the rows are made and searched for only once:

scores, flags = da.compute(scores, flags)
flagged = (flags.reshape(HOURS, PER_HOUR) == -1).mean(axis=1)
for hour in (0, 13, 15, 18, 23):
    print(f"hour {hour:2d}: {100 * flagged[hour]:4.1f} % flagged, drift {drifts[hour]:.2f}")

# %%
# The same in one process, for comparison. The largest relative difference of a score is rounding
# error:

in_memory = LCPOutlierDetector(
    algorithm="exact", contamination=0.01, threshold_samples=2_000, random_state=0
).fit(train.compute())
expected = in_memory.score_samples(new.compute())
print(f"largest relative difference: {np.abs(scores / expected - 1).max():.1e}")

figure, (left, right) = plt.subplots(1, 2, figsize=(9.5, 3.8), layout="constrained")
hours = np.arange(HOURS)
left.bar(hours, 100 * flagged, color=np.where(drifts > 0, "#D55E00", "#0072B2"))
left.axhline(1, color="#555555", linewidth=1, linestyle="--")
left.annotate("contamination=0.01", (-0.5, 1), (0, 6), textcoords="offset points", color="#555555")
left.set(xlabel="hour (one chunk each)", ylabel="share flagged, %", title="A sensor drifts off")
spread = np.percentile(-scores.reshape(HOURS, PER_HOUR), [5, 50, 95], axis=1)
right.fill_between(hours, spread[0], spread[2], color="#0072B2", alpha=0.25, label="5 to 95 %")
right.plot(hours, spread[1], color="#0072B2", label="median")
right.axhline(-detector.offset_, color="#D55E00", linewidth=1.2, label="threshold")
right.set(xlabel="hour", ylabel="LCP (higher = stranger)", title="Scores by the hour")
right.legend(frameon=False, loc="upper left")
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()

# %%
# Pipelines, and fits by sums
# ---------------------------
#
# `~skood.parallel.DaskOutlierDetector` fits a Pipeline step by step. `~skood.PartialWhitener` and
# `~skood.MahalanobisOutlierDetector` need only sums over each chunk. scikit-learn's scalers take
# one chunk after another. A detector by neighbours keeps its rows in shards. Other steps are fitted
# in this process, with all rows.

pipeline = make_outlier_detector("embedding", contamination=0.01, threshold_samples=2_000)
pipeline.set_params(lcpoutlierdetector__algorithm=ShardedIndex())
whitened = DaskOutlierDetector(pipeline).fit(train)
shares = (whitened.predict(new[: 3 * PER_HOUR]).compute() == -1).mean()
print(f"flagged in the first three hours: {100 * shares:.1f} %")

# %%
# If a worker is lost, Dask starts another worker, builds the lost shards again from the training
# rows, and scores the lost chunks again. At the end we close the cluster.

client.close()
cluster.close()
