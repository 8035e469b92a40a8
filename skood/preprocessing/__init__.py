"""Transformers that scale rows for distances or shape activations, and references of streams."""

from .active_neurons import ActiveNeuronSelector
from .ash import ASHTransformer
from .category_encoder import CategoryEncoder
from .normal_scores import NormalScoreTransformer
from .partial_whitener import PartialWhitener
from .react import ReActTransformer
from .reference_store import ReferenceStore
from .scale import SCALETransformer
from .table_scaler import TableScaler
from .table_schema import ColumnSchema

__all__ = [
    "ASHTransformer",
    "ActiveNeuronSelector",
    "CategoryEncoder",
    "ColumnSchema",
    "NormalScoreTransformer",
    "PartialWhitener",
    "ReActTransformer",
    "ReferenceStore",
    "SCALETransformer",
    "TableScaler",
]
