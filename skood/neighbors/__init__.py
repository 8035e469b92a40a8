"""Indexes of training rows: the k nearest rows with true distances, nearest first."""

from ._neighbors import Neighbors
from .contract import NeighborIndex
from .exact import ExactIndex
from .faiss_index import FaissIndex
from .kd_tree import KDTreeIndex
from .pynndescent_index import PyNNDescentIndex

__all__ = [
    "ExactIndex",
    "FaissIndex",
    "KDTreeIndex",
    "NeighborIndex",
    "Neighbors",
    "PyNNDescentIndex",
]
