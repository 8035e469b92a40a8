"""Streams of rows over time: an alarm that you may check as often as you like."""

from ._change_point import ChangeEstimate
from ._update import MonitorUpdate
from .monitor import ConformalMonitor

__all__ = ["ChangeEstimate", "ConformalMonitor", "MonitorUpdate"]
