"""`prefer_default`: when it keeps the default, how it finds the default, and searches with it."""

from __future__ import annotations

import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, RandomizedSearchCV
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import StandardScaler

from skood import (
    KNNOutlierDetector,
    LCPOutlierDetector,
    MahalanobisOutlierDetector,
    PartialWhitener,
)
from skood.model_selection import LeaveClassesOut, ood_scorer, prefer_default

IRIS, SPECIES = load_iris(return_X_y=True)


def _results(*scores, name="score"):
    """The results of a search over candidates k = 0, 1, ... with these scores on each split."""
    table = np.array(scores, dtype=float)
    columns = {f"split{i}_test_{name}": column for i, column in enumerate(table.T)}
    columns[f"mean_test_{name}"] = table.mean(axis=1)
    return {"params": [{"k": k} for k in range(len(table))], **columns}


def test_the_best_has_to_lead_by_standard_errors_of_the_difference():
    # leads 1, 2, 3, 2: mean 2, standard deviation sqrt(2/3), standard error sqrt(1/6) = 0.408
    results = _results([50, 10, 90, 30], [51, 12, 93, 32], [0, 0, 0, 0])
    assert prefer_default({"k": 0}, 4.89)(results) == 1
    assert prefer_default({"k": 0}, 4.91)(results) == 0
    assert prefer_default({"k": 0})(results) == 1
    assert prefer_default({"k": 2})(results) == 1
    assert prefer_default({"k": 1})(results) == 1


def test_a_lead_within_the_error_keeps_the_default():
    # leads 4, -1, 0: mean 1, standard deviation sqrt(7), standard error 1.53
    results = _results([5, 5, 5], [9, 4, 5])
    assert prefer_default({"k": 0})(results) == 0
    assert prefer_default({"k": 0}, 0.6)(results) == 1
    assert prefer_default({"k": 0}, 0.0)(results) == 1


@pytest.mark.parametrize("standard_errors", [0.0, 1.0])
def test_equal_scores_keep_the_default(standard_errors):
    results = _results([1, 2], [1, 2], [1, 2])
    assert prefer_default({"k": 2}, standard_errors)(results) == 2


def test_candidates_without_a_score_are_out_of_the_question():
    results = _results([5, 6], [np.nan, 99], [7, 8], [np.nan, np.nan])
    assert prefer_default({"k": 0})(results) == 2
    assert prefer_default({"k": 1})(results) == 2
    nothing = _results([np.nan, np.nan], [np.nan, np.nan])
    assert prefer_default({"k": 1})(nothing) == 1


def test_one_split_has_no_standard_error():
    results = _results([5], [6])
    assert prefer_default({"k": 0}, 0.0)(results) == 1
    with pytest.raises(ValueError, match=r"needs at least 2 splits .* Got 1 instead"):
        prefer_default({"k": 0})(results)


def test_more_than_ten_splits_are_read_in_order():
    results = _results(np.zeros(12), np.r_[np.zeros(11), 12.0])
    assert prefer_default({"k": 0}, 0.99)(results) == 1
    assert prefer_default({"k": 0}, 1.01)(results) == 0


def test_of_several_metrics_one_is_named():
    results = _results([1, 1], [2, 2], name="auroc")
    results |= _results([2, 2], [1, 1], name="fpr95")
    assert prefer_default({"k": 0}, metric="auroc")(results) == 1
    assert prefer_default({"k": 1}, metric="fpr95")(results) == 0
    for wrong in (None, "aupr_in"):
        expected = "'metric' parameter of prefer_default must be one of 'auroc', 'fpr95' for this"
        with pytest.raises(ValueError, match=f"{expected} search. Got {wrong!r} instead."):
            prefer_default({"k": 0}, metric=wrong)(results)
    with pytest.raises(ValueError, match=r"'metric' .* must be None for this search. Got 'auroc'"):
        prefer_default({"k": 0}, metric="auroc")(_results([1, 1]))


def _candidates():
    return [
        {"scaling": "passthrough", "detector": LCPOutlierDetector()},
        {"scaling": StandardScaler(), "detector": LCPOutlierDetector(perplexity=14.0)},
        {"scaling": StandardScaler(), "detector": KNNOutlierDetector()},
        {"scaling": PartialWhitener(0.5), "detector": LCPOutlierDetector()},
        {"scaling": PartialWhitener(1.0), "detector": LCPOutlierDetector()},
        {"scaling": np.array([1.0, 2.0]), "detector": LCPOutlierDetector},
        {"scaling": Pipeline([("a", StandardScaler()), ("b", KNNOutlierDetector(3))])},
        {"scaling": {"a": [1, (2, None)]}, "detector": float},
    ]


