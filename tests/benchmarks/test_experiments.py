"""What holds for every experiment that there is, without training it."""

import numpy as np
import pytest

from benchmarks import experiment, record
from benchmarks.experiment import Metric
from models import MLP

LIMITS = {
    "digits networks": 60,
    "samplers": 50,
    "energy": 36,
    "Ising 4x4, all families": 21,
    "VAE": 36,
    "diffusion": 41,
    "GAN": 26,
}
FAMILIES = {
    "annealing": "samplers",
    "diffusion-2d": "diffusion",
    "diffusion-digits": "diffusion",
    "diffusion-gaussian": "diffusion",
    "diffusion-mixture": "samplers",
    "diffusion-skip": "diffusion",
    "digits-mlp": "digits networks",
    "ebm-2d": "energy",
    "gibbs-exact": "samplers",
    "ising": "samplers",
    "ising4": "Ising 4x4, all families",
    "langevin": "samplers",
    "optimizers": "digits networks",
    "rbm-digits": "energy",
    "rbm-toy": "energy",
    "universal-approximation": "digits networks",
    "vae-digits": "VAE",
    "vae-exact": "VAE",
    "vae-linear": "VAE",
}


def test_every_experiment_has_its_family():
    assert sorted(FAMILIES) == experiment.names()


@pytest.mark.parametrize("family", LIMITS)
def test_quick_runs_of_a_family_keep_to_its_seconds(family):
    members = [name for name in experiment.names() if FAMILIES[name] == family]
    assert sum(experiment.load(name).BUDGET for name in members) <= LIMITS[family]


def test_all_quick_runs_together_keep_to_270_seconds():
    names = experiment.names()
    assert names
    assert sum(experiment.load(name).BUDGET for name in names) <= 270


@pytest.mark.parametrize("name", experiment.names())
def test_an_experiment_has_a_one_line_title(name):
    title = experiment.title(experiment.load(name))
    assert 10 <= len(title) <= 88


@pytest.mark.parametrize("name", experiment.names())
def test_a_shipped_record_meets_its_criteria_and_has_its_picture(name):
    kept = record.read(name)
    assert kept["seeds"] == [0, 1, 2, 3, 4]
    assert record.failures(kept) == []
    drawn = experiment.load(name).picture(kept["series"])
    assert record.png(drawn.figure).startswith(b"\x89PNG")
    assert (record.FOLDER / f"{name}.png").exists()


@pytest.mark.parametrize("name", experiment.names())
def test_the_recorded_quick_run_kept_to_its_budget(name):
    assert record.read(name)["quick_seconds"] <= experiment.load(name).BUDGET


def test_the_hand_written_loss_of_digits_mlp_is_the_trained_one():
    module = experiment.load("digits-mlp")
    model = MLP.create((64, 128, 10), activation="tanh", rng=0)
    rng = np.random.default_rng(1)
    x, labels = rng.random((5, 64)), rng.integers(10, size=5)
    theta = [array for layer in model.layers for array in (layer.weights, layer.bias)]
    by_hand = module.loss_by_hand(theta, x, labels)
    np.testing.assert_allclose(by_hand, module.loss(model, x, labels), rtol=1e-14)


@pytest.mark.parametrize(
    ("value", "complaint"),
    [
        (0.5, None),
        (0.4, "0.4 is below 0.5"),
        (2.1, "2.1 is above 2"),
        (float("inf"), "is inf: a result must be finite"),
    ],
)
def test_a_metric_says_how_a_value_misses_its_criterion(value, complaint):
    metric = Metric("a number", value, at_least=0.5, at_most=2.0)
    assert metric.complaint(value) == complaint


def test_an_unknown_experiment_is_named_with_those_that_there_are():
    with pytest.raises(LookupError, match=r"no experiment 'nothing'; there are: .*mlp"):
        experiment.load("nothing")
