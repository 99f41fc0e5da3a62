"""The power of check_gradients: what it catches, what it lets pass, what it says.

Faults are built into the derivative of scale * tanh(x). Those of the Jacobian are built
into the pull-back and, transposed, into the push-forward, so that only finite
differences can tell; the others break an exact identity. Scales are from 1e-30 to 1e6,
because an absolute tolerance would let any small gradient pass, and one wrong entry in
a thousand is among the faults, because a tolerance on a norm would let that pass.
"""

import re
from dataclasses import dataclass
from functools import partial

import numpy as np
import pytest

import autodiff as ad
from autodiff import Tensor, check_gradients, stop_gradient

SCALES = (1e-30, 1e-12, 1e-6, 1.0, 1e3, 1e6)


def recorded(x, f, pull, push):
    """f(x) with derivatives of our own, pull(g, x, y) and push(t, x, y)."""
    if type(x) is not Tensor:
        return f(x)
    y = recorded(x.value, f, pull, push)
    return Tensor(y, x.tape, x.tape.record([(x.index, pull, push, (x.value, y))]))


def scaled_tanh(x, scale=1.0, pull=None, push=None):
    """scale * tanh(x), with a pull-back or push-forward other than the right one."""

    def right(g, x, y):
        return g * (scale * (1 - np.tanh(x) ** 2))

    return recorded(x, lambda x: scale * np.tanh(x), pull or right, push or right)


# Faults of the Jacobian, which has weights[i] * scale * tanh'(x_i) at (i, order[i])


def one_entry(factor, n, i):
    return np.where(np.arange(n) == i, factor, 1.0), np.arange(n)


def all_entries(factor, n, i):
    return np.full(n, factor), np.arange(n)


def two_swapped(n, i):
    order = np.arange(n)
    order[[i, i - 1]] = order[[i - 1, i]]
    return np.ones(n), order


def transposed(n, i):
    """The gradient of an array of two rows, laid out column after column."""
    return np.ones(n), np.arange(n).reshape(2, -1).T.ravel()


FAULTS = {
    "all x 1.01": partial(all_entries, 1.01),
    "all x 1.001": partial(all_entries, 1.001),
    "all x (1 + 1e-5)": partial(all_entries, 1 + 1e-5),
    "all x (1 + 1e-6)": partial(all_entries, 1 + 1e-6),
    "all of the other sign": partial(all_entries, -1.0),
    "one of the other sign": partial(one_entry, -1.0),
    "one zero": partial(one_entry, 0.0),
    "one x 1.5": partial(one_entry, 1.5),
    "two swapped": two_swapped,
    "transposed": transposed,
}


def faulty_tanh(x, scale, weights, order):
    def pull(g, x, y):
        return (g * (weights * scale * (1 - np.tanh(x) ** 2)))[order]

    def push(t, x, y):
        return t[np.argsort(order)] * (weights * scale * (1 - np.tanh(x) ** 2))

    return scaled_tanh(x, scale, pull, push)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("fault", FAULTS)
def test_a_wrong_jacobian_is_caught(fault, scale, monkeypatch):
    """Detects each fault at n = 1, 10, 1000 on 4 seeds: 720 of 720."""
    monkeypatch.setattr("autodiff.check.describe", lambda *_: "the gradient is wrong")
    for n in (1, 10, 1000):
        for seed in range(4):
            rng = np.random.default_rng((n, seed))
            weights, order = (
                FAULTS[fault](n, rng.integers(n))
                if n > 1 or fault not in ("two swapped", "transposed")
                else all_entries(1.5, n, 0)
            )
            f = partial(faulty_tanh, scale=scale, weights=weights, order=order)
            with pytest.raises(AssertionError, match="the gradient is wrong"):
                check_gradients(f, (rng.normal(size=n),), rng=seed)


