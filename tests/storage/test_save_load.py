"""`skood.save` and `skood.load`: the same scores in a new process, and files that are refused."""

from __future__ import annotations

import json
import subprocess
import sys
import warnings
from importlib import import_module
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skood
from skood import KNNOutlierDetector, LayerEnsemble, OODGate
from skood._optional import is_installed
from skood.neighbors import PyNNDescentIndex
from skood.storage import read_manifest
from skood.storage._container import new_container
from skood.storage._types import ALLOWED_TYPES

from ..detectors import rows
from ..saved_cases import CASES, answer

if not is_installed("skops"):
    pytest.skip("skops (extra 'io') is not installed", allow_module_level=True)

ROOT = Path(__file__).parents[2]
needs_torch = pytest.mark.skipif(not is_installed("torch"), reason="torch is not installed")

# Fitted in one process and loaded in another one, which is told the rows but not how to fit.
IN_A_NEW_PROCESS = """
import json, sys, warnings
from pathlib import Path
import numpy as np
warnings.simplefilter("error")
import skood
from tests.saved_cases import CASES, answer
folder = Path(sys.argv[1])
for number, case in enumerate(CASES):
    trusted = json.loads((folder / f"{number}.json").read_text())
    loaded = skood.load(folder / f"{number}.skood", trusted=trusted)
    offset = getattr(loaded, "offset_", 0.0)
    np.savez(folder / f"{number}.npz", answer=answer(loaded, case.Q), offset=offset)
"""


