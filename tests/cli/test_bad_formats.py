"""Odd files of JSON lines, Arrow and Parquet, packed ones, odd options: as `test_bad_files`."""

from __future__ import annotations

import sys

import pytest

pa = pytest.importorskip("pyarrow", reason="pyarrow (extra 'io') is not installed")
if sys.platform == "win32" or not hasattr(pa, "json_"):  # pyarrow 19
    pytest.skip("the files need named pipes and types of Arrow", allow_module_level=True)

from .bad_files import RIGHT, outcomes  # noqa: E402
from .bad_formats import FormatCases  # noqa: E402


def test_odd_formats_and_options_end_in_a_right_answer_or_one_sentence(tmp_path):
    found = outcomes(30, 1, tmp_path, FormatCases)
    assert [(text, said) for text, said in found if said not in RIGHT] == []
    assert {said for _, said in found} == set(RIGHT)
