"""The state of an `FSSDScorer` for further inputs."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from .._validation import check_labels
from ..neighbors.index_choice import feasible_n_neighbors
from ._combination import fit_combination
from ._layer_profile import LayerProfile
from ._singularity import checked_noise
from .inputs import RawInputs, new_inputs
from .labels import is_in_distribution, split_by_label


@dataclass
class SingularityStream:
    """The inputs that set the threshold, and the inputs for the weights of the layers."""

    labels: NDArray | None  # of all inputs, with combine="logistic"
    inside: NDArray[np.intp]  # positions of the in-distribution inputs
    sampled: NDArray[np.intp]  # which of these set the threshold
    sample: RawInputs  # these inputs
    outside: RawInputs | None  # the others, with combine="logistic"

    @classmethod
    def begin(cls, scorer: Any, X: Any, y: Any) -> Self:
        """Keep the parts of the training inputs that further calls need."""
        inputs = new_inputs(scorer, X)
        inside, _, outside = split_by_label(scorer, inputs, y)
        sampled = np.searchsorted(inside, scorer.training_indices_)
        labels = None if outside is None else np.asarray(y)
        return cls(labels, inside, sampled, inputs[scorer.training_indices_], outside)

    def go_on(self, scorer: Any, X: Any, y: Any, noise: NDArray | None) -> None:
        """Add further inputs, and noise features if there are any."""
        inputs = new_inputs(scorer, X)
        added = self._inside_of(scorer, y, len(inputs))
        if noise is not None:
            _move_singularity(scorer, noise)
        n_all = len(self.inside) if self.labels is None else len(self.labels)
        n_before = len(self.inside)
        if self.labels is not None:
            n_all -= len(inputs)
        self.inside = np.concatenate([self.inside, n_all + added])
        drawn = scorer._draw_threshold_rows(len(self.inside), more=True)
        kept = np.flatnonzero(np.isin(self.sampled, drawn))
        new = added[drawn[drawn >= n_before] - n_before]
        self.sampled = drawn
        self.sample = self.sample[kept].joined(inputs[new])
        if self.outside is not None:
            others = np.setdiff1d(np.arange(len(inputs)), added)
            self.outside = self.outside.joined(inputs[others])
        scores = fit_combination(scorer, self.sample, np.arange(len(self.sample)), self.outside)
        scorer._set_threshold(self.inside[drawn], scores)

    def _inside_of(self, scorer: Any, y: Any, n: int) -> NDArray[np.intp]:
        """Whether each of n further inputs is in-distribution, by their labels."""
        if self.labels is None:
            scorer._add_classes(y, n)
            return np.arange(n)
        y = check_labels(y, n)
        # All labels so far together: the further ones may be of one kind.
        labels = None if y is None else np.concatenate([self.labels, y])
        inside = is_in_distribution(scorer, self.labels if labels is None else labels, labels)
        self.labels = labels
        return np.flatnonzero(inside[len(inside) - n :])


def take_in(scorer: Any, X: Any, y: Any, noise_features: Any) -> None:
    """Add the inputs of a later call of `partial_fit`."""
    noise = _further_noise(scorer, noise_features)
    if scorer.combine == "profile":
        _add_to_profile(scorer, X, y)
        return
    if not hasattr(scorer, "_stream"):
        raise ValueError(
            f"{type(scorer).__name__} with combine={scorer.combine!r} was fitted by fit, which "
            "keeps no inputs for partial_fit. Begin with partial_fit."
        )
    scorer._stream.go_on(scorer, X, y, noise)


def _further_noise(scorer: Any, noise_features: Any) -> NDArray | None:
    """Noise features of a later call, if they can still move the singularity."""
    if noise_features is None:
        return None
    noise = checked_noise(noise_features, len(scorer.singularity_))
    if scorer.combine == "profile" or not scorer._n_noise:
        raise ValueError(
            "The 'noise_features' parameter of FSSDScorer.partial_fit must be None after the first "
            "call, unless the first call had some and combine is not 'profile', which needs all "
            f"inputs again. Got {len(noise)} noise features instead."
        )
    return noise


def _add_to_profile(scorer: Any, X: Any, y: Any) -> None:
    """Add further inputs by their distances: the singularity stays."""
    inputs = new_inputs(scorer, X)
    profile: LayerProfile = scorer._combination
    n = len(profile.distances) + len(inputs)
    distances = scorer._layers.distances(inputs)
    scorer._add_classes(y, len(inputs))
    scorer.n_neighbors_ = feasible_n_neighbors(scorer, n)
    scorer._combination = profile = profile.extended(distances, inputs, scorer.n_neighbors_)
    drawn = scorer._draw_threshold_rows(n, more=True)
    scorer._set_threshold(drawn, profile.training_scores(drawn))


def _move_singularity(scorer: Any, noise: NDArray) -> None:
    """Make the singularity the mean of all noise features so far."""
    n = scorer._n_noise + len(noise)
    way = noise.mean(axis=0, dtype=np.float64) - scorer.singularity_
    scorer.singularity_ = scorer.singularity_ + way * (len(noise) / n)
    scorer._layers = replace(scorer._layers, singularity=scorer.singularity_)
    scorer._n_noise = n
