"""What is said about arrays that do not fit, by every function that takes them."""

import re

import numpy as np
import pytest

from models import (
    bernoulli_log_likelihood,
    gaussian_log_likelihood,
    jensen_shannon,
    kl_divergence,
    kl_from_logits,
    kl_gaussian,
    kl_standard_normal,
    total_variation,
)

OF_FEATURES = {
    gaussian_log_likelihood: ("x", "mean", "log_variance"),
    bernoulli_log_likelihood: ("x", "logits"),
    kl_gaussian: ("mean_p", "log_variance_p", "mean_q", "log_variance_q"),
    kl_standard_normal: ("mean", "log_variance"),
}
OF_LOGITS = {kl_from_logits: ("logits_p", "logits_q")}
OF_PROBABILITIES = {
    kl_divergence: ("p", "q"),
    jensen_shannon: ("p", "q"),
    total_variation: ("p", "q"),
}
OF_OUTCOMES = OF_LOGITS | OF_PROBABILITIES
ALL = OF_FEATURES | OF_OUTCOMES


def replaced(function, position, array):
    """Good arguments of a function, (5, 4) each, but for one."""
    args = [np.full((5, 4), 0.25) for _ in ALL[function]]
    args[position] = array
    return args


def each_argument(table):
    return [(f, i) for f, names in table.items() for i in range(len(names))]


@pytest.mark.parametrize(("function", "position"), each_argument(ALL))
def test_every_argument_is_looked_at(function, position):
    name = ALL[function][position]
    assert np.all(
        np.isfinite(function(*replaced(function, position, np.full(4, 0.25))))
    )
    for bad, given in [
        (np.zeros((5, 4), np.int64), "int64 array"),
        (np.zeros((5, 4), np.float16), "float16 array"),
        (np.zeros((5, 4), complex), "complex128 array"),
        ([[0.25] * 4] * 5, "list"),
    ]:
        with pytest.raises(TypeError, match=rf"{name} must be .* got a {given}"):
            function(*replaced(function, position, bad))

    first, other = (
        (name, ALL[function][1]) if position == 0 else (ALL[function][0], name)
    )
    ours = np.full((5, 4), 0.25, np.float32)
    to = "float32" if position == 0 else "float64"
    with pytest.raises(TypeError, match=rf"^{first} of .* {other}\.astype\(np\.{to}\)"):
        function(*replaced(function, position, ours))

    shapes = rf"{name} .* do not describe the same features"
    for bad in (np.ones((5, 1)), np.full((3, 4), 0.25), np.full((5, 5), 0.2)):
        with pytest.raises(ValueError, match=re.escape(str(bad.shape))):
            function(*replaced(function, position, bad))
        with pytest.raises(ValueError, match=shapes):
            function(*replaced(function, position, bad))


@pytest.mark.parametrize("function", ALL)
def test_there_must_be_a_feature(function):
    with pytest.raises(ValueError, match="with one d of at least 1"):
        function(*[np.zeros((5, 0)) for _ in ALL[function]])


@pytest.mark.parametrize("function", OF_FEATURES)
def test_numbers_alone_have_no_features(function):
    with pytest.raises(ValueError, match="do not describe the same features"):
        function(*[0.5 for _ in ALL[function]])


@pytest.mark.parametrize(("function", "position"), each_argument(OF_FEATURES))
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_number_holds_for_every_feature(function, position, dtype):
    args = [x.astype(dtype) for x in replaced(function, position, np.full(4, 0.25))]
    found = function(*args[:position], 0.25, *args[position + 1 :])
    assert found.dtype == dtype
    np.testing.assert_allclose(found, function(*args), rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize(("function", "position"), each_argument(OF_OUTCOMES))
def test_a_number_is_no_law(function, position):
    name = ALL[function][position]
    with pytest.raises(TypeError, match=f"{name} must be .* got a float"):
        function(*replaced(function, position, 1.0))
    for number in (np.float64(1), np.array(1.0)):
        with pytest.raises(ValueError, match=rf"{name} is a single number"):
            function(*replaced(function, position, number))


@pytest.mark.parametrize(("function", "position"), each_argument(OF_PROBABILITIES))
def test_what_is_no_probability(function, position):
    name = ALL[function][position]
    good = np.full((5, 4), 0.25)
    for bad in (-0.1, np.nan):
        p = good.copy()
        p[2] = [0.6, 0.5, bad, 0.0]
        with pytest.raises(ValueError, match=rf"{name} holds {bad}, .*softmax"):
            function(*replaced(function, position, p))
    for p in (4 * good, good + 1e-7, np.where(np.arange(4) == 1, np.inf, good)):
        with pytest.raises(
            ValueError, match=rf"{name} sums to .* write {name} / {name}"
        ):
            function(*replaced(function, position, p))
    assert np.all(function(*replaced(function, position, good + 1e-9)) < 1e-8)


@pytest.mark.parametrize("function", OF_PROBABILITIES)
def test_no_laws_give_no_numbers(function):
    assert function(np.zeros((0, 4)), np.full(4, 0.25)).shape == (0,)
