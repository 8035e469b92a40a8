"""Real data to try detectors on, from files that scikit-learn carries: no download."""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits, load_sample_images
from sklearn.model_selection import train_test_split
from sklearn.utils import Bunch

from skood._optional import import_optional
from skood._validation import check_float, check_int, random_generator

SIDE = 8  # the digits are 8 x 8 pixels
TOP = 16.0  # their pixels have values from 0 (paper) to 16 (ink)
FIRST_NEAR_DIGIT = 8

# ITU-R BT.601: the brightness of red, green and blue for the eye.
LUMA = np.array([0.299, 0.587, 0.114])

DESCR = """\
Digits with near and far out-of-distribution rows
-------------------------------------------------
Every row is a grey picture of 8 x 8 pixels, flattened to 64 features with whole values from 0 to
16.

X_train, X_test   handwritten digits 0 to 7 (scikit-learn's load_digits), split at random with the
                  same share of every digit in both parts: the in-distribution rows
X_near            handwritten digits 8 and 9 of the same writers: near out-of-distribution rows
X_far             patches of two photographs (scikit-learn's load_sample_images), at random
                  positions, grey, scaled to 0 to 16: far out-of-distribution rows

y_train, y_test and y_near hold the digit, y_far the name of the photograph.
"""


def load_digits_ood(
    *,
    test_size: float = 0.3,
    n_far: int = 400,
    random_state: int | np.random.RandomState | None = 0,
) -> Bunch:
    """Load digits 0 to 7 as in-distribution rows, with near and far out-of-distribution rows.

    The near rows are the digits 8 and 9, the far rows are patches of photographs. All data come
    from files that scikit-learn carries: no download.

    Parameters
    ----------
    test_size : float, default=0.3
        Held-out share of the rows with digits 0 to 7, in (0, 1).
    n_far : int, default=400
        Number of photograph patches, all at different positions. Decoding the photographs needs
        Pillow, which the extra ``plots`` brings; 0 patches need no Pillow.
    random_state : int, RandomState instance or None, default=0
        Draws the split, then the patches, so the split does not depend on `n_far`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        With the attributes

        X_train, X_test : ndarray of shape (n_train, 64), (n_test, 64)
            The two parts of the digits 0 to 7, values 0 to 16.
        X_near : ndarray of shape (354, 64)
            The digits 8 and 9.
        X_far : ndarray of shape (n_far, 64)
            The photograph patches.
        y_train, y_test, y_near : ndarray of int
            The digit of each row.
        y_far : ndarray of str
            The photograph of each patch, ``"china"`` or ``"flower"``.
        DESCR : str
            A description of the data.

    Raises
    ------
    ValueError
        If a parameter is not valid.
    ImportError
        If `n_far` is not 0 and Pillow is not installed.

    Examples
    --------
    >>> from skood.datasets import load_digits_ood
    >>> data = load_digits_ood(random_state=0)
    >>> data.X_train.shape, data.X_test.shape
    ((1010, 64), (433, 64))
    >>> data.X_near.shape, data.X_far.shape
    ((354, 64), (400, 64))
    """
    check_float("load_digits_ood", "test_size", test_size, "(0, 1)")
    check_int("load_digits_ood", "n_far", n_far, 0)
    random = random_generator("load_digits_ood", random_state)
    X, y = load_digits(return_X_y=True)
    near = y >= FIRST_NEAR_DIGIT
    X_train, X_test, y_train, y_test = train_test_split(
        X[~near], y[~near], test_size=test_size, stratify=y[~near], random_state=random
    )
    X_far, y_far = _photograph_patches(n_far, random)
    return Bunch(
        X_train=X_train,
        X_test=X_test,
        X_near=X[near],
        X_far=X_far,
        y_train=y_train,
        y_test=y_test,
        y_near=y[near],
        y_far=y_far,
        DESCR=DESCR,
    )


def _photograph_patches(n_patches: int, random: np.random.RandomState) -> tuple:
    """Grey patches at distinct random positions, and the names of their photographs."""
    if n_patches == 0:
        return np.empty((0, SIDE * SIDE)), np.empty(0, dtype="<U6")
    import_optional("PIL", "plots", needed_by="Decoding the photographs of load_digits_ood")
    photographs = load_sample_images()
    names = np.array([Path(name).stem for name in photographs.filenames])
    # Digits have whole values. Fractions would give the patches away to a detector.
    grey = np.rint(np.stack(photographs.images) @ LUMA * (TOP / 255.0))
    windows = np.lib.stride_tricks.sliding_window_view(grey, (SIDE, SIDE), axis=(1, 2))
    n_positions = int(np.prod(windows.shape[:3]))
    if n_patches > n_positions:
        raise ValueError(
            f"The 'n_far' parameter of load_digits_ood must be an int from 0 to {n_positions}, the "
            f"number of positions in the photographs. Got {n_patches} instead."
        )
    drawn = random.choice(n_positions, size=n_patches, replace=False)
    photograph, top, left = np.unravel_index(drawn, windows.shape[:3])
    return windows[photograph, top, left].reshape(n_patches, -1), names[photograph]