@pytest.mark.parametrize("scale", SCALES)
@pytest.mark.parametrize("n", [1, 10, 1000])
def test_the_same_function_without_a_fault_passes(n, scale):
    weights, order = all_entries(1.0, n, 0)
    f = partial(faulty_tanh, scale=scale, weights=weights, order=order)
    x = np.random.default_rng(n).normal(size=n)
    report = check_gradients(f, (x,), order=2)
    assert not report.inconclusive
    assert report.worst < 1e-9


def test_swapped_entries_cannot_cancel_in_any_direction(monkeypatch):
    """One direction sees two swapped entries of a thousand, whatever its signs."""
    monkeypatch.setattr("autodiff.check.describe", lambda *_: "the gradient is wrong")
    rng = np.random.default_rng(0)
    for seed in range(50):
        weights, order = two_swapped(1000, rng.integers(1000))
        f = partial(faulty_tanh, scale=1.0, weights=weights, order=order)
        x = rng.normal(size=1000)
        with pytest.raises(AssertionError, match="the gradient is wrong"):
            check_gradients(f, (x,), rng=seed, directions=1)


@pytest.mark.parametrize("scale", SCALES)
def test_a_right_gradient_with_a_wrong_derivative_of_its_own(scale):
    """A partial computed from a constant: order 2 detects what order 1 cannot."""

    def detached(g, x, y):
        return g * (scale * (1 - np.tanh(stop_gradient(x)) ** 2))

    f = partial(scaled_tanh, scale=scale, pull=detached, push=detached)
    x = np.array([0.5, -1.0, 2.0])
    assert check_gradients(f, (x,)).inconclusive == 0
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(f, (x,), order=2)


# Faults that break an exact identity


def push_too_large(t, x, y):
    return t * (1 - np.tanh(x) ** 2) * (1 + 1e-7)


def quadratic_in_g(g, x, y):
    return g * abs(g)


def affine_in_g(g, x, y):
    return g * (1 - y**2) + 1e-12


def changed_argument(g, x, y):
    x[...] = 0
    return g * (1 - y**2)


def changed_cotangent(g, x, y):
    g *= 1 - y**2
    return g


def wrong_shape(g, x, y):
    return np.sum(g * (1 - y**2))


@pytest.mark.parametrize("n", [3, 1000])
@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ({"push": push_too_large}, "push-forward and pull-back disagree"),
        ({"pull": quadratic_in_g}, "gradient 0 is not linear in its cotangent"),
        ({"pull": affine_in_g}, "gradient 0 of a zero cotangent is not zero"),
        ({"pull": changed_argument}, "an argument or a cotangent was changed in place"),
        ({"pull": changed_cotangent}, "gradient 0 changes when repeated"),
        ({"pull": wrong_shape}, r"gradient 0 has shape \(\)"),
    ],
)
def test_a_broken_identity_is_named(fault, words, n):
    x = np.random.default_rng(0).normal(size=n)
    with pytest.raises(AssertionError, match=words):
        check_gradients(partial(scaled_tanh, **fault), (x,))


@pytest.mark.parametrize("scale", SCALES)
def test_a_push_forward_that_is_no_transpose_is_caught_at_any_scale(scale):
    """Detects a relative error of 1e-7, by <g, J t> = <J^T g, t>."""
    push = partial(lambda t, x, y: scale * push_too_large(t, x, y))
    f = partial(scaled_tanh, scale=scale, push=push)
    with pytest.raises(AssertionError, match="push-forward and pull-back disagree"):
        check_gradients(f, (np.array([0.5, -1.0, 2.0]),))


def test_a_gradient_that_depends_on_earlier_calls():
    calls = []

    def pull(g, x, y):
        calls.append(g)
        return g * (1 - y**2) * (1 + 1e-15 * len(calls))

    with pytest.raises(AssertionError, match="gradient 0 changes when repeated"):
        check_gradients(partial(scaled_tanh, pull=pull), (np.full(1000, 0.5),))


