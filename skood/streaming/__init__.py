"""References of bounded size for streams of any length."""

from .reference_store import ReferenceStore

__all__ = ["ReferenceStore"]