def run_python(code, *arguments):
    return subprocess.run(
        [sys.executable, "-c", code, *map(str, arguments)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.fixture(scope="module")
def found_in_a_new_process(tmp_path_factory):
    """By the name of the case: what the estimator gives here, and what it gives there."""
    folder = tmp_path_factory.mktemp("saved")
    expected = {}
    for number, case in enumerate(CASES):
        estimator = case.make().fit(case.X, case.y)
        path = folder / f"{number}.skood"
        skood.save(estimator, path, architectures=case.architectures or None)
        modules = read_manifest(path)["modules"].values()
        trusted = [path for m in modules if (path := m.get("architecture")) is not None]
        (folder / f"{number}.json").write_text(json.dumps(trusted))
        expected[case.name] = answer(estimator, case.Q), getattr(estimator, "offset_", 0.0)
    done = run_python(IN_A_NEW_PROCESS, folder)
    assert done.returncode == 0, done.stderr
    found = {}
    for number, case in enumerate(CASES):
        with np.load(folder / f"{number}.npz") as arrays:
            found[case.name] = expected[case.name], (arrays["answer"], arrays["offset"])
    return found


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_bit_for_bit_in_a_new_process(case, found_in_a_new_process):
    (expected, offset), (found, offset_there) = found_in_a_new_process[case.name]
    assert found.dtype == expected.dtype
    np.testing.assert_array_equal(found, expected)
    np.testing.assert_array_equal(offset_there, offset)


@pytest.fixture(scope="module")
def saved(tmp_path_factory):
    """A saved detector, small enough to be damaged often."""
    path = tmp_path_factory.mktemp("whole") / "detector.skood"
    skood.save(KNNOutlierDetector().fit(rows(20, 2)), path)
    return path


REFUSED = r"^The file '.*' is (not one that skood\.save has written|damaged or cut short).*\.$"


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
        with pytest.raises(ValueError, match=r"^The file .* is not one that skood.save has writ"):
            skood.load(tmp_path / "detector.skood")
    with pytest.raises(FileNotFoundError):
        skood.load(tmp_path / "nothing.skood")
    with pytest.raises(OSError, match=r"directory|ermission"):
        skood.load(tmp_path)


def rewritten(path, change, members=None):
    """The file with another manifest or other members, and a checksum that is right."""
    other = path.with_name("rewritten.skood")
    with ZipFile(path) as archive, new_container(other) as container:
        manifest = json.loads(archive.read("manifest.json"))
        digests = manifest.pop("members")
        for name in digests:
            with container.member(name) as file:
                file.write((members or {}).get(name, archive.read(name)))
        change(manifest)
        container.finish(manifest)
    return other


def test_a_newer_format_is_refused_and_a_newer_minor_one_is_read(saved):
    path = rewritten(saved, lambda manifest: manifest.update(format="2.0"))
    with pytest.raises(ValueError, match=r"^The file '.*' has format 2\.0, written by .*: update"):
        skood.load(path)
    path = rewritten(saved, lambda manifest: manifest.update(format="1.7", news="of 1.7"))
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
    with pytest.raises(ValueError, match=r"^The part 'estimator\.skops' of the file is not the on"):
        skood.load(other)


def test_a_container_without_the_parts_is_refused(tmp_path):
    with new_container(tmp_path / "empty.skood") as container:
        container.finish({})
    with pytest.raises(ValueError, match=r"^The file .* but not the parts of one\.$"):
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
    with pytest.raises(ValueError, match=r"trusted: tests\.storage\.test_save_load\.own_function;"):
        skood.load(tmp_path / "own.skood", trusted=[Halves])
    with pytest.raises(ValueError, match=r"^The 'trusted' parameter of skood\.load must be a list"):
        skood.load(tmp_path / "own.skood", trusted="tests.storage.test_save_load.Halves")
    for trusted in (names, [Halves, own_function]):
        loaded = skood.load(tmp_path / "own.skood", trusted=trusted)
        np.testing.assert_array_equal(loaded.score_samples(rows()), detector.score_samples(rows()))


def test_a_file_cannot_name_what_to_call(saved, tmp_path):
    """A state that says "call os.system" is refused before anything is built."""
    with ZipFile(saved) as archive:
        content = archive.read("estimator.skops")
    (tmp_path / "estimator.skops").write_bytes(content)
    marker = tmp_path / "called"
    calls = {
        "__class__": "system",
        "__module__": "os",
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
    with pytest.raises(ValueError, match=r"holds types that are not trusted: os\.system;"):
        skood.load(path)
    assert not marker.exists()


def test_the_types_allowed_are_there():
    of_some_versions = {"sklearn.compose._column_transformer._RemainderColsList"}
    for name in sorted(ALLOWED_TYPES - of_some_versions):
        module, _, kind = name.rpartition(".")
        if module.startswith("skood.deep") and not is_installed("torch"):
            continue
        if module != "torch" or is_installed("torch"):
            assert isinstance(getattr(import_module(module), kind), type), name


def test_what_cannot_be_stored_is_said_in_saving_and_leaves_no_file(tmp_path):
    class Local(Halves):
        pass

    for own in (FunctionTransformer(lambda X: X), Local()):
        with pytest.raises(ValueError, match=r"^skood\.save stores functions and classes by name"):
            skood.save(make_pipeline(own, KNNOutlierDetector()), tmp_path / "a.skood")
    with pytest.raises(ValueError, match=r"^The KNNOutlierDetector holds what skops cannot store:"):
        skood.save(KNNOutlierDetector(metric=(i for i in "ab")), tmp_path / "a.skood")
    for other in (KNNOutlierDetector, {"a": 1}):
        with pytest.raises(
            ValueError, match=r"^The 'estimator' parameter of skood\.save must be an"
        ):
            skood.save(other, tmp_path / "a.skood")
    for function, parameter in ((skood.save, "architectures"), (skood.load, "modules")):
        path = tmp_path / "plain.skood"
        first = [KNNOutlierDetector()] if function is skood.save else []
        with pytest.raises(ValueError, match=rf"^The '{parameter}' parameter of .* without torch"):
            function(*first, path, **{parameter: {"net": None}})
        skood.save(KNNOutlierDetector(), path)
    assert [file.name for file in tmp_path.iterdir()] == ["plain.skood"]


def test_an_interrupted_write_leaves_the_old_file_whole(saved, tmp_path, monkeypatch):
    path = tmp_path / "detector.skood"
    path.write_bytes(saved.read_bytes())
    path.chmod(0o640)
    detector = KNNOutlierDetector().fit(rows(500, 20))
    for place in ("skops.io.dump", "skood.storage._container._seal", "pathlib.Path.replace"):
        with monkeypatch.context() as context:
            context.setattr(place, _interrupt)
            with pytest.raises(KeyboardInterrupt):
                skood.save(detector, path)
        assert path.read_bytes() == saved.read_bytes()
        assert [file.name for file in tmp_path.iterdir()] == ["detector.skood"]
    link = tmp_path / "link.skood"
    link.symlink_to(path)
    skood.save(detector, link)
    assert link.is_symlink()
    assert path.stat().st_mode & 0o777 == 0o640
    assert skood.load(path).n_features_in_ == 20
    with pytest.raises(OSError, match="No such file"):
        skood.save(detector, tmp_path / "no" / "such.skood")


def _interrupt(*_arguments):
    raise KeyboardInterrupt


def test_shared_parts_are_shared_again_and_the_estimator_is_left_alone(tmp_path):
    index = skood.neighbors.ExactIndex()
    labels = np.array([True, False] * 30)
    gate = OODGate(LogisticRegression(class_weight={False: 1.0, True: 2.0}), KNNOutlierDetector())
    ensemble = LayerEnsemble(KNNOutlierDetector(algorithm=index), groups=[2, 2]).fit(rows())
    gate.fit(rows(), labels)
    before = {name: id(part) for name, part in vars(gate).items()}
    skood.save(gate, tmp_path / "gate.skood")
    assert {name: id(part) for name, part in vars(gate).items()} == before
    assert skood.load(tmp_path / "gate.skood").classifier.class_weight == {False: 1.0, True: 2.0}
    skood.save(ensemble, tmp_path / "ensemble.skood")
    loaded = skood.load(tmp_path / "ensemble.skood")
    for one in (ensemble, loaded):
        for detector in one.detectors_.values():
            assert detector.index_.training_rows_ is detector.index_._lookup.X


@pytest.mark.parametrize(
    "view",
    [
        np.s_[:, ::-1],
        np.s_[:, 1:3],
        np.s_[::2, ::-3],
        np.s_[..., np.newaxis, 2:5],
        np.s_[3:3, ::2],
        np.s_[0, ::2],
        np.s_[::7],
    ],
    ids=str,
)
@pytest.mark.parametrize("dtype", [float, np.float32, "U3", bool])
def test_arrays_lie_in_memory_as_before(view, dtype, tmp_path):
    array = rows(6, 8).astype(dtype)[view]
    for one in (array, array.T):
        skood.save(KNNOutlierDetector(metric=one), tmp_path / "a.skood")
        found = skood.load(tmp_path / "a.skood").metric
        np.testing.assert_array_equal(found, one)
        assert found.dtype == one.dtype
        # of an array without gaps, such as a single row, the strides do not say where values are
        if one.size and not (one.flags.c_contiguous or one.flags.f_contiguous):
            assert found.strides == one.strides


def test_the_graph_of_pynndescent_is_left_out_with_a_warning(tmp_path):
    index = PyNNDescentIndex(exact_below=0, random_state=0)
    # What `fit` leaves behind after minutes of compilation, but for the graph itself: that is
    # built again, and compared, in test_approximate_indexes.
    vars(index).update(_structure=object(), n_samples_fit_=3)
    with pytest.warns(
        UserWarning, match=r"^PyNNDescentIndex stores its rows and seed, and"
    ) as told:
        skood.save(make_pipeline(KNNOutlierDetector(algorithm=index)), tmp_path / "a.skood")
    assert told[0].filename == __file__
    assert "_structure" in vars(index)
    loaded = skood.load(tmp_path / "a.skood").steps[0][1].algorithm
    assert "_structure" not in vars(loaded)
    assert loaded.n_samples_fit_ == 3


def hide(monkeypatch, module):
    """Make a package one that is not installed, as far as imports can tell."""
    for name in [n for n in sys.modules if n.partition(".")[0] == module]:
        monkeypatch.setitem(sys.modules, name, None)
    monkeypatch.setitem(sys.modules, module, None)


def missing(subject, module, extra):
    return (
        rf"^{subject} needs the module '{module}', which is not installed: "
        rf'run pip install "skood\[{extra}\]" to add it\.$'
    )


def test_without_skops(saved, monkeypatch):
    hide(monkeypatch, "skops")
    with pytest.raises(ImportError, match=missing("skood.save", "skops", "io")):
        skood.save(KNNOutlierDetector(), saved)
    with pytest.raises(ImportError, match=missing("skood.load", "skops", "io")):
        skood.load(saved)
    assert read_manifest(saved)["estimator"] == "skood.detectors.knn.KNNOutlierDetector"


@needs_torch
def test_without_torch_or_safetensors(tmp_path, monkeypatch):
    from skood.deep import MSPScorer

    from ..torch_nets import FunctionalNet

    path = tmp_path / "scorer.skood"
    skood.save(MSPScorer(FunctionalNet()), path)
    with monkeypatch.context() as context:
        hide(context, "safetensors")
        with pytest.raises(ImportError, match=missing(".* of torch modules", "safetensors", "io")):
            skood.save(MSPScorer(FunctionalNet()), path)
        with pytest.raises(ImportError, match=missing(".* of torch modules", "safetensors", "io")):
            skood.load(path, trusted=[FunctionalNet])
    assert skood.load(path, trusted=[FunctionalNet]).module.logits.in_features == 4
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(ImportError, match=missing("This file of torch modules", "torch", "torch")):
        skood.load(path)


def test_versions_of_scikit_learn_are_told_by_its_own_estimators(tmp_path):
    from sklearn.exceptions import InconsistentVersionWarning

    scaler = StandardScaler().fit(rows())
    path = tmp_path / "scaler.skood"
    skood.save(scaler, path)
    with ZipFile(path) as archive:
        content = archive.read("estimator.skops")
    (tmp_path / "estimator.skops").write_bytes(content)
    with ZipFile(tmp_path / "estimator.skops") as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    import sklearn

    version = json.dumps(json.dumps(sklearn.__version__)).encode()
    parts["schema.json"] = parts["schema.json"].replace(version, b'"\\"0.1\\""')
    with ZipFile(tmp_path / "other.skops", "w") as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    other = {"estimator.skops": (tmp_path / "other.skops").read_bytes()}
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(InconsistentVersionWarning, match=r"StandardScaler from version 0\.1"):
            skood.load(rewritten(path, lambda _: None, other))
