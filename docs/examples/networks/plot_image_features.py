"""
Images through a network
========================

The output of an image classifier's last hidden layer is a row of features.
`~skood.deep.TorchFeatureTransformer` makes such rows, as a step of a Pipeline, and leaves the
network unchanged. We compare detectors on these rows with two scores of the network's logits: the
largest softmax probability (MSP) and the energy.

The network is small and is trained here in a few seconds. Its figures are those of a small network
on small images; the benchmarks have larger networks.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from skood import KNNOutlierDetector, make_outlier_detector, make_outlier_pipeline
from skood.datasets import load_digits_ood
from skood.deep import EnergyScorer, MSPScorer, TorchFeatureTransformer
from skood.metrics import ood_report
from skood.plots import OODCurveDisplay

# sphinx_gallery_thumbnail_number = 2

# %%
# A small network
# ---------------
#
# The network classifies the digits 0 to 7. The digits 8 and 9 are near out-of-distribution (OoD)
# images, patches of photographs are far OoD images. Pixels are divided by 16 and get an axis for
# the channel.

digits = load_digits_ood()


def images(rows):
    return (rows / 16).astype(np.float32).reshape(-1, 1, 8, 8)


torch.manual_seed(0)
torch.set_num_threads(1)  # one thread is fastest for a network of this size
net = nn.Sequential(
    nn.Conv2d(1, 16, 3, padding=1), nn.ReLU(), nn.MaxPool2d(2),
    nn.Conv2d(16, 32, 3, padding=1), nn.ReLU(), nn.Flatten(),
    nn.Linear(32 * 16, 64), nn.ReLU(),
    nn.Linear(64, 8),
)  # fmt: skip
X, y = torch.from_numpy(images(digits.X_train)), torch.from_numpy(digits.y_train)
optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(15):
    for batch in torch.randperm(len(X)).split(32):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(X[batch]), y[batch]).backward()
        optimiser.step()
net.eval()
with torch.no_grad():
    answers = net(torch.from_numpy(images(digits.X_test))).argmax(dim=1).numpy()
print(f"accuracy on held-out digits 0 to 7: {100 * np.mean(answers == digits.y_test):.1f} %")

# %%
# Detectors on its features
# -------------------------
#
# ``layers="penultimate"``, the default, takes the inputs of the last linear layer. The preset for
# embeddings shortens rows in part, whitens them in part, and scores them by LCP. The scorers on
# logits take the network and the images. Look at the intervals before you rank the four scores:
# where the intervals overlap, other images might have given another order.

detectors = {
    "embedding preset": make_outlier_pipeline(
        TorchFeatureTransformer(net), *make_outlier_detector("embedding"), random_state=0
    ),
    "kNN": make_outlier_pipeline(
        TorchFeatureTransformer(net), KNNOutlierDetector(), random_state=0
    ),
    "MSP": MSPScorer(net),
    "energy": EnergyScorer(net),
}
inside = images(digits.X_test)
outside = {"near: digits 8 and 9": digits.X_near, "far: photographs": digits.X_far}
scores = {}
for name, detector in detectors.items():
    detector.fit(images(digits.X_train))
    scores[name] = {"ID": detector.score_samples(inside)}
    for kind, rows in outside.items():
        strange = scores[name][kind] = detector.score_samples(images(rows))
        labels = np.repeat([1, -1], [len(inside), len(strange)])
        both = np.concatenate([scores[name]["ID"], strange])
        report = ood_report(labels, both, n_bootstrap=200, random_state=0)
        low, high = 100 * report.auroc.low, 100 * report.auroc.high
        print(f"{name:17s} {kind:20s} AUROC {100 * report.auroc.value:5.1f} %", end=" ")
        print(f"({low:.1f} to {high:.1f}), FPR95 {100 * report.fpr95.value:5.1f} %")

kind = "near: digits 8 and 9"
labels = np.repeat([1, -1], [len(inside), len(digits.X_near)])
OODCurveDisplay.from_predictions(
    labels, {name: np.concatenate([part["ID"], part[kind]]) for name, part in scores.items()}
).plot()
plt.show()

# %%
# The strangest images
# --------------------
#
# The upper line shows the held-out digits 0 to 7 with the lowest scores of the preset, the lower
# line the eights and nines with the highest scores. The title of an image is the network's answer.


def show(line, rows, chosen, title):
    with torch.no_grad():
        guesses = net(torch.from_numpy(images(rows[chosen]))).argmax(dim=1).tolist()
    for ax, image, guess in zip(line, rows[chosen], guesses, strict=True):
        ax.imshow(image.reshape(8, 8), cmap="gray", vmin=0, vmax=16)
        ax.set_title(f"taken for {guess}", fontsize="small")
        ax.set(xticks=[], yticks=[])
    line[0].set_ylabel(title)


by_preset = scores["embedding preset"]
figure, axes = plt.subplots(2, 8, figsize=(9.0, 3.3), layout="constrained")
show(axes[0], digits.X_test, np.argsort(by_preset["ID"])[:8], "0 to 7,\nstrangest")
show(axes[1], digits.X_near, np.argsort(-by_preset[kind])[:8], "8 and 9,\nmost normal")
plt.show()

# %%
# A detector on features sees only what the network has kept. If the network takes an eight for a
# three, the features of the eight are like those of a three.
