"""Indexes of training rows: the k nearest, with true distances, nearest first."""

from ._base import NeighborIndex
from ._neighbors import Neighbors
from .exact import ExactIndex

__all__ = ["ExactIndex", "NeighborIndex", "Neighbors"]