@pytest.mark.parametrize("position", range(8))
def test_the_default_is_found_by_its_values(position):
    """Scores are equal, so the choice is the position of the default."""
    results = _results(*np.zeros((8, 2))) | {"params": _candidates()}
    default = {  # other objects with equal values, in another order
        name: value if isinstance(value, type) else clone(value, safe=False)
        for name, value in reversed(_candidates()[position].items())
    }
    assert prefer_default(default)(results) == position


@pytest.mark.parametrize(
    "absent",
    [
        {},
        {"scaling": StandardScaler()},
        {"scaling": StandardScaler(), "detector": LCPOutlierDetector()},
        {"scaling": StandardScaler(with_mean=False), "detector": KNNOutlierDetector()},
        {"scaling": "passthrough", "detector": LCPOutlierDetector(), "more": 1},
        {"scaling": np.array([1.0, 3.0]), "detector": LCPOutlierDetector},
        {"scaling": Pipeline([("a", StandardScaler()), ("b", KNNOutlierDetector(4))])},
        {"scaling": {"a": [1, (2, None, 3)]}, "detector": float},
    ],
)
def test_a_default_that_is_no_candidate_is_refused(absent):
    results = _results(*np.zeros((8, 2))) | {"params": _candidates()}
    expected = "'default_params' parameter of prefer_default must be the parameters of one of the 8"
    with pytest.raises(ValueError, match=f"{expected} candidates of the search. Got "):
        prefer_default(absent)(results)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (([("k", 1)],), r"'default_params' .* must be a dict .* Got \[\('k', 1\)\] instead."),
        (({}, -0.5), r"'standard_errors' .* must be a float in \[0, inf\). Got -0.5 instead."),
        (({}, "1"), r"'standard_errors' .* Got '1' instead."),
        (({}, 1.0, 3), r"'metric' .* must be a str or None. Got 3 instead."),
    ],
)
def test_wrong_arguments_are_refused(arguments, message):
    with pytest.raises(ValueError, match=message):
        prefer_default(*arguments)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("n_jobs", [None, 2])
def test_searches_go_by_it(several, n_jobs):
    pipeline = Pipeline([("scaling", "passthrough"), ("detector", KNNOutlierDetector())])
    grid = {
        "scaling": ["passthrough", StandardScaler()],
        "detector": [KNNOutlierDetector(), KNNOutlierDetector(50), MahalanobisOutlierDetector()],
    }
    default = {"scaling": StandardScaler(), "detector": KNNOutlierDetector(50)}
    scorer = ood_scorer("auroc")
    chosen = []
    for errors in (0.0, 1e6):
        search = GridSearchCV(
            pipeline,
            grid,
            cv=LeaveClassesOut(3, random_state=0),
            scoring={"auroc": scorer, "fpr95": ood_scorer("fpr95")} if several else scorer,
            refit=prefer_default(default, errors, "auroc" if several else None),
            n_jobs=n_jobs,
        )
        clone(search).fit(IRIS, SPECIES)
        search.fit(IRIS, SPECIES)
        assert search.best_estimator_.score_samples(IRIS).shape == (150,)
        chosen.append(search.best_params_)
    means = search.cv_results_[f"mean_test_{'auroc' if several else 'score'}"]
    assert chosen[0] == search.cv_results_["params"][np.argmax(means)] != chosen[1]
    assert str(chosen[1]) == str({"detector": default["detector"], "scaling": default["scaling"]})


def test_a_randomised_search_goes_by_it():
    search = RandomizedSearchCV(
        KNNOutlierDetector(),
        {"n_neighbors": [1, 10, 40]},
        n_iter=3,
        cv=LeaveClassesOut(3, random_state=0),
        scoring=ood_scorer("auroc"),
        refit=prefer_default({"n_neighbors": 40}, 1e6),
        random_state=0,
    ).fit(IRIS, SPECIES)
    assert search.best_params_ == {"n_neighbors": 40}


def test_it_pickles_and_shows_itself():
    default = {"detector": LCPOutlierDetector(locality=0.5)}
    shown = "prefer_default({'detector': LCPOutlierDetector(locality=0.5)}, 2.0, metric='auroc')"
    again = pickle.loads(pickle.dumps(prefer_default(default, 2.0, "auroc")))  # noqa: S301
    assert repr(again) == repr(prefer_default(default, 2.0, "auroc")) == shown
    assert repr(prefer_default({"k": 1})) == "prefer_default({'k': 1}, 1.0)"
    results = _results([1, 1], [1, 1], name="auroc") | {"params": [{"detector": 0}, default]}
    assert again(results) == 1


def test_what_cannot_be_compared_is_not_equal():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame({"a": [1.0, 2.0]})
    results = _results([1, 1]) | {"params": [{"k": frame}]}
    assert prefer_default({"k": frame})(results) == 0
    with pytest.raises(ValueError, match="must be the parameters of one of the 1 candidates"):
        prefer_default({"k": frame.copy()})(results)
