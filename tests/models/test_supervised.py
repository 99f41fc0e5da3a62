"""Networks as estimators: what they learn, promise, refuse, and keep in files."""

import sys
from types import SimpleNamespace

import numpy as np
import pytest
from scipy.sparse import csr_array

from autodiff import tree_leaves
from models import MLP, MLPClassifier, MLPRegressor, NotFittedError, supervised
from models.classifier import DataConversionWarning
from optim.early_stopping import EarlyStopping
from optim.schedules import CosineDecay
from samplers.archive import CheckpointError

BOTH = [MLPClassifier, MLPRegressor]
QUICK = {"hidden_sizes": (8,), "steps": 20, "rng": 0}


def clusters(n=120, d=2, seed=0):
    """Three groups of points around corners, with their numbers."""
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 3, n)
    corners = 2 * np.eye(3, d)
    return corners[y] + 0.3 * rng.standard_normal((n, d)), y


def curve(n=120, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.uniform(-2, 2, (n, 2))
    return X, np.sin(2 * X[:, 0]) + X[:, 1] ** 2


def problem(estimator):
    return curve() if estimator is MLPRegressor else clusters()


# What they learn


def test_a_classifier_learns_what_no_line_can():
    X, y = np.array([[0.0, 0], [0, 1], [1, 0], [1, 1]]), np.array([0, 1, 1, 0])
    settings = {"steps": 300, "learning_rate": 0.02, "rng": 0}
    assert MLPClassifier(hidden_sizes=(16,), **settings).fit(X, y).score(X, y) == 1
    assert MLPClassifier(hidden_sizes=(), **settings).fit(X, y).score(X, y) < 1


def test_a_regressor_learns_a_curve():
    settings = {"activation": "tanh", "learning_rate": 0.02, "steps": 600}
    network = MLPRegressor(hidden_sizes=(32,), rng=0, **settings).fit(*curve())
    assert network.score(*curve(seed=1)) > 0.97
    losses = network.history_["loss"]
    assert len(losses) == 600
    assert losses[0] > 0.5 > 0.1 > losses[-1]


def test_a_linear_network_finds_least_squares():
    X, y = curve()
    network = MLPRegressor(
        hidden_sizes=(), steps=1500, learning_rate=0.02, batch_size=120, rng=0
    ).fit(X, y)
    design = np.column_stack([X, np.ones(len(X))])
    best = design @ np.linalg.lstsq(design, y)[0]
    np.testing.assert_allclose(network.predict(X), best, atol=1e-6)


# What they promise


def test_a_classifier_speaks_in_the_labels_it_was_given():
    X, y = clusters()
    expected = MLPClassifier(**QUICK).fit(X, y)
    names = np.array(["setosa", "virginica", "versicolor"])
    for labels in (
        names[y],
        names[y].tolist(),
        y + 5,
        y * 1.0,
        names[y].astype(object),
    ):
        network = MLPClassifier(**QUICK).fit(X, labels)
        classes = np.unique(labels)
        assert network.classes_.tolist() == classes.tolist()
        chance = network.predict_proba(X)
        assert chance.shape == (len(X), 3)
        np.testing.assert_allclose(chance.sum(axis=1), 1, rtol=1e-14)
        predicted = network.predict(X)
        assert np.array_equal(predicted, classes[chance.argmax(axis=1)])
        assert network.score(X, labels) == np.mean(predicted == np.asarray(labels))
    again = MLPClassifier(**QUICK).fit(X, y)
    assert np.array_equal(again.predict_proba(X), expected.predict_proba(X))


def test_the_unit_of_the_target_does_not_matter():
    X, y = curve()
    plain = MLPRegressor(**QUICK).fit(X, y)
    scaled = MLPRegressor(**QUICK).fit(X, 2.0**20 * y)
    assert np.array_equal(scaled.predict(X), 2.0**20 * plain.predict(X))
    moved = MLPRegressor(**QUICK).fit(X, 1e-3 * y - 7)
    np.testing.assert_allclose(
        moved.predict(X), 1e-3 * plain.predict(X) - 7, rtol=1e-10
    )
    assert moved.score(X, 1e-3 * y - 7) == pytest.approx(plain.score(X, y), rel=1e-9)


def test_several_targets():
    X, y = curve()
    both = np.column_stack([y, 100 - 3 * y])
    network = MLPRegressor(**QUICK).fit(X, both)
    predicted = network.predict(X)
    assert predicted.shape == both.shape
    of_each = 1 - np.sum((both - predicted) ** 2, axis=0) / np.sum(
        (both - both.mean(axis=0)) ** 2, axis=0
    )
    assert network.score(X, both) == pytest.approx(of_each.mean(), rel=1e-14)
    column = MLPRegressor(**QUICK).fit(X, both[:, :1])
    row = MLPRegressor(**QUICK).fit(X, both[:, 0])
    assert column.predict(X).shape == (len(X), 1)
    assert np.array_equal(column.predict(X)[:, 0], row.predict(X))


def test_a_constant_target_is_predicted():
    X, _ = curve()
    network = MLPRegressor(**QUICK | {"steps": 300}, learning_rate=0.02)
    network.fit(X, np.full(len(X), 3.0))
    assert network.target_scale_ == 1
    assert np.max(np.abs(network.predict(X) - 3)) < 0.1


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("dtype", ["float64", np.float32])
def test_the_precision_is_that_of_the_setting(estimator, dtype):
    X, y = problem(estimator)
    network = estimator(dtype=dtype, **QUICK).fit(X.astype(np.float32), y)
    assert {leaf.dtype for leaf in tree_leaves(network.network_)} == {np.dtype(dtype)}
    outputs = network.predict if estimator is MLPRegressor else network.predict_proba
    assert outputs(X).dtype == dtype
    assert outputs(X.astype(np.float32)).dtype == dtype


@pytest.mark.parametrize("estimator", BOTH)
def test_an_integer_seed_repeats_and_a_generator_goes_on(estimator):
    X, y = problem(estimator)

    def weights(rng):
        network = estimator(**QUICK | {"rng": rng}).fit(X, y).network_
        return np.concatenate([leaf.ravel() for leaf in tree_leaves(network)])

    assert np.array_equal(weights(3), weights(3))
    assert not np.array_equal(weights(3), weights(4))
    rng = np.random.default_rng(3)
    assert np.array_equal(weights(rng), weights(3))
    assert not np.array_equal(weights(rng), weights(3))


@pytest.mark.parametrize("estimator", BOTH)
def test_fit_leaves_its_arguments_and_settings_alone(estimator):
    X, y = problem(estimator)
    for array in (X, y):
        array.setflags(write=False)
    network = estimator(**QUICK)
    before = network.get_params()
    assert network.fit(X, y) is network
    assert network.get_params() == before
    learned = set(vars(network)) - set(before)
    assert all(name.endswith("_") for name in learned)
    assert learned == {"n_features_in_", "history_", *network.learned}
    assert network.n_features_in_ == 2


@pytest.mark.parametrize("estimator", BOTH)
def test_settings_by_name(estimator):
    network = estimator(**QUICK)
    assert network.set_params(steps=7, hidden_sizes=[4, 3]) is network
    assert network.get_params()["hidden_sizes"] == [4, 3]
    network.fit(*problem(estimator))
    assert len(network.history_["loss"]) == 7
    assert [len(layer.weights) for layer in network.network_.layers] == [2, 4, 3]
    assert repr(network).startswith(f"{estimator.__name__}(hidden_sizes=[4, 3], act")
    with pytest.raises(ValueError, match=r"no setting 'step'; it has .* steps, "):
        network.set_params(batch_size=5, step=3)
    assert network.batch_size == 32
    with pytest.raises(TypeError, match="rng"):
        estimator()


@pytest.mark.parametrize("sizes", [100, np.int64(100), None])
def test_a_number_is_no_list_of_hidden_layers(sizes):
    with pytest.raises(TypeError, match=r"hidden_sizes is .*100.* with the comma"):
        MLPClassifier(hidden_sizes=sizes, rng=0).fit(*clusters())


def test_schedules_and_small_data():
    X, y = clusters(n=9)
    schedule = CosineDecay(0.01, steps=20)
    network = MLPClassifier(**QUICK | {"learning_rate": schedule}).fit(X, y)
    assert network.history_["loss"][-1] < network.history_["loss"][0]


def test_progress_is_shown_on_request(capsys):
    X, y = clusters()
    MLPClassifier(**QUICK).fit(X, y)
    assert capsys.readouterr() == ("", "")
    MLPClassifier(progress=True, **QUICK).fit(X, y)
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("MLPClassifier: step 20/20 loss=")


# Early stopping


def test_a_validation_set_chooses_the_number_of_steps(monkeypatch):
    seen = []

    class Seen(EarlyStopping):
        def __post_init__(self):
            super().__post_init__()
            seen.append(self)

    monkeypatch.setattr(supervised, "EarlyStopping", Seen)
    X, y = curve()
    y = y + np.random.default_rng(5).standard_normal(len(y))  # noise, to be learned too
    network = MLPRegressor(
        hidden_sizes=(64,),
        learning_rate=0.02,
        steps=3000,
        validation_fraction=0.25,
        patience=5,
        rng=0,
    ).fit(X, y)
    [stopping] = seen
    assert network.history_.stopped == "callback Seen"
    assert stopping.every == 3  # 90 examples, 32 a step
    assert len(network.history_["loss"]) == stopping.step + 5 * 3 < 3000

    rng = np.random.default_rng(0)
    MLP.create((2, 64, 1), rng=rng)
    held_out = rng.permutation(len(X))[: len(X) // 4]
    error = network.predict(X[held_out]) - y[held_out]
    assert np.mean(error**2) / np.var(y) == pytest.approx(stopping.best, rel=1e-12)


def test_a_run_too_short_to_be_measured_keeps_its_end():
    X, y = clusters()
    settings = QUICK | {"steps": 2, "validation_fraction": 0.1}
    network = MLPClassifier(**settings).fit(X, y)
    assert network.history_.stopped == "steps"
    assert network.predict(X).shape == y.shape


@pytest.mark.parametrize("fraction", [-0.1, 1, 2, np.nan])
def test_errors_of_the_validation_set(fraction):
    X, y = clusters()
    with pytest.raises(ValueError, match=f"validation_fraction is {fraction}; it is"):
        MLPClassifier(validation_fraction=fraction, **QUICK).fit(X, y)
    with pytest.raises(ValueError, match="2 examples are too few to hold"):
        MLPClassifier(validation_fraction=0.9, **QUICK).fit(X[:2], [0, 1])


# What they refuse


@pytest.mark.parametrize("estimator", BOTH)
def test_errors_of_examples(estimator):
    X, y = problem(estimator)
    network = estimator(**QUICK).fit(X, y)
    uses = [lambda X: estimator(**QUICK).fit(X, y), network.predict]
    for use in uses:
        with pytest.raises(TypeError, match=r"sparse matrix.* write X\.toarray\(\)"):
            use(csr_array(X))
        with pytest.raises(ValueError, match="Complex data not supported"):
            use(X + 0j)
        for bad in (X[0], X[np.newaxis], 1.0):
            with pytest.raises(ValueError, match="Reshape your data"):
                use(bad)
        with pytest.raises(ValueError, match=r"0 example\(s\) \(shape=\(0, 2\)\)"):
            use(X[:0])
        with pytest.raises(ValueError, match=r"0 feature\(s\) \(shape=\(120, 0\)\)"):
            use(X[:, :0])
        for bad in (np.nan, np.inf):
            with pytest.raises(ValueError, match="X contains NaN or infinity"):
                use(np.where(np.arange(2) == 1, bad, X))
        with pytest.raises(ValueError, match="could not convert string"):
            use(np.full(X.shape, "a"))
    message = f"X has 3 features, but {estimator.__name__} is expecting 2 features"
    with pytest.raises(ValueError, match=message):
        network.predict(np.ones((4, 3)))
    with (
        np.errstate(over="ignore"),
        pytest.raises(ValueError, match="too large for float32"),
    ):
        estimator(dtype="float32", **QUICK).fit(1e300 * X, y)


@pytest.mark.parametrize("estimator", BOTH)
def test_errors_of_targets(estimator):
    X, y = problem(estimator)
    network = estimator(**QUICK).fit(X, y)
    for use in (estimator(**QUICK).fit, network.score):
        with pytest.raises(ValueError, match="requires y to be passed"):
            use(X, None)
        for bad in (y[:-1], 1, np.ones((2, 2, 2))):
            with pytest.raises(ValueError, match="there must be one target a row"):
                use(X, bad)
        with pytest.raises(ValueError, match="Complex data not supported"):
            use(X, y + 0j)
        for bad in (np.nan, np.inf):
            with pytest.raises(ValueError, match="y contains NaN or infinity"):
                use(X, np.full(len(y), bad))


def test_errors_of_labels():
    X, y = clusters()
    network = MLPClassifier(**QUICK)
    with pytest.raises(ValueError, match=r"one class only, np\.int64\(4\)"):
        network.fit(X, np.full(len(y), 4))
    with pytest.raises(ValueError, match=r"continuous numbers.* use MLPRegressor"):
        network.fit(X, y + 0.5)
    with pytest.raises(ValueError, match=r"write y\.argmax\(axis=1\)"):
        network.fit(X, np.eye(3)[y])
    expected = network.fit(X, y).predict_proba(X)
    with pytest.warns(DataConversionWarning, match="A column-vector y was passed"):
        network.fit(X, y[:, np.newaxis])
    assert np.array_equal(network.predict_proba(X), expected)


@pytest.mark.parametrize("largest", [1e200, np.finfo(float).max])
def test_a_target_whose_variance_overflows(largest):
    X, y = curve()
    with pytest.raises(ValueError, match=r"y runs from .* give it in a larger unit"):
        MLPRegressor(**QUICK).fit(X, np.where(y > 0, largest, 0))


def test_errors_of_a_score():
    X, y = curve()
    network = MLPRegressor(**QUICK).fit(X, y)
    with pytest.raises(ValueError, match="broadcasting would compare wrong pairs"):
        network.score(X, y[:, np.newaxis])
    for bad in (np.ones(len(X)), y[:1]):
        with pytest.raises(ValueError, match="the variance of y, which is zero"):
            network.score(X[: len(bad)], bad)


def test_labels_of_another_kind_are_no_wrong_answers():
    X, y = clusters()
    for known, given in ((y, y.astype(str)), (y.astype(str), y)):
        network = MLPClassifier(**QUICK).fit(X, known)
        with pytest.raises(TypeError, match="none would ever be equal"):
            network.score(X, given)


@pytest.mark.parametrize("estimator", BOTH)
def test_nothing_works_before_a_fit(estimator, monkeypatch, tmp_path):
    X, y = problem(estimator)
    network = estimator(**QUICK)
    uses = [
        lambda: network.predict(X),
        lambda: network.score(X, y),
        lambda: network.save(tmp_path / "network.npz"),
    ]
    monkeypatch.delitem(sys.modules, "sklearn.exceptions", raising=False)
    for use in uses:
        with pytest.raises(NotFittedError, match=r"call fit\(X, y\) first"):
            use()

    class Theirs(ValueError):
        pass

    loaded = SimpleNamespace(NotFittedError=Theirs)
    monkeypatch.setitem(sys.modules, "sklearn.exceptions", loaded)
    for use in uses:
        with pytest.raises(Theirs, match=r"call fit\(X, y\) first"):
            use()


@pytest.mark.parametrize("estimator", BOTH)
def test_a_fit_that_fails_leaves_the_old_one(estimator):
    X, y = problem(estimator)
    network = estimator(**QUICK).fit(X, y)
    before = network.predict(X)
    for settings in ({"steps": 0}, {"activation": "gelu"}, {"batch_size": 0}):
        with pytest.raises(ValueError, match=next(iter(settings))[:4]):
            network.set_params(**settings).fit(X[:, :1], y)
        network.set_params(**QUICK, activation="relu", batch_size=32)
        assert np.array_equal(network.predict(X), before)


# Files


@pytest.mark.parametrize("estimator", BOTH)
@pytest.mark.parametrize("dtype", ["float64", np.float32])
def test_a_saved_network_predicts_the_same(estimator, dtype, tmp_path):
    X, y = problem(estimator)
    if estimator is MLPClassifier:
        y = np.array(["left", "right", "up"])[y]
    settings = QUICK | {"dtype": dtype, "learning_rate": CosineDecay(0.01, steps=20)}
    network = estimator(**settings).fit(X, y)
    network.save(tmp_path / "network.npz")
    back = estimator.load(tmp_path / "network.npz")
    assert np.array_equal(back.predict(X), network.predict(X))
    assert back.score(X, y) == network.score(X, y)
    assert back.get_params() == network.get_params() | {"dtype": np.dtype(dtype).name}
    assert back.n_features_in_ == 2
    with pytest.raises(ValueError, match="X has 3 features"):
        back.predict(np.ones((4, 3)))
    again = back.fit(X, y)
    assert np.array_equal(again.predict(X), network.predict(X))


def test_files_of_others(tmp_path):
    path = tmp_path / "network.npz"
    MLPRegressor(**QUICK).fit(*curve()).save(path)
    with pytest.raises(CheckpointError, match="holds no MLPClassifier: 'MLPRegressor'"):
        MLPClassifier.load(path)
    content = path.read_bytes()
    path.write_bytes(content[:-7])
    with pytest.raises(CheckpointError):
        MLPRegressor.load(path)
    supervised.storage.save(path, {"a": np.ones(3)})
    with pytest.raises(CheckpointError, match="makes no sense"):
        MLPRegressor.load(path)
    with pytest.raises(FileNotFoundError):
        MLPRegressor.load(tmp_path / "nothing.npz")


def test_labels_that_no_file_keeps(tmp_path):
    X, y = clusters()
    network = MLPClassifier(**QUICK).fit(X, np.array(["a", "b", "c"], object)[y])
    with pytest.raises(TypeError, match=r"\['classes_'\] is of type"):
        network.save(tmp_path / "network.npz")
