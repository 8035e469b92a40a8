"""`skood.save` and `skood.load`: the same scores in a new process, and what cannot be stored."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import warnings
from pathlib import Path
from zipfile import ZipFile

import numpy as np
import pytest
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

import skood
from skood import KNNOutlierDetector, LayerEnsemble, OODGate
from skood._optional import is_installed
from skood.neighbors import PyNNDescentIndex
from skood.storage import read_manifest
from skood.storage._names import STABLE_NAMES

from ..detectors import rows
from ..saved_cases import CASES, answer
from .files import rewritten, texts_of

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
def saved_cases(tmp_path_factory):
    """The folder of the saved cases; and, by their names, what the estimators give here."""
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
    return folder, expected


@pytest.fixture(scope="module")
def answers_in_a_new_process(saved_cases):
    """By the name of the case: the estimator's answer in this process, and in a new one."""
    folder, expected = saved_cases
    done = run_python(IN_A_NEW_PROCESS, folder)
    assert done.returncode == 0, done.stderr
    answers = {}
    for number, case in enumerate(CASES):
        with np.load(folder / f"{number}.npz") as arrays:
            answers[case.name] = expected[case.name], (arrays["answer"], arrays["offset"])
    return answers


@pytest.mark.parametrize("case", CASES, ids=str)
def test_the_same_bit_for_bit_in_a_new_process(case, answers_in_a_new_process):
    (expected, offset), (answer, offset_there) = answers_in_a_new_process[case.name]
    assert answer.dtype == expected.dtype
    np.testing.assert_array_equal(answer, expected)
    np.testing.assert_array_equal(offset_there, offset)


@pytest.mark.parametrize("number", range(len(CASES)), ids=map(str, CASES))
def test_files_name_classes_of_skood_by_stable_names(number, saved_cases):
    manifest, schema = texts_of(saved_cases[0] / f"{number}.skood")
    packages = {name.rpartition(".")[0] for name in STABLE_NAMES}
    assert set(re.findall(r"skood\.[\w.]+", manifest)) <= STABLE_NAMES
    assert set(re.findall(r"skood\.[\w.]+", schema)) <= packages


def test_what_cannot_be_stored_is_said_in_saving_and_leaves_no_file(tmp_path):
    class Local(TransformerMixin, BaseEstimator):
        pass

    for unstorable in (FunctionTransformer(lambda X: X), Local()):
        with pytest.raises(ValueError, match=r"^skood\.save stores functions and classes by name"):
            skood.save(make_pipeline(unstorable, KNNOutlierDetector()), tmp_path / "a.skood")
    with pytest.raises(
        ValueError, match=r"^The KNNOutlierDetector holds an object that skops cannot store:"
    ):
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
    for estimator in (ensemble, loaded):
        for detector in estimator.detectors_.values():
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
    for saved in (array, array.T):
        skood.save(KNNOutlierDetector(metric=saved), tmp_path / "a.skood")
        loaded = skood.load(tmp_path / "a.skood").metric
        np.testing.assert_array_equal(loaded, saved)
        assert loaded.dtype == saved.dtype
        # of an array without gaps, such as a single row, the strides do not say where values are
        if saved.size and not (saved.flags.c_contiguous or saved.flags.f_contiguous):
            assert loaded.strides == saved.strides


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
        rf"run python -m pip install .* \(the extra '{extra}'\)\.$"
    )


def test_without_skops(saved, monkeypatch):
    hide(monkeypatch, "skops")
    with pytest.raises(ImportError, match=missing("skood.save", "skops", "io")):
        skood.save(KNNOutlierDetector(), saved)
    with pytest.raises(ImportError, match=missing("skood.load", "skops", "io")):
        skood.load(saved)
    assert read_manifest(saved)["estimator"] == "skood.KNNOutlierDetector"


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
