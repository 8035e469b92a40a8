"""Files of format 1, written when classes lived in other modules, still load and answer alike.

`before_the_move.zip` has files that the last version before the move wrote, with what their
estimators answered there: most of `saved_cases`, and estimators of `OTHERS` below.
"""

from __future__ import annotations

import json
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest

import skood
from skood._optional import is_installed
from skood.storage import read_manifest
from skood.storage._names import OLD_NAMES

from ..saved_cases import CASES, answer
from .files import texts_of

if not is_installed("skops"):
    pytest.skip("skops (extra 'io') is not installed", allow_module_level=True)

STORED = Path(__file__).with_name("before_the_move.zip")
with ZipFile(STORED) as _archive:
    NAMES = [Path(name).stem for name in _archive.namelist() if name.endswith(".skood")]
QUERIES = {case.name: case.Q for case in CASES}
COLOURS = np.array([["red", "s"], ["blue", "m"], ["red", None], ["blue", "s"]], dtype=object)
OTHERS = [
    "reference store",
    "categories",
    "memory map",  # rows of a numpy.memmap, divided by their lengths
    "joined kd",  # two of these, by partial_fit
    "dask",
    "fssd stream",  # of combine="sum", by partial_fit
    "partial fit",
    "prefer default",
    "novelty folds",
    "clusters",
    "faiss",
]
NEEDS = {"dask": "dask", "faiss": "faiss", "pynndescent": "pynndescent"}
# Their answers are labels or values of the rows. All others go through sums of products, or exp and
# log, which another machine's BLAS and processor may round in another way.
BIT_FOR_BIT = {"ASHTransformer", "ASH-p", "ReActTransformer", "ActiveNeuronSelector"}
BIT_FOR_BIT |= {"gate", "reference store"}
# Of what no class of a file could be made here: rows that stay in files elsewhere, what is on a
# device of torch, what lives on the workers of a cluster.
NOT_STORED = {"ChunkedRows", "ParquetRows", "ShardedIndex", "TensorSearch"}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("before_the_move")
    with ZipFile(STORED) as archive:
        archive.extractall(path)
    return path


def answer_of(estimator, name):
    if name == "reference store":
        return estimator.rows_
    if name == "categories":
        return estimator.transform(COLOURS)
    return answer(estimator, QUERIES.get(name, QUERIES["KNN"]))


@pytest.mark.filterwarnings("ignore:The file .* was saved by skood")
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.InconsistentVersionWarning")
@pytest.mark.parametrize("name", NAMES)
def test_a_file_from_before_answers_as_before(name, folder):
    module = NEEDS.get(name, "numpy" if name in (*QUERIES, *OTHERS) else "torch")
    pytest.importorskip(module, reason=f"{module} is not installed")
    path = folder / f"{name}.skood"
    manifest = read_manifest(path)
    assert manifest["format"] == "1.0"
    networks = manifest["modules"].values()
    trusted = [network["architecture"] for network in networks if network.get("architecture")]
    answer = answer_of(skood.load(path, trusted=trusted), name)
    with np.load(folder / "expected.npz") as answers:
        expected = answers[name]
    assert answer.dtype == expected.dtype
    if name in BIT_FOR_BIT:
        np.testing.assert_array_equal(answer, expected)
        return
    tolerance = 1e-5 if networks else 1e-9  # networks are of float32
    np.testing.assert_allclose(answer, expected, tolerance, tolerance * np.abs(expected).max())


def test_the_files_name_nearly_all_old_places(folder):
    named = set()

    def add(state):
        named.add(f"{state.get('__module__')}.{state.get('__class__')}")
        return state

    for name in NAMES:
        json.loads(texts_of(folder / f"{name}.skood")[1], object_hook=add)
    missing = {place.rpartition(".")[2] for place in OLD_NAMES.keys() - named}
    assert missing == NOT_STORED
