"""The estimators among scikit-learn's own, where that is installed."""

import warnings

import numpy as np
import pytest

from models import MLPClassifier, MLPRegressor

pytest.importorskip("sklearn")

from sklearn.base import clone, is_classifier, is_regressor
from sklearn.datasets import load_iris
from sklearn.model_selection import GridSearchCV, KFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import check_estimator

QUICK = {"steps": 150, "learning_rate": 0.01, "hidden_sizes": (20,), "rng": 0}


@pytest.mark.parametrize("estimator", [MLPClassifier, MLPRegressor])
def test_all_checks_of_an_estimator(estimator):
    with warnings.catch_warnings():
        warnings.simplefilter("default")  # some checks ask whether a warning came
        warnings.filterwarnings("ignore", "Estimator .* does not inherit")
        results = check_estimator(estimator(**QUICK), on_skip=None)
    passed = [each for each in results if each["status"] == "passed"]
    skipped = {each["check_name"] for each in results if each["status"] == "skipped"}
    assert len(passed) > 45
    optional = {"array_api_input", "classifier_data_not_an_array"}
    optional |= {"regressor_data_not_an_array"}  # these two need pandas
    assert skipped <= {f"check_{name}" for name in optional}


def test_they_are_what_they_say():
    classifier, regressor = MLPClassifier(**QUICK), MLPRegressor(**QUICK)
    assert is_classifier(classifier)
    assert is_regressor(regressor)
    copy = clone(classifier)
    assert copy is not classifier
    assert copy.get_params() == classifier.get_params()


def test_a_pipeline_is_searched_and_cross_validated():
    X, y = load_iris(return_X_y=True)
    pipeline = make_pipeline(StandardScaler(), MLPClassifier(**QUICK))
    scores = cross_val_score(pipeline, X, y, cv=3)
    assert np.min(scores) > 0.9
    search = GridSearchCV(pipeline, {"mlpclassifier__steps": [1, 150]}, cv=3)
    search.fit(X, y)
    assert search.best_params_ == {"mlpclassifier__steps": 150}
    assert search.best_score_ == pytest.approx(scores.mean())
    assert cross_val_score(pipeline, X, y, cv=3, scoring="roc_auc_ovr").min() > 0.95


def test_a_regressor_is_cross_validated():
    X, _ = load_iris(return_X_y=True)
    folds = KFold(3, shuffle=True, random_state=0)
    scores = cross_val_score(MLPRegressor(**QUICK), X[:, :3], X[:, 3], cv=folds)
    assert np.min(scores) > 0.85
