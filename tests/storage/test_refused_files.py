"""Files that `skood.load` refuses: damaged, of another kind, newer, or of types nobody trusts."""

from __future__ import annotations

import json
import os
import time
from importlib import import_module
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skood
from skood import KNNOutlierDetector
from skood._optional import is_installed
from skood.storage._container import new_container
from skood.storage._names import place_of
from skood.storage._types import ALLOWED_TYPES

from ..detectors import rows
from .files import rewritten

if not is_installed("skops"):
    pytest.skip("skops (extra 'io') is not installed", allow_module_level=True)

REFUSED = r"^The file '.*' is (not a file of skood\.save|damaged or cut short).*\.$"


@settings(max_examples=60)
@given(place=st.integers(0), bits=st.integers(1, 255))
def test_a_changed_byte_is_refused(saved, place, bits):
    content = bytearray(saved.read_bytes())
    content[place % len(content)] ^= bits
    damaged = saved.with_name("damaged.skood")
    damaged.write_bytes(content)
    with pytest.raises(ValueError, match=REFUSED):
        skood.load(damaged)


@settings(max_examples=30)
@given(share=st.floats(0, 1, exclude_max=True), more=st.binary(min_size=1, max_size=200))
def test_a_file_of_another_length_is_refused(saved, share, more):
    content = saved.read_bytes()
    damaged = saved.with_name("damaged.skood")
    for other in (content[: int(share * len(content))], content[:-1], content + more):
        damaged.write_bytes(other)
        with pytest.raises(ValueError, match=REFUSED):
            skood.load(damaged)


def test_files_of_another_kind_are_refused(saved, tmp_path):
    import pickle

    import skops.io

    detector = skood.load(saved)
    contents = [b"", pickle.dumps(detector), skops.io.dumps(StandardScaler()), b"a,b\n1,2\n" * 99]
    for content in contents:
        (tmp_path / "detector.skood").write_bytes(content)
        with pytest.raises(ValueError, match=r"^The file .* is not a file of skood.save, or"):
            skood.load(tmp_path / "detector.skood")
    with pytest.raises(FileNotFoundError):
        skood.load(tmp_path / "nothing.skood")
    with pytest.raises(OSError, match=r"directory|ermission"):
        skood.load(tmp_path)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no named pipes")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "detector.skood")
    for read in (skood.load, skood.storage.read_manifest):
        with pytest.raises(
            ValueError, match=r"not a file of skood\.save: it is not a regular file\.$"
        ):
            read(tmp_path / "detector.skood")


def test_a_clock_before_the_first_year_of_zip_files(tmp_path, monkeypatch):
    monkeypatch.setattr("time.localtime", lambda *_: time.gmtime(0))
    with pytest.raises(ValueError, match=r"^The clock of this machine is before 1980"):
        skood.save(KNNOutlierDetector(), tmp_path / "detector.skood")
    assert list(tmp_path.iterdir()) == []


def test_a_newer_format_is_refused_and_a_newer_minor_one_is_read(saved):
    path = rewritten(saved, lambda manifest: manifest.update(format="3.0"))
    with pytest.raises(ValueError, match=r"^The file '.*' has format 3\.0, written by .*: update"):
        skood.load(path)
    path = rewritten(saved, lambda manifest: manifest.update(format="2.7", news="of 2.7"))
    assert skood.load(path).n_neighbors == 10


def test_another_version_of_skood_is_warned_of(saved):
    path = rewritten(saved, lambda manifest: manifest["versions"].update(skood="99.0"))
    with pytest.warns(UserWarning, match=r"was saved by skood 99\.0, and this is skood") as caught:
        skood.load(path)
    assert caught[0].filename == __file__
    path = rewritten(saved, lambda manifest: manifest["versions"].update(numpy="99.0"))
    skood.load(path)  # NumPy keeps its arrays as they are


def test_a_member_that_the_manifest_does_not_mean_is_refused(saved):
    with ZipFile(saved) as archive:
        digest = json.loads(archive.read("manifest.json"))["members"]
    path = rewritten(saved, lambda _: None, {"estimator.skops": b"something else"})
    with ZipFile(path) as archive:
        manifest = json.loads(archive.read("manifest.json"))
    assert manifest["members"] != digest
    other = path.with_name("exchanged.skood")
    with ZipFile(path) as archive, new_container(other) as container:
        with container.member("estimator.skops") as file:
            file.write(archive.read("estimator.skops"))
        container._digests = digest
        container.finish({key: manifest[key] for key in ("format", "versions", "modules")})
    with pytest.raises(
        ValueError, match=r"^The estimator in '.*' cannot be read: The part 'estimator\.skops' of"
    ):
        skood.load(other)


