"""scikit-learn's tags of an estimator that scores the layers of its feature extractor."""

from __future__ import annotations

from typing import Any

from sklearn.utils import get_tags


def extractor_tags(owner: Any, tags: Any) -> Any:
    """The owner's tags: it takes what its extractor takes, and may need labels.

    Parameters
    ----------
    owner : estimator
        Its parameters `feature_extractor` and `combine` decide.
    tags : Tags
        Its tags so far, which are changed.
    """
    if owner.feature_extractor is not None:
        tags.input_tags = get_tags(owner.feature_extractor).input_tags
    tags.target_tags.required = owner.combine == "logistic"
    return tags