@pytest.mark.parametrize(
    ("owned", "words"),
    [
        (lambda g, like: g, "gradient 0 shares memory"),
        (lambda g, like: g.astype(np.float32), "gradient 0 is float32"),
    ],
)
def test_a_gradient_of_foreign_memory_or_type(owned, words, monkeypatch):
    """The engine copies what it returns; without the copy x + 0 hands g back."""
    f = partial(recorded, f=lambda x: +x, pull=lambda g, x, y: g, push=lambda t, *_: t)
    check_gradients(f, (np.ones(3),))
    monkeypatch.setattr("autodiff.run.owned", owned)
    with pytest.raises(AssertionError, match=words):
        check_gradients(f, (np.ones(3),))


def test_a_value_that_differentiation_changes():
    """Detects a relative difference of 1e-13 between f(x) and its recorded value."""

    def f(x):
        return np.tanh(x) * (1 + 1e-13 if type(x) is Tensor else 1)

    with pytest.raises(AssertionError, match="the value under differentiation"):
        check_gradients(f, (np.array([0.5, -1.0]),))


def test_a_fault_of_single_precision_alone():
    """float32 is compared with float64's derivative, not with finite differences."""

    def pull(g, x, y):
        return g * (1 - y**2) * x.dtype.type(1.001 if x.dtype == np.float32 else 1)

    f = partial(scaled_tanh, pull=pull, push=pull)
    x = np.array([0.5, -1.0, 2.0])
    check_gradients(f, (x,))
    with pytest.raises(AssertionError, match="float32 gradient 0"):
        check_gradients(f, (x.astype(np.float32),))


# No false alarm: 2,000 and more right gradients


def rosenbrock(x):
    return np.sum(100 * (x[1:] - x[:-1] ** 2) ** 2 + (1 - x[:-1]) ** 2)


def network(x):
    return np.tanh(np.outer(x, x) @ ad.relu(x)) * np.exp(-(x**2))


SMOOTH = {
    "exp": np.exp,
    "tanh": np.tanh,
    "sin": np.sin,
    "softplus": ad.softplus,
    "sigmoid": ad.sigmoid,
    "cube": lambda x: x**3,
    "product": np.prod,
    "sum of squares": lambda x: np.sum(x**2),
    "Rosenbrock": rosenbrock,
    "network": network,
    "logsumexp": ad.logsumexp,
    "softmax": ad.softmax,
    "std": np.std,
    "Gaussian": lambda x: np.exp(-50 * x**2),
    "Runge": lambda x: 1 / (1 + 25 * x**2),
    "steep": lambda x: np.tanh(30 * x),
    "oscillating": lambda x: np.sin(50 * x),
    "constant": lambda x: np.ones(3, x.dtype),
    "difference": lambda x: x - x,
    "offset 1e6": lambda x: np.tanh(x) + 1e6,
    "small beside an offset": lambda x: 1e-6 * np.tanh(x) - 10,
    "zero but for rounding": lambda x: np.sum(ad.softmax(x)),
}
HOMOGENEOUS = {
    "linear": lambda x: 3 * x,
    "square": lambda x: x**2,
    "sqrt": lambda x: np.sqrt(np.absolute(x)),
    "log": lambda x: np.log(np.absolute(x)),
    "reciprocal": lambda x: 1 / x,
    "norm": lambda x: np.sqrt(np.sum(x**2)),
    "mean": np.mean,
    "relu": ad.relu,
    "absolute": np.absolute,
    "max": np.max,
    "maximum": lambda x: np.maximum(x, x[::-1] / 2),
    "ratio": lambda x: x / np.sum(np.absolute(x)),
}
CASES = [(name, f, (1.0,)) for name, f in SMOOTH.items()]
CASES += [(name, f, (1e-8, 1.0, 1e8)) for name, f in HOMOGENEOUS.items()]
PER_CASE = 64


