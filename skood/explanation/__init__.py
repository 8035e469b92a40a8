"""Why a row has the score that it has: its neighbours, and each feature's share."""

from ._explain import explain, reaches_inputs
from ._explanation import Explanation, numbered_names
from ._linear_map import LinearMap, Selection
from ._neighbors import ExplainedNeighbors

__all__ = [
    "ExplainedNeighbors",
    "Explanation",
    "LinearMap",
    "Selection",
    "explain",
    "numbered_names",
    "reaches_inputs",
]
