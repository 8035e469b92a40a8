"""
Every layer sees other features
===============================

Early layers of a network see edges and brightness, late layers see the classes. An image may be
strange in some layers only, and nobody knows beforehand in which. `~skood.LayerEnsemble` fits a
detector to each layer and adds up the standardised scores. It needs no strange images.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from torch import nn

from skood import LayerEnsemble, LCPOutlierDetector
from skood.datasets import load_digits_ood
from skood.deep import TorchFeatureTransformer
from skood.metrics import auroc
from skood.plots import LayerScoreDisplay

# %%
# A network and strange images
# ----------------------------
#
# The network classifies the digits 0 to 7. The strange images are other digits, mirrored digits,
# digits with noise in their pixels, and patches of photographs.

digits = load_digits_ood()


def images(rows):
    return (rows / 16).astype(np.float32).reshape(-1, 1, 8, 8)


train, inside = images(digits.X_train), images(digits.X_test)
rng = np.random.default_rng(0)
noise = rng.normal(0.0, 0.2, inside.shape).astype(np.float32)
strange = {
    "other digits": images(digits.X_near),
    "mirrored": inside[..., ::-1].copy(),
    "noisy": np.clip(inside + noise, 0, 1),
    "photographs": images(digits.X_far),
}

torch.manual_seed(0)
torch.set_num_threads(1)  # one thread is fastest for a network of this size
net = nn.Sequential()
for name, module in {
    "conv1": nn.Conv2d(1, 16, 3, padding=1), "relu1": nn.ReLU(), "pool": nn.MaxPool2d(2),
    "conv2": nn.Conv2d(16, 32, 3, padding=1), "relu2": nn.ReLU(), "flat": nn.Flatten(),
    "dense": nn.Linear(32 * 16, 64), "hidden": nn.ReLU(), "logits": nn.Linear(64, 8),
}.items():  # fmt: skip
    net.add_module(name, module)
X, y = torch.from_numpy(train), torch.from_numpy(digits.y_train)
optimiser = torch.optim.Adam(net.parameters(), lr=3e-3)
for _ in range(12):
    for batch in torch.randperm(len(X)).split(32):
        optimiser.zero_grad()
        nn.functional.cross_entropy(net(X[batch]), y[batch]).backward()
        optimiser.step()

# %%
# One detector a layer
# --------------------
#
# One forward pass turns the layers' outputs into rows; maps become their mean over the pixels. The
# score of a layer is the standardised logarithm of its detector's score: 0 for the mean training
# image. The ensemble's score is the sum over the layers.

layers = TorchFeatureTransformer(net, ["relu1", "relu2", "hidden", "logits"])
ensemble = LayerEnsemble(LCPOutlierDetector(), feature_extractor=layers).fit(train)

# %%
# For noisy digits, mainly the first layer gives low scores. A column is an image, and dark is
# strange.

labels = np.repeat([1, -1], [len(inside), len(strange["noisy"])])
LayerScoreDisplay.from_estimator(ensemble, np.concatenate([inside, strange["noisy"]]), labels)
plt.show()

# %%
# Layer by layer
# --------------
#
# The other way to combine layers is ``combine="logistic"``: a logistic regression learns weights of
# the layers from labelled strange images, here from a half of the noisy digits.

logistic = LayerEnsemble(LCPOutlierDetector(), feature_extractor=layers, combine="logistic")
known = strange["noisy"][::2]
logistic.fit(np.concatenate([train, known]), np.repeat([1, -1], [len(train), len(known)]))
test = {**strange, "noisy": strange["noisy"][1::2]}

lines = [*ensemble.layer_names_, "sum", "weighed for noise"]
table = np.empty((len(lines), len(test)))
for j, rows in enumerate(test.values()):
    kind = np.repeat([1, -1], [len(inside), len(rows)])
    both = np.concatenate([inside, rows])
    by_layer = ensemble.layer_scores(both).T
    for i, scores in enumerate(
        [*by_layer, ensemble.score_samples(both), logistic.score_samples(both)]
    ):
        table[i, j] = 100 * auroc(kind, scores)

figure, ax = plt.subplots(figsize=(7.4, 4.2), layout="constrained")
image = ax.imshow(table, cmap="cividis", vmin=50, vmax=100, aspect="auto")
for (i, j), value in np.ndenumerate(table):
    ax.text(
        j, i, f"{value:.1f}", ha="center", va="center", color="white" if value < 80 else "black"
    )
ax.set_xticks(range(len(test)), test)
ax.set_yticks(range(len(lines)), lines)
ax.axhline(len(ensemble.layer_names_) - 0.5, color="white", linewidth=3)
ax.tick_params(length=0)
figure.colorbar(image, ax=ax, label="AUROC, %", extend="min")
plt.show()

# %%
# No layer is best for all kinds. The sum is near the best layer for most kinds. It falls behind if
# one layer alone sees the difference, since the other layers then only add noise. Weights that were
# learnt on one kind are good for that kind, and may cost a lot on other kinds. These weights rely
# on the layer in which noise shows:

for name, weight in zip(logistic.layer_names_, logistic.coef_, strict=True):
    print(f"{name:7s} {weight:6.2f}")
