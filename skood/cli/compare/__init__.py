"""Detectors side by side on given rows, some of which serve as OoD rows."""