def test_a_container_without_the_parts_is_refused(tmp_path):
    with new_container(tmp_path / "empty.skood") as container:
        container.finish({})
    with pytest.raises(
        ValueError, match=r"^The file .* but not the parts of a saved estimator: .*\.$"
    ):
        skood.load(tmp_path / "empty.skood")


class Halves(TransformerMixin, BaseEstimator):
    """A transformer that skood does not know."""

    def fit(self, X, y=None):  # noqa: ARG002
        return self

    def transform(self, X):
        return X / 2


def own_function(X):
    return X * 3


def test_types_that_are_not_known_are_refused_by_name_and_can_be_trusted(tmp_path):
    steps = Halves(), FunctionTransformer(own_function), KNNOutlierDetector()
    detector = make_pipeline(*steps).fit(rows())
    skood.save(detector, tmp_path / "own.skood")
    names = [f"{__name__}.Halves", f"{__name__}.own_function"]
    message = (
        rf"^The file '.*own\.skood' holds types that are not trusted: {', '.join(names)};.*\.$"
    )
    with pytest.raises(ValueError, match=message):
        skood.load(tmp_path / "own.skood")
    with pytest.raises(ValueError, match=rf"trusted: {__name__}\.own_function;"):
        skood.load(tmp_path / "own.skood", trusted=[Halves])
    with pytest.raises(ValueError, match=r"^The 'trusted' parameter of skood\.load must be a list"):
        skood.load(tmp_path / "own.skood", trusted="tests.storage.test_refused_files.Halves")
    for trusted in (names, [Halves, own_function]):
        loaded = skood.load(tmp_path / "own.skood", trusted=trusted)
        np.testing.assert_array_equal(loaded.score_samples(rows()), detector.score_samples(rows()))


@pytest.mark.parametrize(
    "call",
    [
        "os.system",
        "skood.save",  # public, but a function
        "skood.parts.save",
        "skood.storage.save",
        "skood.rows.lookup.RowLookup",  # where a class lives, and not what files call it
    ],
)
def test_a_file_cannot_name_what_to_call(call, saved, tmp_path):
    """A state that says "call os.system" is refused before anything is built."""
    module, _, name = call.rpartition(".")
    with ZipFile(saved) as archive:
        content = archive.read("estimator.skops")
    (tmp_path / "estimator.skops").write_bytes(content)
    marker = tmp_path / "called"
    calls = {
        "__class__": name,
        "__module__": module,
        "__loader__": "ConstructorFromReduceNode",
        "__id__": 1,
        "content": {
            "__class__": "tuple",
            "__module__": "builtins",
            "__loader__": "TupleNode",
            "__id__": 2,
            "content": [
                {
                    "__class__": "str",
                    "__module__": "builtins",
                    "__loader__": "JsonNode",
                    "__id__": 3,
                    "content": json.dumps(f"touch {marker}"),
                    "is_json": True,
                }
            ],
        },
    }
    with ZipFile(tmp_path / "estimator.skops") as archive:
        schema = json.loads(archive.read("schema.json"))
    with ZipFile(tmp_path / "other.skops", "w") as archive:
        kept = {key: schema[key] for key in ("protocol", "_skops_version")}
        archive.writestr("schema.json", json.dumps({**calls, **kept}))
    members = {"estimator.skops": (tmp_path / "other.skops").read_bytes()}
    path = rewritten(saved, lambda _: None, members)
    with pytest.raises(ValueError, match=rf"holds types that are not trusted: {call};"):
        skood.load(path)
    assert not marker.exists()


def test_the_types_allowed_are_there():
    of_some_versions = {"sklearn.compose._column_transformer._RemainderColsList"}
    for name in sorted(ALLOWED_TYPES - of_some_versions):
        module, _, kind = place_of(name).rpartition(".")
        if module.startswith("skood.deep") and not is_installed("torch"):
            continue
        if module == "skood.parallel" and not is_installed("distributed"):
            continue
        if module != "torch" or is_installed("torch"):
            assert isinstance(getattr(import_module(module), kind), type), name
