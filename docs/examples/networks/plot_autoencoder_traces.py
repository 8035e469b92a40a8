"""
Traces of an autoencoder
========================

An autoencoder learns to give a row back through a narrow code. The activations of the code's
neurons are the *activation trace* of the row. A strange row should leave a trace unlike those of
the training rows, or come back badly. A detector on traces sees the first, the reconstruction error
measures the second. We compare both, their sum, and a detector on the plain pixels. We use no
labels, neither of classes nor of strange rows.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from sklearn.decomposition import PCA

from skood import KNNOutlierDetector, LCPOutlierDetector, make_outlier_detector
from skood.datasets import load_digits_ood
from skood.deep import AutoencoderTransformer
from skood.metrics import ood_report
from skood.plots import ScoreDistributionDisplay

# %%
# Training
# --------
#
# `~skood.deep.AutoencoderTransformer` holds some rows out, and stops when the error on them no
# longer falls. With ``input_shape`` rows are images: all pixels have one scale. The code has 16
# neurons.

torch.set_num_threads(1)  # one thread is fastest for a network of this size
digits = load_digits_ood()
autoencoder = AutoencoderTransformer(
    (128,), n_components=16, input_shape=(8, 8), epochs=40, random_state=0
).fit(digits.X_train)
print(f"{autoencoder.n_epochs_} epochs, the best was number {autoencoder.best_epoch_}")

# %%
# Reconstructions
# ---------------
#
# The upper line shows rows, the lower line their reconstructions. Strange rows come back worse, but
# not all of them: a flat patch is easy.

kinds = {
    "digits 0 to 7": digits.X_test,
    "digits 8 and 9": digits.X_near,
    "photographs": digits.X_far,
}
figure, axes = plt.subplots(2, 12, figsize=(10.0, 2.3), layout="constrained")
for i, (name, rows) in enumerate(kinds.items()):
    some = rows[np.linspace(0, len(rows) - 1, 4).astype(int)]
    back = autoencoder.inverse_transform(autoencoder.transform(some))
    for j in range(4):
        for line, images in zip(axes, (some, back), strict=True):
            ax = line[4 * i + j]
            ax.imshow(images[j].reshape(8, 8), cmap="gray", vmin=0, vmax=16)
            ax.set(xticks=[], yticks=[])
            ax.spines[:].set(color=("#0072B2", "#E69F00", "#D55E00")[i], linewidth=2.5)
    axes[0, 4 * i].set_title(name, loc="left", fontsize="medium")
axes[0, 0].set_ylabel("in")
axes[1, 0].set_ylabel("out")
plt.show()

# %%
# The traces
# ----------
#
# The picture shows two of sixteen directions: those in which the training rows vary most. Here
# strange rows lie in the middle of the others. Detectors see all sixteen directions, so they can
# still find these rows.

pca = PCA(2).fit(autoencoder.transform(digits.X_train))
figure, ax = plt.subplots(figsize=(6.8, 4.6), layout="constrained")
looks = (("#0072B2", "o"), ("#E69F00", "s"), ("#D55E00", "^"))
for (name, rows), (colour, marker) in zip(kinds.items(), looks, strict=True):
    points = pca.transform(autoencoder.transform(rows))
    ax.plot(*points.T, marker, color=colour, markersize=4, alpha=0.6, label=name)
ax.set(xlabel="first direction", ylabel="second direction")
ax.spines[["top", "right"]].set_visible(False)
figure.legend(frameon=False, loc="outside upper center", ncols=3)
plt.show()

# %%
# Scores
# ------
#
# The sum adds the standardised logarithms of both distances, as `~skood.LayerEnsemble` adds up
# layers. Mean and scale come from the training rows. The detector leaves each training row itself
# out. The reconstruction error cannot do that: the autoencoder was trained on these rows.

traces = {name: autoencoder.transform(rows) for name, rows in kinds.items()}
train = autoencoder.transform(digits.X_train)
on_traces = {
    "LCP on traces": LCPOutlierDetector().fit(train),
    "preset on traces": make_outlier_detector("embedding").fit(train),
    "kNN on traces": KNNOutlierDetector().fit(train),
}
on_pixels = LCPOutlierDetector().fit(digits.X_train)


def standardised(distances, of_training):
    reference = np.log(of_training)
    return -(np.log(distances) - reference.mean()) / reference.std()


scores = {name: {} for name in (*on_traces, "reconstruction", "sum", "LCP on pixels")}
lcp, error_train = on_traces["LCP on traces"], autoencoder.reconstruction_error(digits.X_train)
for kind, rows in kinds.items():
    for name, detector in on_traces.items():
        scores[name][kind] = detector.score_samples(traces[kind])
    error = autoencoder.reconstruction_error(rows)
    scores["reconstruction"][kind] = -error
    scores["sum"][kind] = standardised(error, error_train) + standardised(
        -lcp.score_samples(traces[kind]), -lcp.training_scores_
    )
    scores["LCP on pixels"][kind] = on_pixels.score_samples(rows)

print("AUROC, %, with 95 % interval      digits 8 and 9              photographs")
for name, by_kind in scores.items():
    print(f"{name:18s}", end="")
    inside = by_kind["digits 0 to 7"]
    for kind in ("digits 8 and 9", "photographs"):
        labels = np.repeat([1, -1], [len(inside), len(by_kind[kind])])
        both = np.concatenate([inside, by_kind[kind]])
        report = ood_report(labels, both, n_bootstrap=100, random_state=0)
        value, low, high = (100 * number for number in report.auroc)
        print(f"        {value:5.1f} ({low:5.1f} to {high:5.1f})", end="")
    print()

_ = ScoreDistributionDisplay(scores["sum"], name="traces and reconstruction").plot()
plt.show()

# %%
# For pictures as small as these, pixels are good features, and a detector on pixels is hard to
# beat. Traces are for rows whose own columns are poor features: large images, and long rows of
# readings. The benchmark of the LCP paper's experiment has such data, and data on which traces
# fail.
