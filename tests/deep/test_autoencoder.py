"""The autoencoder: what it learns, of what input, and that its rows are independent."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sklearn.decomposition import PCA
from sklearn.pipeline import make_pipeline
from sklearn.utils.estimator_checks import check_estimator

from skood import KNNOutlierDetector

from ..detectors import rows

torch = pytest.importorskip("torch", reason="torch (extra 'torch') is not installed")

from skood.deep._input_scaling import fit_scaling  # noqa: E402

from .autoencoders import FLAT, IMAGES, one_thread, small  # noqa: E402, F401

TRAIN, TEST = IMAGES[:300], IMAGES[300:]

# What it learns


def test_check_estimator():
    results = check_estimator(small(), on_fail="raise", on_skip=None)
    skipped = {r["check_name"] for r in results if r["status"] != "passed"}
    assert skipped <= {"check_array_api_input"}  # array-API input is not asked for


def test_a_linear_autoencoder_comes_close_to_the_principal_components():
    """They are its best solution (Baldi and Hornik 1989)."""
    autoencoder = small((), 8, epochs=80, learning_rate=3e-3, scaling="global").fit(FLAT[:300])
    components = PCA(8).fit(FLAT[:300])
    back = components.inverse_transform(components.transform(FLAT[300:]))
    best = ((FLAT[300:] - back) ** 2).mean() / autoencoder.scale_**2
    assert best < 0.4
    assert autoencoder.reconstruction_error(FLAT[300:]).mean() < 1.1 * best


@pytest.mark.parametrize(
    "parameters",
    [{}, {"architecture": "conv", "channels": (8, 16), "epochs": 15}, {"scaling": "feature"}],
    ids=["dense", "conv", "by feature"],
)
def test_held_out_digits_are_reconstructed_and_noise_is_not(parameters):
    autoencoder = small((64,), 16, **{"epochs": 40, **parameters}).fit(TRAIN)
    error = autoencoder.reconstruction_error(TEST)
    by_feature = autoencoder.mean_.size > 1
    centre = TRAIN.mean(axis=0) if by_feature else TRAIN.mean()
    scale = autoencoder.scale_.reshape(TRAIN.shape[1:]) if by_feature else autoencoder.scale_
    of_the_mean = (((TEST - centre) / scale) ** 2).mean(axis=(1, 2))
    assert error.mean() < 0.6 * of_the_mean.mean()
    noise = np.random.default_rng(0).permuted(TEST.reshape(60, 64), axis=1).reshape(60, 8, 8)
    assert np.median(autoencoder.reconstruction_error(noise)) > np.quantile(error, 0.95)


def test_reconstruction_error_is_the_mean_squared_difference_in_scaled_units():
    autoencoder = small().fit(TRAIN)
    back = autoencoder.inverse_transform(autoencoder.transform(TEST))
    expected = (((TEST - back) / autoencoder.scale_) ** 2).mean(axis=(1, 2))
    np.testing.assert_allclose(autoencoder.reconstruction_error(TEST), expected, rtol=1e-4)


def test_denoising_shrinks_white_columns_by_half():
    """For x and noise of variance 1 the best estimate of x from x + noise is half of it."""
    X = np.random.default_rng(0).normal(size=(4000, 2))
    options = {"epochs": 6, "learning_rate": 0.01}
    slopes = []
    for denoising in (0.0, 1.0):
        autoencoder = small((), 2, denoising=denoising, **options).fit(X)
        back = autoencoder.inverse_transform(autoencoder.transform(X))
        slopes.append((X * back).sum() / (X * X).sum())
    assert slopes == pytest.approx([1.0, 0.5], abs=0.06)


def test_sign_trace():
    plain = small().fit(FLAT)
    signs = small(output="sign").fit(FLAT)
    np.testing.assert_array_equal(signs.transform(FLAT), np.sign(plain.transform(FLAT)))
    assert set(np.unique(signs.transform(FLAT))) == {-1.0, 1.0}
    np.testing.assert_array_equal(
        signs.reconstruction_error(FLAT), plain.reconstruction_error(FLAT)
    )
    with pytest.raises(ValueError, match=r"output='sign'\) has no inverse: the decoder needs"):
        signs.inverse_transform(signs.transform(FLAT))


# Scale of the input


def test_units_of_the_columns_do_not_matter():
    X, units = rows(), np.array([1e-9, 1.0, 1e3, 1e9])
    plain, other = small().fit(X), small().fit(X * units + 7 * units)
    np.testing.assert_allclose(
        other.transform(X * units + 7 * units), plain.transform(X), atol=1e-4
    )
    back = other.inverse_transform(other.transform(X * units + 7 * units))
    np.testing.assert_allclose(
        back / units - 7, plain.inverse_transform(plain.transform(X)), atol=1e-4
    )


@pytest.mark.parametrize("unit", [1e-150, 1e150])
@pytest.mark.parametrize("scaling", ["feature", "global"])
def test_any_unit(unit, scaling):
    X = rows()
    plain, other = (small(scaling=scaling).fit(x) for x in (X, X * unit))
    np.testing.assert_allclose(other.transform(X * unit), plain.transform(X), atol=1e-4)
    np.testing.assert_allclose(
        other.reconstruction_error(X * unit), plain.reconstruction_error(X), rtol=1e-3
    )


def test_scaling_is_the_mean_and_standard_deviation():
    X = rows(500, 3) * [1.0, 10.0, 100.0] + 5
    mean, scale = fit_scaling(X, per_feature=True)
    np.testing.assert_allclose(mean, X.mean(axis=0))
    np.testing.assert_allclose(scale, X.std(axis=0))
    mean, scale = fit_scaling(X.astype(np.float32), per_feature=False)
    np.testing.assert_allclose((mean, scale), ([X.mean()], [X.std()]), rtol=1e-6)


def test_images_have_one_scale_and_flat_rows_one_a_column():
    assert small(epochs=1).fit(IMAGES).scale_.shape == (1,)
    assert small(epochs=1, input_shape=(8, 8)).fit(FLAT).scale_.shape == (1,)
    assert small(epochs=1).fit(FLAT).scale_.shape == (64,)
    assert small(epochs=1, scaling="global").fit(FLAT).scale_.shape == (1,)
    assert small(epochs=1, scaling="feature").fit(IMAGES).scale_.shape == (64,)


def test_constant_columns_and_pixels_are_not_blown_up():
    X = np.hstack([rows(), np.full((60, 2), 0.1)])
    autoencoder = small().fit(X)
    np.testing.assert_array_equal(autoencoder.scale_[4:], 1.0)
    np.testing.assert_allclose(autoencoder.mean_[4:], 0.1)
    assert (FLAT.std(axis=0) == 0).any()
    for inputs in (IMAGES, FLAT, np.ones((30, 3)), np.zeros((30, 3))):
        trace = small().fit(inputs).transform(inputs)
        assert np.isfinite(trace).all()
        assert np.abs(trace).max() < 50


@pytest.mark.parametrize("far", [1e30, 1e150, 1e308])
def test_far_rows_stay_finite(far):
    autoencoder = small().fit(rows())
    X = np.array([[far, -far, far, far], [0.0, 0.0, 0.0, far]])
    assert np.isfinite(autoencoder.transform(X)).all()
    error = autoencoder.reconstruction_error(X)
    assert np.isfinite(error).all()
    assert error.min() > 1e20


# Shapes and types of the input


@pytest.mark.parametrize("architecture", ["dense", "conv"])
def test_images_in_every_form_give_the_same(architecture):
    options = {"architecture": architecture, "channels": (4,)}
    by_image = small(**options).fit(IMAGES)
    by_channel = small(**options).fit(IMAGES[:, None])
    by_row = small(**options, input_shape=(1, 8, 8)).fit(FLAT)
    assert by_image.input_shape_ == by_channel.input_shape_ == by_row.input_shape_ == (1, 8, 8)
    trace = by_image.transform(IMAGES)
    for other, inputs in ((by_channel, IMAGES[:, None]), (by_row, FLAT), (by_image, FLAT)):
        np.testing.assert_array_equal(other.transform(inputs), trace)
        assert other.n_features_in_ == 64
    assert by_image.inverse_transform(trace).shape == (360, 8, 8)
    assert by_channel.inverse_transform(trace).shape == (360, 1, 8, 8)
    assert by_row.inverse_transform(trace).shape == (360, 64)


@pytest.mark.parametrize("shape", [(3, 7, 5), (2, 1, 9), (1, 6, 6)])
def test_convolutions_take_any_height_and_width(shape):
    X = np.random.default_rng(0).normal(size=(20, *shape))
    autoencoder = small(architecture="conv", channels=(4, 5, 6), hidden=()).fit(X)
    assert autoencoder.inverse_transform(autoencoder.transform(X)).shape == X.shape


def test_the_type_of_the_rows_is_that_of_the_trace():
    X = rows()
    assert small(epochs=1).fit(X).transform(X).dtype == np.float64
    autoencoder = small(epochs=1).fit(X.astype(np.float32))
    trace = autoencoder.transform(X.astype(np.float32))
    assert trace.dtype == autoencoder.inverse_transform(trace).dtype == np.float32
    assert autoencoder.reconstruction_error(X.astype(np.float32)).dtype == np.float64
    pixels = small(epochs=1).fit(IMAGES.astype(np.uint8))
    assert pixels.transform(IMAGES.astype(np.uint8)).dtype == np.float32
    np.testing.assert_array_equal(
        pixels.transform(IMAGES.astype(np.uint8)), small(epochs=1).fit(IMAGES).transform(IMAGES)
    )


def test_tensors_are_rows_too():
    X = torch.from_numpy(IMAGES)
    np.testing.assert_array_equal(
        small().fit(X).transform(X), small().fit(IMAGES).transform(IMAGES)
    )


def test_names_and_frames():
    frame = pd.DataFrame(rows(), columns=list("abcd"))
    autoencoder = small(epochs=1).set_output(transform="pandas").fit(frame)
    out = autoencoder.transform(frame)
    assert list(out.columns) == [f"autoencodertransformer{i}" for i in range(3)]
    np.testing.assert_array_equal(autoencoder.inverse_transform(out).shape, (60, 4))
    with pytest.raises(ValueError, match="Feature names must be in the same order"):
        autoencoder.transform(frame[["b", "a", "c", "d"]])
    assert clone(autoencoder).fit_transform(frame).columns[0] == "autoencodertransformer0"


def test_rows_of_another_shape():
    autoencoder = small(epochs=1).fit(IMAGES)
    with pytest.raises(ValueError, match=r"rows of shape \(16, 4\), but .* of shape \(8, 8\)"):
        autoencoder.transform(IMAGES.reshape(360, 16, 4))
    with pytest.raises(ValueError, match=r"X has 63 features, but AutoencoderTransformer is exp"):
        autoencoder.reconstruction_error(FLAT[:, 1:])
    with pytest.raises(ValueError, match=r"X has 4 columns, but .* makes traces of 3"):
        autoencoder.inverse_transform(np.zeros((2, 4)))
    with pytest.raises(ValueError, match=r"X must have shape .* Got \(360, 1, 1, 8, 8\) instead"):
        small().fit(IMAGES[:, None, None])


@pytest.mark.parametrize("architecture", ["dense", "conv"])
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_row_comes_out_the_same_in_any_batch(architecture, dtype):
    X = IMAGES.astype(dtype)
    autoencoder = small((64,), 16, architecture=architecture).fit(X)
    trace, error = autoencoder.transform(X), autoencoder.reconstruction_error(X)
    order = np.random.default_rng(0).permutation(360)
    np.testing.assert_array_equal(autoencoder.transform(X[order]), trace[order])
    np.testing.assert_array_equal(autoencoder.reconstruction_error(X[order]), error[order])
    for i in range(0, 360, 9):
        np.testing.assert_array_equal(autoencoder.transform(X[i : i + 1])[0], trace[i])
        np.testing.assert_array_equal(autoencoder.reconstruction_error(X[i : i + 1]), error[i])


def test_training_rows_are_known_again_behind_it():
    pipeline = make_pipeline(small(), KNNOutlierDetector()).fit(FLAT)
    expected = pipeline[-1].training_scores_
    np.testing.assert_allclose(pipeline.score_samples(FLAT[::-1])[::-1], expected, rtol=1e-9)
    alone = np.concatenate([pipeline.score_samples(row[None]) for row in FLAT[:40]])
    np.testing.assert_allclose(alone, expected[:40], rtol=1e-9)
