"""Bad arguments of public callables: a right answer, or one sentence that names the argument."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
from sklearn.preprocessing import StandardScaler

from skood import (
    KernelDensityOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    OutlierPipeline,
)
from skood._optional import is_installed
from skood.model_selection import LeaveClassesOut

from ..detectors import DETECTORS, rows
from .bad_arguments import outcomes

SEEDED = [case for case in DETECTORS if "random_state" in case.make().get_params()]


@pytest.mark.parametrize("kinds", ["measures", "plots", "estimators", "others"])
def test_bad_arguments_end_in_one_sentence(kinds):
    assert [found for found in outcomes(150, 0, kinds) if found[3]] == []


@pytest.mark.parametrize("seed", ["foo", -1, 1.5])
@pytest.mark.parametrize("case", SEEDED, ids=str)
def test_a_seed_is_checked_where_nothing_is_drawn(case, seed):
    detector = case.make().set_params(random_state=seed)
    with pytest.raises(ValueError, match=r"^The 'random_state' parameter of .* must be an int in"):
        detector.fit(rows(), np.resize(case.labels, 60) if case.needs_labels else None)


@pytest.mark.parametrize("n_jobs", [10**30, 0, np.array([1, 2]), "2", True])
def test_n_jobs(n_jobs):
    with pytest.raises(
        ValueError, match=r"^The 'n_jobs' parameter of .* must be an int in \[1, 10000"
    ):
        KNNOutlierDetector(algorithm="exact", n_jobs=n_jobs).fit(rows())


def test_numbers_that_numpy_does_not_know():
    for value in (Fraction(1, 3), 10**400):
        with pytest.raises(ValueError, match=r"^The 'contamination' parameter of KNN.*\(0, 0\.5\]"):
            KNNOutlierDetector(contamination=value).fit(rows())
    with pytest.raises(ValueError, match=r"^The 'n_splits' parameter of LeaveClassesOut must be"):
        next(LeaveClassesOut(10**400).split(rows(), np.resize([0, 1, 2], 60)))


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("size", [1e306, 2e307])
def test_numbers_too_large_for_their_squares(size):
    with pytest.raises(ValueError, match=r"power of two\.$"):
        MahalanobisOutlierDetector().fit(rows() * size)


@pytest.mark.parametrize("size", [1e-12, 1e-100])
def test_a_bandwidth_that_makes_all_scores_tie_is_warned_of(size, recwarn):
    KernelDensityOutlierDetector().fit(rows())
    KernelDensityOutlierDetector().fit(np.ones((40, 3)))
    KernelDensityOutlierDetector().fit([[0.0], [1.0]])  # tie by symmetry
    assert not recwarn.list
    with pytest.warns(UserWarning, match=r"^All rows lie within .*e-\d+ bandwidths") as caught:
        KernelDensityOutlierDetector().fit(rows() * size)
    assert caught[0].filename == __file__


@pytest.mark.parametrize("steps", [["a"] * 5, [("a",)], [("a", StandardScaler(), 3)]])
def test_steps_that_are_no_pairs(steps):
    with pytest.raises(ValueError, match="'steps' parameter of OutlierPipeline must be a list of"):
        OutlierPipeline(steps).fit(rows())


def test_a_whole_number_beyond_those_of_numpy_is_a_weight():
    wide, narrow = (LCPOutlierDetector(variance_weight=w).fit(rows()) for w in (10**30, 1e30))
    np.testing.assert_array_equal(wide.score_samples(rows(5)), narrow.score_samples(rows(5)))


@pytest.mark.skipif(not is_installed("torch"), reason="torch is not installed")
def test_rows_and_widths_of_an_autoencoder():
    from skood.deep import AutoencoderTransformer

    with pytest.raises(ValueError, match="X must hold numbers for AutoencoderTransformer"):
        AutoencoderTransformer(epochs=1).fit([[1, 2], [3]])
    for change in ({"channels": np.array(3.0)}, {"hidden": [[1], [2, 3]]}):
        with pytest.raises(ValueError, match="sequence of ints in"):
            AutoencoderTransformer(epochs=1, **change).fit(rows())
