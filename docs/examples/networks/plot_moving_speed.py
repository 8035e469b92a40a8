r"""
The phases of a training
========================

Why should the distance from the features of noise find strange images? The paper on FSSD answers
with an observation about training. The features of images like the training images move fast, those
of strange images move slowly, and those of noise move least. So the distance from the noise is
about the movement of a feature since the first weights,

.. math:: \lVert F_t(x) - F^*_t \rVert \approx \lVert F_t(x) - F_0(x) \rVert .

`skood.deep.TrainingTrace` keeps the features at checkpoints of a training loop. We compare the two
sides layer by layer, and ask in which phase of the training the scores become useful. The pages of
results do the same with Fashion-MNIST.
"""

import matplotlib.pyplot as plt
import numpy as np
import torch
from scipy.stats import spearmanr
from torch import nn

from skood import LCPOutlierDetector
from skood.datasets import load_digits_ood
from skood.deep import TrainingTrace
from skood.metrics import auroc
from skood.plots import TrainingTraceDisplay

# %%
# Training, with checkpoints
# --------------------------
#
# The network learns the digits 0 to 7. The strange images are the digits 8 and 9. The trace makes
# its own noise, uniform in the range of the first kind of images. `recording` goes around the loop
# and counts the steps of the optimiser.

digits = load_digits_ood(n_far=0)


def images(rows):
    return torch.from_numpy((rows / 16).astype(np.float32).reshape(-1, 1, 8, 8))


torch.manual_seed(0)
torch.set_num_threads(1)  # one thread is fastest for a network of this size
net = nn.Sequential()
for name, module in {
    "conv1": nn.Conv2d(1, 16, 3, padding=1), "relu1": nn.ReLU(), "pool": nn.MaxPool2d(2),
    "conv2": nn.Conv2d(16, 32, 3, padding=1), "relu2": nn.ReLU(), "flat": nn.Flatten(),
    "dense": nn.Linear(32 * 16, 64), "hidden": nn.ReLU(), "logits": nn.Linear(64, 8),
}.items():  # fmt: skip
    net.add_module(name, module)
LAYERS = ["relu1", "relu2", "hidden", "logits"]

X, y = images(digits.X_train), torch.from_numpy(digits.y_train)
optimiser = torch.optim.Adam(net.parameters(), lr=1e-3)
kinds = {
    "digits 0 to 7": images(digits.X_test),
    "digits 8 and 9": images(digits.X_near),
    "training": X[:500],
}
trace = TrainingTrace(net, kinds, LAYERS, n_kernel_samples=20, n_projections=32, random_state=0)
with trace.recording(optimiser):
    for _ in range(15):
        for batch in torch.randperm(len(X)).split(32):
            optimiser.zero_grad()
            loss = nn.functional.cross_entropy(net(X[batch]), y[batch])
            loss.backward()
            optimiser.step()
print(f"loss in the last step: {loss.item():.3f}; checkpoints after the steps {trace.steps_}")

# %%
# Distance, movement and kernel
# -----------------------------
#
# The first row shows the distance from the singularity: the mean feature of the noise at the same
# checkpoint. The second shows the movement since the first weights. Lines are medians, and bands
# hold the middle half of the images. Where the observation holds, both pictures of a column look
# alike. The third row shows how much the neural tangent kernel of the layer has changed since the
# checkpoint before: fast in the first steps, slowly at the end.

_ = TrainingTraceDisplay.from_trace(trace)

# %%
# Do distance and movement rank images alike?
# -------------------------------------------
#
# The rank correlation of the two distances over known and strange images together, at each
# checkpoint but the first, where no feature has moved.

KNOWN, STRANGE = "digits 0 to 7", "digits 8 and 9"


def both(measured, layer):
    """Known and strange images together, a row for each checkpoint."""
    return np.hstack([measured(KNOWN, layer), measured(STRANGE, layer)])


figure, ax = plt.subplots(figsize=(6.6, 3.6), layout="constrained")
for layer, colour, marker in zip(
    LAYERS, ("#E69F00", "#CC79A7", "#009E73", "#0072B2"), "os^D", strict=True
):
    pairs = zip(both(trace.distances, layer)[1:], both(trace.movements, layer)[1:], strict=True)
    ranks = [spearmanr(distance, moved).statistic for distance, moved in pairs]
    ax.plot(trace.steps_[1:], ranks, color=colour, marker=marker, label=layer)
ax.axhline(0.0, color="#777777", linewidth=0.8)
ax.set(xscale="log", xlabel="step", ylabel="rank correlation", ylim=(-1.05, 1.05))
ax.spines[["top", "right"]].set_visible(False)
figure.legend(frameon=False, loc="outside right center")
plt.show()

# %%
# In which phase do scores become useful?
# ---------------------------------------
#
# FSSD's distance and LCP, both on the features of the layer `hidden` at the same checkpoint.

labels = np.repeat([1, -1], [len(kinds[KNOWN]), len(kinds[STRANGE])])
distances = both(trace.distances, "hidden")
changes = trace.kernel_changes("hidden", against="last")
print("step   kernel to the last   AUROC of FSSD   of LCP")
for at, step in enumerate(trace.steps_):
    features = {kind: trace.features_[kind]["hidden"][at] for kind in kinds}
    lcp = LCPOutlierDetector().fit(features["training"])
    scores = lcp.score_samples(np.vstack([features[KNOWN], features[STRANGE]]))
    fssd = 100 * auroc(labels, distances[at])
    print(f"{step:4d} {changes[at]:20.3f} {fssd:15.1f} {100 * auroc(labels, scores):8.1f}")

# %%
# The observation is about learnt classes, so it holds in the late layers. The first layers learn
# edges. Noise is full of edges, so its features move there too. In these layers the distance from
# the noise measures the edges of an image, not whether the network knows its kind.