@pytest.mark.parametrize(
    ("f", "scales"), [case[1:] for case in CASES], ids=[case[0] for case in CASES]
)
def test_a_right_gradient_passes(f, scales):
    """Sizes 1 to 40, both precisions; finite differences decide 99% and more."""
    comparisons = inconclusive = 0
    for seed in range(PER_CASE):
        rng = np.random.default_rng(seed)
        dtype = np.float32 if seed % 4 == 3 else np.float64
        x = rng.choice(scales) * rng.normal(size=(1, 4, 10, 40)[seed // 4 % 4])
        report = check_gradients(f, (x.astype(dtype),), rng=seed)
        comparisons += report.comparisons
        inconclusive += report.inconclusive
    assert inconclusive <= 0.01 * comparisons


def test_the_number_of_right_gradients_is_as_promised():
    assert PER_CASE * len(CASES) >= 2000


@pytest.mark.parametrize(
    "f",
    [
        lambda a, b: np.sum(a * b),
        lambda a, b: a**3 + b**3,
        lambda a, b: a / (1 + b**2),
        lambda a, b: np.log(a**2 + b**2),
        lambda a, b: np.exp(a / 1e9) * b,
    ],
    ids=["product", "cubes", "ratio", "log", "exp"],
)
def test_arguments_of_very_different_sizes(f):
    """1e-8 to 1e8, between two arguments and among the entries of one."""
    for seed in range(30):
        rng = np.random.default_rng(seed)
        n = rng.integers(1, 8)
        size = 10.0 ** rng.uniform(-8, 8, (2, n) if seed % 2 else (2, 1))
        a, b = size * rng.normal(size=(2, n))
        report = check_gradients(f, (a, b), rng=seed)
        assert not report.inconclusive


# Kinks

KINKED = {
    "relu": ad.relu,
    "absolute": np.absolute,
    "maximum": lambda x: np.maximum(x, 0.0),
    "clip": lambda x: np.clip(x, 0.0, 1.0),
    "relu(x) + tanh(x)": lambda x: ad.relu(x) + np.tanh(x),
    "leaky": lambda x: np.where(x > 0, x, 0.01 * x),
    "shifted": lambda x: ad.relu(x + 1.0),
    "max": np.max,
}


def near_a_kink(name, n, distance, seed):
    """An argument whose first entry is at that distance from a kink of KINKED."""
    rng = np.random.default_rng((seed, n))
    x = rng.normal(size=n)
    x[0] = distance * rng.choice([-1, 1]) - (name == "shifted")
    if name == "max":
        x[0] += np.max(x[1:], initial=-5.0)
    return x


def verdict(f, x, order):
    """right, undecided (in part or in all), or the complaint."""
    try:
        report = check_gradients(f, (x,), order=order)
    except AssertionError as error:
        return "undecided" if "decide nothing" in str(error) else str(error)
    return "undecided" if report.inconclusive else "right"


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("distance", [1e-12, 1e-9, 1e-8, 1e-7, 1e-5, 1e-3, 0.1])
@pytest.mark.parametrize("name", KINKED)
def test_a_right_gradient_near_a_kink_is_never_called_wrong(name, distance, order):
    """A stencil over a kink is inconclusive; with 1e-7 of room, none reaches it."""
    for n in (1, 4, 40):
        x = near_a_kink(name, n, distance, seed=n)
        found = verdict(KINKED[name], x, order)
        assert found == "right" or (found == "undecided" and distance < 1e-7)


@pytest.mark.parametrize("distance", [1e-7, 1e-5, 1e-3, 0.1])
def test_a_wrong_gradient_near_a_kink_is_caught(distance):
    """Detects a factor of 1.001 in the slope beside the kink of relu(x + 1)."""

    def wrong(g, x, y):
        return 1.001 * g * (x > -1)

    f = partial(recorded, f=lambda x: np.maximum(x + 1, 0), pull=wrong, push=wrong)
    x = near_a_kink("shifted", 4, distance, seed=0)
    x[0] = distance - 1
    with pytest.raises(AssertionError, match="the gradient is wrong"):
        check_gradients(f, (x,))


def test_entries_at_a_kink_are_inconclusive_and_hide_no_other():
    x = np.array([0.0, 1.0, -2.0, 3.0])
    report = check_gradients(ad.relu, (x,))
    assert report.inconclusive == 4  # three random directions, and the first entry
    assert report.comparisons == 7

    def wrong(g, x, y):
        return g * (x > 0) * np.array([1.0, 1.0, 1.0, 1.001])

    f = partial(recorded, f=ad.relu, pull=wrong, push=wrong)
    with pytest.raises(AssertionError, match=r"most at argument\[0\]\[3\]"):
        check_gradients(f, (x,))


@pytest.mark.parametrize("order", [1, 2])
@pytest.mark.parametrize("n", [1, 40])
@pytest.mark.parametrize("f", [ad.relu, lambda x: np.clip(x, 0.0, 1.0)])
def test_a_check_that_can_decide_nothing_does_not_pass(f, n, order):
    with pytest.raises(AssertionError, match="finite differences decide nothing here"):
        check_gradients(f, (np.zeros(n),), order=order)


def test_rounding_noise_above_the_derivative_decides_nothing():
    """A kink at 1e-5 leaves steps of 1e-7 at most, over which 1e6 + x is rounded."""
    with pytest.raises(AssertionError, match="rounding noise"):
        check_gradients(lambda x: ad.relu(x + 1) + 1e6, (np.array([1e-5 - 1]),))


def test_jumps_decide_nothing():
    """The derivative of |x| jumps at 0: at second order there is no right answer."""
    with pytest.raises(AssertionError, match="finite differences decide nothing here"):
        check_gradients(np.absolute, (np.zeros(40),), order=2)


def test_conventions_at_kinks_that_do_not_cancel_are_caught():
    """relu(x) - relu(-x) is x, but by relu'(0) = 0 its gradient at 0 is 0."""
    with pytest.raises(AssertionError, match="analytic 0, numeric 1 within"):
        check_gradients(lambda x: ad.relu(x) - ad.relu(-x), (np.zeros(1),))


# What it says


@dataclass(eq=False)
class Model:
    weights: np.ndarray
    bias: np.ndarray
    temperature: float = 2.0


@pytest.mark.parametrize(
    ("path", "faulty"),
    [
        ("argument[0].weights[1, 2]", lambda tree, fault: fault(tree[0].weights)),
        ("argument[0].bias[0]", lambda tree, fault: fault(tree[0].bias)),
        ("argument[1]['rates'][1][1]", lambda tree, fault: fault(tree[1]["rates"][1])),
        ("argument[2]", lambda tree, fault: fault(tree[2])),
    ],
)
def test_the_message_names_the_worst_entry(path, faulty):
    """By path and index, with both numbers: here the analytic one is 1.5 times f's."""
    index = tuple(map(int, re.findall(r"\d+", path.rpartition("[")[2])))
    index = () if path == "argument[2]" else index

    def f(*tree):
        def fault(x):
            weights = np.ones(x.shape)
            weights[index] = 1.5
            pull = partial(lambda g, x, y: g * weights * np.cos(x))
            return np.sum(recorded(x, np.sin, pull, pull))

        leaves = ad.tree_leaves(tree)
        return faulty(tree, fault) + sum(np.sum(np.tanh(x)) for x in leaves)

    rng = np.random.default_rng(0)
    model = Model(rng.normal(size=(2, 3)), rng.normal(size=2))
    args = model, {"rates": [rng.normal(size=3), rng.normal(size=2)]}, np.array(0.4)
    with pytest.raises(AssertionError) as caught:
        check_gradients(f, args)
    number = r"(-?\d[\d.e+-]*)"
    pattern = rf"most at (\S+): analytic {number}, numeric {number} within {number}$"
    found = re.search(pattern.replace(r"(\S+)", r"(.+?)"), str(caught.value))
    assert found is not None, caught.value
    assert found[1] == path
    analytic, numeric, bound = map(float, found.groups()[1:])
    leaves = dict(zip(ad.tree_paths(args), ad.tree_leaves(args), strict=True))
    paths = ["[0].weights", "[0].bias", "[1]['rates'][1]", "[2]"]
    leaf = leaves[max((p for p in paths if path[8:].startswith(p)), key=len)]
    x = leaf[index]
    slope = 1 - np.tanh(x) ** 2
    np.testing.assert_allclose(analytic, slope + 1.5 * np.cos(x), rtol=1e-12)
    np.testing.assert_allclose(numeric, slope + np.cos(x), rtol=1e-9)
    assert abs(numeric - slope - np.cos(x)) <= 10 * bound < 1e-8


def test_the_worst_of_a_thousand_entries_is_found():
    weights, order = one_entry(0.0, 1000, 777)
    f = partial(faulty_tanh, scale=1e-12, weights=weights, order=order)
    x = np.random.default_rng(0).normal(size=1000)
    with pytest.raises(AssertionError, match=r"argument\[0\]\[777\]: analytic 0,"):
        check_gradients(f, (x,))


def test_trees_of_arguments_and_results():
    def f(model, rest):
        y = np.tanh(model.weights @ rest["x"] + model.bias) / model.temperature
        return {"y": y, "total": [np.sum(y), np.prod(y)]}

    rng = np.random.default_rng(0)
    model = Model(rng.normal(size=(2, 3)), rng.normal(size=2))
    report = check_gradients(f, (model, {"x": rng.normal(size=3), "n": 3}), order=2)
    assert report.comparisons == 2 * (3 + 11)
    assert report.inconclusive == 0


def test_the_report_counts_comparisons():
    """Random directions, and up to 32 numbers every entry, once an order."""
    x = np.linspace(0.1, 1.0, 32)
    assert check_gradients(np.sin, (x,)).comparisons == 3 + 32
    assert check_gradients(np.sin, (x,), directions=0).comparisons == 32
    assert check_gradients(np.sin, (np.tile(x, 2),)).comparisons == 3
    assert check_gradients(np.sin, (x,), order=3, directions=5).comparisons == 111
    assert check_gradients(np.sin, (np.zeros((0, 3)),)).inconclusive == 0


def test_the_report_states_the_largest_difference():
    """rtol is what is allowed: a fault of 1e-6 passes 1e-4, and is what is reported."""
    x = np.linspace(0.1, 1.0, 4)
    weights, order = all_entries(1 + 1e-6, 4, 0)
    f = partial(faulty_tanh, scale=1.0, weights=weights, order=order)
    report = check_gradients(f, (x,), rtol=1e-4)
    np.testing.assert_allclose(report.worst, 1e-6, rtol=1e-3)
    assert check_gradients(np.tanh, (x,)).worst < 1e-11


def test_the_directions_are_those_of_the_seed():
    x = np.linspace(0.1, 1.0, 50)
    worst = [check_gradients(np.tanh, (x,), rng=seed).worst for seed in (0, 0, 1)]
    assert worst[0] == worst[1] != worst[2]


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_arguments_are_left_as_they_are(dtype):
    x = np.linspace(0.1, 1.0, 4, dtype=dtype)
    check_gradients(np.tanh, (x,), order=2)
    np.testing.assert_array_equal(x, np.linspace(0.1, 1.0, 4, dtype=dtype))


@pytest.mark.parametrize(
    ("f", "args"),
    [
        (lambda x: None, (np.ones(3),)),
        (lambda x: np.argmax(x), (np.ones(3),)),
        (lambda n: np.ones(n), (3,)),
    ],
    ids=["no result", "integer result", "integer argument"],
)
def test_nothing_to_check_is_no_pass(f, args):
    with pytest.raises((TypeError, AssertionError), match="floating-point numbers"):
        check_gradients(f, args)


@pytest.mark.parametrize("f", [np.sqrt, np.log, np.reciprocal])
def test_values_and_gradients_that_are_not_finite(f):
    with (
        np.errstate(all="ignore"),
        pytest.raises(AssertionError, match="not finite"),
    ):
        check_gradients(f, (np.array([0.0, 1.0]),))
