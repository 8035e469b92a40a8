"""
Saving a detector and loading it elsewhere
==========================================

`skood.save` writes a fitted estimator into a file of arrays, and `skood.load` builds it again.
Loading runs no code of the file: it refuses types that are not skood's, scikit-learn's or NumPy's,
unless you trust them by name. A pickle runs all code that its author put there.

We save a detector, load it in another process, compare the scores, damage the file, and compare the
sizes of files.
"""

import subprocess
import sys
import tempfile
from pathlib import Path

import matplotlib.pyplot as plt
import numpy as np
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skood
from skood.datasets import load_digits_ood

folder = Path(tempfile.mkdtemp())
digits = load_digits_ood()
rows = np.vstack([digits.X_test, digits.X_near, digits.X_far])

detector = skood.make_outlier_detector("embedding").fit(digits.X_train)
skood.save(detector, folder / "detector.skood")
print(f"{(folder / 'detector.skood').stat().st_size / 1e6:.2f} MB")

# %%
# In another process
# ------------------
#
# The other process knows only the file and the rows.

np.save(folder / "rows.npy", rows)
program = """
import sys, numpy, skood
detector = skood.load(sys.argv[1])
numpy.save(sys.argv[3], detector.score_samples(numpy.load(sys.argv[2])))
"""
files = [folder / name for name in ("detector.skood", "rows.npy", "scores.npy")]
subprocess.run([sys.executable, "-c", program, *files], check=True)
before, after = detector.score_samples(rows), np.load(folder / "scores.npy")
print("same scores, bit for bit:", np.array_equal(before, after))

# %%
# A damaged file, and one that brings its own code
# ------------------------------------------------
#
# We change one byte. The file holds a checksum, so `~skood.load` reports the damage instead of
# building half a detector.

content = bytearray((folder / "detector.skood").read_bytes())
content[len(content) // 2] ^= 1
(folder / "damaged.skood").write_bytes(content)
try:
    skood.load(folder / "damaged.skood")
except ValueError as error:
    print(str(error).replace(str(folder), "..."))


# %%
# A function of your own is code, so the file stores only its name. To load the file, one must have
# the function and allow it to run by ``trusted=``.


def root(X):
    """Square roots make large and small pixels more alike."""
    return np.sqrt(X)


pipeline = skood.make_outlier_pipeline(FunctionTransformer(root), skood.KNNOutlierDetector())
skood.save(pipeline.fit(digits.X_train), folder / "with_function.skood")
try:
    skood.load(folder / "with_function.skood")
except ValueError as error:
    print(str(error).replace(str(folder), "..."))

# %%
# The size of a file
# ------------------
#
# Detectors by neighbours and by kernels hold their training rows, since they compare a new row with
# them. The Mahalanobis distance holds means and matrices of the columns, for any number of rows.

kinds = {
    "LCP": skood.LCPOutlierDetector(),
    "kNN": skood.KNNOutlierDetector(),
    "LOF": skood.LOFOutlierDetector(),
    "KD": skood.KernelDensityOutlierDetector(),
    "MD": skood.MahalanobisOutlierDetector(),
}
sizes = {}
for name, kind in kinds.items():
    sizes[name] = []
    for dtype in (np.float64, np.float32):
        pipeline = skood.make_outlier_pipeline(StandardScaler(), kind, random_state=0)
        pipeline.fit(digits.X_train.astype(dtype))
        skood.save(pipeline, folder / "sized.skood")
        sizes[name].append((folder / "sized.skood").stat().st_size / 1e3)
    print(f"{name:4s} {sizes[name][0]:6.0f} kB of float64, {sizes[name][1]:6.0f} kB of float32")

figure, (left, right) = plt.subplots(1, 2, figsize=(9.0, 4.0), layout="constrained")
left.plot(before, after, "o", color="#0072B2", markersize=4, alpha=0.5)
left.axline((0.0, 0.0), slope=1.0, color="#777777", linewidth=0.8)
left.set(xlabel="score here", ylabel="score after loading in another process")
left.set_title(f"{np.sum(before != after)} of {len(before):,} scores differ", fontsize="medium")
places = np.arange(len(sizes))
for shift, part, label, colour in (
    (-0.2, 0, "fitted on float64", "#0072B2"),
    (0.2, 1, "fitted on float32", "#E69F00"),
):
    right.bar(
        places + shift, [size[part] for size in sizes.values()], 0.4, color=colour, label=label
    )
right.set_xticks(places, sizes)
right.set(ylabel="file, kB", ylim=(0, 1.3 * max(map(max, sizes.values()))))
right.set_title(f"{digits.X_train.shape[0]:,} training rows of 64 columns", fontsize="medium")
right.legend(frameon=False)
for ax in (left, right):
    ax.spines[["top", "right"]].set_visible(False)
plt.show()
