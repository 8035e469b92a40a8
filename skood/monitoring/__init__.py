"""Streams of rows over time: an alarm that may be looked at every minute."""

from ._change_point import ChangeEstimate
from ._update import MonitorUpdate
from .monitor import ConformalMonitor

__all__ = ["ChangeEstimate", "ConformalMonitor", "MonitorUpdate"]
