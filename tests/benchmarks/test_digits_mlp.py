"""The experiment on digits, run from end to end with few steps and few checks."""

import signal

import numpy as np
import pytest

from benchmarks import experiment
from data import load_digits

mlp = experiment.load("digits-mlp")


@pytest.fixture
def models(monkeypatch):
    """Shorten the experiment; list the models that it trains."""
    trained = []
    train = mlp.train

    def remember(model, *rest):
        trained.append(model)
        return train(model, *rest)

    monkeypatch.setattr(mlp, "train", remember)
    monkeypatch.setattr(mlp, "STEPS", 40)
    monkeypatch.setattr(mlp, "ENTRIES", {"quick": 5})
    monkeypatch.setattr(mlp, "DIRECTIONS", 1)
    monkeypatch.setattr(mlp, "H", np.array([1e-20, 1e-8, 1e-5]))
    return trained


def test_a_run_measures_on_the_test_images_and_shows_those_read_wrongly(models):
    result = mlp.run(0, "quick")
    values = {metric.name: metric.value for metric in result.metrics}
    assert list(values) == [
        "test accuracy",
        "test cross-entropy",
        "training time",
        "gradient against complex steps, worst relative error",
        "finite differences, forward: best relative error",
        "finite differences, central: best relative error",
        "finite differences, complex step: best relative error",
    ]
    [model] = models
    digits = load_digits()
    x, labels = digits.test_set
    read = model(x).argmax(axis=1)
    assert values["test accuracy"] == pytest.approx(np.mean(read == labels))
    x_train, labels_train = digits.train_set
    on_training = np.mean(model(x_train).argmax(axis=1) == labels_train)
    assert values["test accuracy"] != pytest.approx(on_training)
    z = model(x)
    surprise = np.log(np.exp(z).sum(axis=1)) - z[np.arange(len(labels)), labels]
    assert values["test cross-entropy"] == pytest.approx(surprise.mean())
    assert values["gradient against complex steps, worst relative error"] < 1e-14
    assert values["finite differences, complex step: best relative error"] < 1e-14
    assert result.series["steps"] == [20, 40]
    assert result.series["accuracy"][-1] == values["test accuracy"]
    assert "def program(" in result.texts[0].text

    mistakes = result.figures[-1]
    wrong = np.flatnonzero(read != labels)
    assert len(wrong) > 12
    assert mistakes.caption.startswith(f"The {len(wrong)} of 360 test images")
    for ax, i in zip(mistakes.figure.axes, wrong[:12], strict=True):
        assert ax.get_title() == f"{labels[i]} read as {read[i]}"
        np.testing.assert_array_equal(ax.images[0].get_array() / 16, x[i].reshape(8, 8))


def test_a_network_without_mistakes_shows_no_image():
    digits = load_digits()
    picture = mlp.mistakes_picture(digits, digits.test_set[1], seed=0)
    assert picture.caption.startswith("The 0 of 360 test images")
    assert picture.figure.axes == []


def test_an_interrupted_training_is_no_result(models, monkeypatch):
    pressed = []

    def press(*_):
        if not pressed:
            signal.raise_signal(signal.SIGINT)
            pressed.append("Ctrl-C")  # reached, as `fit` lets the step end
        return 0.0

    monkeypatch.setattr(mlp, "accuracy", press)
    with pytest.raises(KeyboardInterrupt):
        mlp.run(0, "quick")
    assert pressed == ["Ctrl-C"]
