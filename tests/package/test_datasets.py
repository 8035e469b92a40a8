"""The embedded data: shapes, values, no row in two parts, same rows for the same seed."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

from skood._optional import install_command
from skood.datasets import load_digits_ood

from ..processes import run_python

PARTS = ("X_train", "X_test", "X_near", "X_far", "y_train", "y_test", "y_near", "y_far")


@pytest.fixture(scope="module")
def data():
    return load_digits_ood(random_state=0)


def rows_of(X):
    return {row.tobytes() for row in X}


def test_shapes_and_descr(data):
    assert set(data) == {*PARTS, "DESCR"}
    assert data.X_train.shape == (1010, 64)
    assert data.X_test.shape == (433, 64)
    assert data.X_near.shape == (354, 64)
    assert data.X_far.shape == (400, 64)
    for part in ("train", "test", "near", "far"):
        assert len(data[f"y_{part}"]) == len(data[f"X_{part}"])
        assert part in data.DESCR


def test_every_digit_is_used_once_and_keeps_its_label(data):
    X, y = load_digits(return_X_y=True)
    digit_of = dict(zip((row.tobytes() for row in X), y, strict=True))
    assert len(digit_of) == len(X)  # all digits differ, so a row identifies itself
    parts = [rows_of(data.X_train), rows_of(data.X_test), rows_of(data.X_near)]
    assert sum(len(part) for part in parts) == len(X)
    assert set.union(*parts) == set(digit_of)
    for part in ("train", "test", "near"):
        digits = [digit_of[row.tobytes()] for row in data[f"X_{part}"]]
        np.testing.assert_array_equal(digits, data[f"y_{part}"])


def test_classes_of_the_parts(data):
    assert set(data.y_train) == set(data.y_test) == set(range(8))
    assert set(data.y_near) == {8, 9}
    assert set(data.y_far) == {"china", "flower"}


def test_split_is_stratified(data):
    for digit in range(8):
        in_test, in_train = np.sum(data.y_test == digit), np.sum(data.y_train == digit)
        assert in_test / (in_test + in_train) == pytest.approx(0.3, abs=0.01)


def test_values_of_all_parts_have_the_range_of_the_digits(data):
    for part in ("X_train", "X_test", "X_near", "X_far"):
        assert data[part].dtype == np.float64
        assert data[part].min() >= 0
        assert data[part].max() <= 16
        np.testing.assert_array_equal(data[part], np.rint(data[part]))
    assert data.X_far.max() - data.X_far.min() > 12  # the photographs use most of it


def test_patches_are_contiguous_pieces_of_the_photographs():
    """Neighbouring pixels of a patch are alike in both directions; shuffled pixels would not be."""
    patches = load_digits_ood(n_far=2000).X_far.reshape(-1, 8, 8)
    overall = patches.std()
    for axis in (1, 2):
        assert np.diff(patches, axis=axis).std() < 0.5 * overall


def test_same_seed_same_rows_and_another_seed_other_rows(data):
    again, other = load_digits_ood(random_state=0), load_digits_ood(random_state=1)
    for part in PARTS:
        np.testing.assert_array_equal(again[part], data[part])
    assert rows_of(other.X_test) != rows_of(data.X_test)
    assert rows_of(other.X_far) != rows_of(data.X_far)


def test_split_does_not_depend_on_n_far(data):
    few = load_digits_ood(n_far=3, random_state=0)
    np.testing.assert_array_equal(few.X_train, data.X_train)
    assert few.X_far.shape == (3, 64)


def test_random_state_instance_and_none():
    drawn = load_digits_ood(n_far=0, random_state=np.random.RandomState(0))
    np.testing.assert_array_equal(drawn.y_test, load_digits_ood(n_far=0, random_state=0).y_test)
    assert load_digits_ood(n_far=0, random_state=None).X_test.shape == (433, 64)


def test_test_size():
    assert load_digits_ood(test_size=0.5, n_far=0).X_test.shape == (722, 64)


@pytest.mark.parametrize("test_size", [0.0, 1.0, -0.1, 1, "half", None, float("nan")])
def test_bad_test_size(test_size):
    message = r"The 'test_size' parameter of load_digits_ood must be a float in \(0, 1\)\. Got "
    with pytest.raises(ValueError, match=message):
        load_digits_ood(test_size=test_size)


@pytest.mark.parametrize("n_far", [-1, 2.0, True, "many", None])
def test_bad_n_far(n_far):
    message = r"The 'n_far' parameter of load_digits_ood must be an int in \[0, inf\)\. Got "
    with pytest.raises(ValueError, match=message):
        load_digits_ood(n_far=n_far)


@pytest.mark.parametrize("seed", ["foo", -1, 1.5, 2**32])
def test_bad_seed(seed):
    with pytest.raises(ValueError, match=r"'random_state' parameter of load_digits_ood must be an"):
        load_digits_ood(n_far=0, random_state=seed)


def test_more_patches_than_positions():
    with pytest.raises(ValueError, match=r"'n_far' .* an int from 0 to 531720, .* Got 531721 inst"):
        load_digits_ood(n_far=531_721)


@pytest.mark.parametrize(("n_far", "status"), [(400, 1), (0, 0)])
def test_without_pillow(n_far, status):
    code = (
        "import sys; sys.modules['PIL'] = None\n"
        "from skood.datasets import load_digits_ood\n"
        f"print(load_digits_ood(n_far={n_far}).X_far.shape)"
    )
    done = run_python(code)
    assert done.returncode == status
    if n_far == 0:
        assert done.stdout.strip() == "(0, 64)"
    else:
        assert done.stderr.strip().splitlines()[-1] == (
            "ImportError: Decoding the photographs of load_digits_ood needs the module 'PIL', "
            f"which is not installed: run {install_command('plots')} (the extra 'plots')."
        )
