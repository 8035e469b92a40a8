"""Detectors side by side on given rows, some of which stand in for OoD rows."""
