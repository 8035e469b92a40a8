"""What saved files call the classes of skood: the table, and files from before a class moves."""

from __future__ import annotations

import pkgutil
import re
import subprocess
import sys
from importlib import import_module
from importlib.util import find_spec
from types import ModuleType

import numpy as np
import pytest

import skood
from skood import KNNOutlierDetector
from skood._optional import is_installed
from skood.rows.lookup import RowLookup
from skood.storage import _names
from skood.storage._names import OLD_NAMES, STABLE_NAMES, place_of, stable_name

from ..detectors import CALIBRATED, DETECTORS, INDEXES, RAW_INPUTS, TRANSFORMERS, VARIANTS, rows
from .files import texts_of

needs_skops = pytest.mark.skipif(not is_installed("skops"), reason="skops is not installed")
TABLE = DETECTORS + VARIANTS + CALIBRATED + RAW_INPUTS + TRANSFORMERS
NEEDS = {"skood.deep": "torch", "skood.parallel": "distributed"}
ROOMS = [f"skood.{room.name}" for room in pkgutil.iter_modules(skood.__path__) if room.ispkg]
ABSTRACT = {
    "skood.detectors._neighbor_detector.NeighborOutlierDetector",
    "skood.neighbors.contract.NeighborIndex",
}


def is_importable(place):
    needed = NEEDS.get(".".join(place.split(".")[:2]))
    return needed is None or is_installed(needed)


def class_at(place):
    module, _, name = place.rpartition(".")
    return getattr(import_module(module), name)


def place_of_class(kind):
    return f"{kind.__module__}.{kind.__qualname__}"


def check_in_table(kind):
    name = stable_name(place_of_class(kind))
    assert name in STABLE_NAMES, f"{kind} has no name in skood/storage/_names.py"
    assert class_at(place_of(name)) is kind
    return name


@pytest.mark.parametrize("case", TABLE, ids=str)
def test_every_detector_and_transformer_has_a_name(case):
    check_in_table(type(case.make()))


@pytest.mark.parametrize("index", INDEXES)
def test_every_index_has_a_name(index):
    check_in_table(index)


@pytest.mark.parametrize("room", ["skood", *filter(is_importable, ROOMS)])
def test_every_public_estimator_and_splitter_has_a_name(room):
    module = import_module(room)
    for public in (getattr(module, name) for name in getattr(module, "__all__", ())):
        stored = hasattr(public, "get_params") or hasattr(public, "split")
        if isinstance(public, type) and stored and place_of_class(public) not in ABSTRACT:
            name = check_in_table(public)
            assert (public.__name__ in skood.__all__) == (name == f"skood.{public.__name__}")


def test_every_name_stands_for_one_class():
    classes = [class_at(place_of(name)) for name in STABLE_NAMES if is_importable(place_of(name))]
    assert len(classes) == len(set(classes)) > 40
    for kind in classes:
        assert isinstance(kind, type)  # a file may name no function, which it could call
        check_in_table(kind)
    assert find_spec("skood.parts") is None  # where a module of that name would have other classes


def test_every_old_place_stands_for_one_class():
    names = set(OLD_NAMES.values())
    assert names <= STABLE_NAMES
    assert len(names) == len(OLD_NAMES)
    assert not OLD_NAMES.keys() & STABLE_NAMES
    for old, name in OLD_NAMES.items():
        assert place_of(old) == place_of(name)


def test_other_classes_keep_their_places():
    for place in ("builtins.dict", "sklearn.pipeline.Pipeline", "mine.KNNOutlierDetector"):
        assert stable_name(place) == place_of(place) == place
    # a class of the same name elsewhere in skood is not the one of the table
    assert stable_name("skood.cli.files._layout.Layout") == "skood.cli.files._layout.Layout"


@pytest.fixture
def path(tmp_path):
    return tmp_path / "detector.skood"


def names_in(path):
    """All that a file calls something of skood."""
    return set(re.findall(r"skood\.[\w.]+", " ".join(texts_of(path))))


@needs_skops
def test_a_class_that_has_moved(path, monkeypatch):
    detector = KNNOutlierDetector().fit(rows())
    skood.save(detector, path)
    names = names_in(path)
    elsewhere = ModuleType("skood.elsewhere")
    monkeypatch.setitem(sys.modules, "skood.elsewhere", elsewhere)
    for kind in (KNNOutlierDetector, RowLookup):
        setattr(elsewhere, kind.__name__, kind)
        monkeypatch.delattr(sys.modules[kind.__module__], kind.__name__)
        monkeypatch.setattr(kind, "__module__", "skood.elsewhere")
    with pytest.raises(ValueError, match=r"^The estimator in .* cannot be built by skood"):
        skood.load(path)  # not before the table says where the part is
    name, place = "skood.parts.RowLookup", "skood.elsewhere.RowLookup"
    monkeypatch.setitem(_names._PLACES, name, place)
    monkeypatch.setitem(_names._PARTS_BY_PLACE, place, name)
    loaded = skood.load(path)
    assert type(loaded).__module__ == type(loaded.index_._lookup).__module__ == "skood.elsewhere"
    np.testing.assert_array_equal(loaded.score_samples(rows(9)), detector.score_samples(rows(9)))
    skood.save(loaded, path)
    assert names_in(path) == names


@needs_skops
def test_text_that_looks_like_a_class_stays(path):
    values = {"__module__": "skood.rows.lookup", "__class__": "RowLookup"}
    skood.save(KNNOutlierDetector(metric=values), path)
    assert skood.load(path).metric == values


@needs_skops
@pytest.mark.parametrize("case", [case for case in TABLE if hasattr(case.make(), "partial_fit")])
def test_files_after_partial_fit(case, path):
    parts = rows()[:40], rows()[40:]
    y = np.resize(case.labels, 40) if case.needs_labels else None
    estimator = case.make()
    for part in parts:
        estimator.partial_fit(part, None if y is None else y[: len(part)])
    skood.save(estimator, path)
    method = "score_samples" if hasattr(estimator, "score_samples") else "transform"
    answer, expected = (getattr(e, method)(rows(9)) for e in (skood.load(path), estimator))
    np.testing.assert_array_equal(answer, expected)


@needs_skops
def test_loading_imports_only_what_the_file_holds(path):
    skood.save(KNNOutlierDetector().fit(rows()), path)
    code = """
import sys, skood
detector = skood.load(sys.argv[1])
print(type(detector).__name__, *{"skood.deep", "skood.parallel"} & sys.modules.keys())
"""
    command = [sys.executable, "-c", code, str(path)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stdout.split()) == (0, ["KNNOutlierDetector"]), done.stderr


def test_the_module_that_save_and_load_came_from_is_there():
    code = """
import sys, skood, skood.persistence
assert "sklearn" not in sys.modules
assert skood.persistence.read_manifest is __import__("skood.storage").storage.read_manifest
from skood.persistence import load, read_manifest, save
assert (load, save) == (skood.load, skood.save)
assert not hasattr(skood.persistence, "nothing")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
