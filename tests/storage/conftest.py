"""A saved detector that the tests of files share."""

from __future__ import annotations

import pytest

import skood
from skood import KNNOutlierDetector

from ..detectors import rows


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved detector, small enough to be damaged often."""
    path = tmp_path_factory.mktemp("whole") / "detector.skood"
    skood.save(KNNOutlierDetector().fit(rows(20, 2)), path)
    return path
