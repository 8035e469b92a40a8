"""Texts and pictures as rows, in the containers that a program has them in: all give the same."""

from __future__ import annotations

import numpy as np
import pandas as pd
import polars as pl
import pytest
from PIL import Image
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

from skood import ConformalOutlierDetector, KNNOutlierDetector, make_outlier_pipeline
from skood.monitoring import ConformalMonitor

TEXTS = [f"text {i}" * (1 + i % 3) for i in range(80)]
TEXTS[40:44] = TEXTS[:4]  # ties
CONTAINERS = {
    "array": np.array,
    "objects": lambda texts: np.array(texts, dtype=object),
    "tuple": tuple,
    "pandas": lambda texts: pd.Series(texts, index=np.arange(len(texts))[::-1]),
    "pandas, objects": lambda texts: pd.Series(texts, dtype=object),
    "polars": lambda texts: pl.Series(texts),
}


def counts(texts):
    return np.array([[len(text), sum(map(ord, text)) / len(text)] for text in texts])


def sides(pictures):
    return np.array([[picture.width, picture.height] for picture in pictures], dtype=float)


def results(rows, new, make_features):
    """p-values and decisions by all that wraps a Pipeline."""
    steps = FunctionTransformer(make_features), KNNOutlierDetector(random_state=0)
    yield make_outlier_pipeline(*steps, random_state=0).fit(rows).predict(new)
    for method in ("split", "cv+"):
        wrapped = ConformalOutlierDetector(make_pipeline(*steps), method=method, random_state=0)
        yield wrapped.fit(rows).p_values(new)
    if isinstance(rows[0], str):  # a monitor keeps rows of pictures as one array
        monitor = ConformalMonitor(make_pipeline(*steps), random_state=0).fit(rows)
        yield monitor.update(new).p_values


@pytest.mark.parametrize("container", CONTAINERS)
def test_texts(container):
    expected = results(TEXTS, TEXTS[:6], counts)
    held = CONTAINERS[container](TEXTS), CONTAINERS[container](TEXTS[:6])
    for given, by_list in zip(results(*held, counts), expected, strict=True):
        np.testing.assert_array_equal(given, by_list)


def test_pictures_of_several_sizes():
    random = np.random.default_rng(0)
    pictures = [Image.new("L", tuple(side)) for side in random.integers(5, 40, (80, 2)).tolist()]
    for given in results(pictures, [*pictures[:5], Image.new("L", (400, 3))], sides):
        assert given.shape == (6,)
        assert given[-1] == given.min()
