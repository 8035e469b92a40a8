"""Explanations of scores: the neighbours of a row, and the share of each feature."""

from ._explain import explain, reaches_inputs
from ._explanation import Explanation, numbered_names
from ._linear_map import LinearMap, Selection
from ._neighbors import ExplainedNeighbors
from .expected import Categories, ExpectedValues

__all__ = [
    "Categories",
    "ExpectedValues",
    "ExplainedNeighbors",
    "Explanation",
    "LinearMap",
    "Selection",
    "explain",
    "numbered_names",
    "reaches_inputs",
]
