"""What all first-order methods do alike, from the table in methods.py."""

import copy
import dataclasses
import math
from dataclasses import dataclass

import numpy as np
import pytest

from autodiff import tree_leaves
from optim import (
    CosineDecay,
    ExponentialDecay,
    InverseTimeDecay,
    NonFiniteError,
    StepDecay,
    WarmUp,
)
from optim.schedules import Schedule
from optim.settings import TINY
from tests.optim.methods import METHODS, SCALED

DTYPES = [np.float32, np.float64]


@pytest.fixture(params=METHODS.values(), ids=METHODS.keys())
def method(request):
    return request.param


@pytest.fixture(params=SCALED.values(), ids=SCALED.keys())
def scaled(request):
    """A method that divides the gradient by a root mean square."""
    return request.param


@dataclass(eq=False)
class Pair:
    first: np.ndarray
    second: np.ndarray
    name: str = "pair"


def make_pair(dtype=np.float64, seed=0):
    rng = np.random.default_rng(seed)
    return Pair(
        rng.standard_normal((3, 4)).astype(dtype),
        rng.standard_normal(5).astype(dtype),
    )


def held(optimizer):
    """Return all that an optimizer holds, arrays as bytes."""
    return {
        name: [array.tobytes() for array in value] if isinstance(value, list) else value
        for name, value in vars(optimizer).items()
    }


def everything(model, optimizer):
    """Return every bit of a model and of its optimizer."""
    return [leaf.tobytes() for leaf in tree_leaves(model)], held(optimizer)


# 1. The numbers


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_kernel_equals_the_plain_lines(method, dtype):
    """Step by step from the same state: no error of an earlier step is forgiven.

    Bit for bit without hypot. With it r may differ by 4 ulp and the move by 8: an
    error of one part in 10^6 is seen in float32, one in 10^15 in float64.
    """
    rng = np.random.default_rng(1)
    model, optimizer = [rng.standard_normal(300).astype(dtype)], method.make()
    slots = [np.zeros(300, dtype) for _ in method.slots]
    for t in range(1, 31):
        g = 10.0 ** rng.uniform(-6, 6, 300) * rng.choice([-1, 1], 300)
        g, before = g.astype(dtype), model[0].copy()
        theta, expected = method.step(before, g, slots, t)
        optimizer.step(model, [g])
        slots = [getattr(optimizer, name)[0] for name in method.slots]
        assert theta.dtype == model[0].dtype == dtype
        eps = 0 if method.is_exact else np.finfo(dtype).eps
        bound = eps * (np.abs(theta) + 8 * np.abs(theta - before))
        assert np.all(np.abs(model[0] - theta) <= bound)
        for ours, plain in zip(slots, expected, strict=True):
            assert plain.dtype == ours.dtype == dtype
            assert np.all(np.abs(ours - plain) <= 4 * eps * np.abs(plain))
    assert optimizer.steps == 30


def test_ten_steps_equal_the_method_of_the_paper(method):
    """To 1e-15 of parameters below one that move by about 0.1 in all.

    Ten roundings of theta are 5e-16; a coefficient wrong by 10^-13 would be seen.
    """
    rng = np.random.default_rng(2)
    start, gradients = rng.uniform(-0.5, 0.5, 50), rng.uniform(-0.1, 0.1, (10, 50))
    model, optimizer = [start.copy()], method.make()
    path = method.exact_path(start, gradients)[1:]
    for g, exact in zip(gradients, path, strict=True):
        optimizer.step(model, [g])
        error = model[0] - exact.astype(float)
        assert np.max(np.abs(error)) < 1e-15
    assert 0.02 < np.max(np.abs(model[0] - start)) < 0.5


SIZES = {
    np.float32: [1e-45, 1e-40, 1e-38, 1e-30, 1e-23, 1e-10, 1, 1e10, 1e20, 1e30, 1e38],
    np.float64: [5e-324, 1e-310, 1e-300, 1e-163, 1e-50, 1, 1e50, 1e155, 1e200, 1e307],
}


@pytest.mark.parametrize("epsilon", [1e-8, TINY])
@pytest.mark.parametrize("dtype", DTYPES)
def test_gradients_of_any_size_are_followed(scaled, dtype, epsilon):
    """Equal to exact arithmetic, though the squares of most of them are not numbers.

    The first entries keep one size each, from the smallest number of the dtype to
    almost the largest; as many draw a new size at every step. The error is measured by
    the distance that gradients of one sign would go, which no cancellation shortens: 32
    eps of it, and below `lost` what denormal gradients lose when they are multiplied.
    Were the second moment rounded to zero or infinity, all would be lost. (Most of the
    32 is Adam's in float64, where 1 - beta2^t has lost three digits of sixteen.)
    """
    rng = np.random.default_rng(3)
    sizes = np.array(SIZES[dtype])
    n, steps, rate = len(sizes), 5, scaled.settings["learning_rate"]
    drawn = [np.concatenate([sizes, rng.choice(sizes, n)]) for _ in range(steps)]
    signs = rng.choice([-1, 1], (steps, 2 * n))
    gradients = (signs * rng.uniform(0.5, 1, (steps, 2 * n)) * drawn).astype(dtype)
    model, optimizer = [np.zeros(2 * n, dtype)], scaled.make(epsilon=epsilon)
    for g in gradients:
        optimizer.step(model, [g])
    exact = scaled.exact_path(np.zeros(2 * n), gradients, epsilon=epsilon)[-1]
    reach = scaled.exact_path(np.zeros(2 * n), abs(gradients), epsilon=epsilon)[-1]
    info = np.finfo(dtype)
    lost = 16 * steps * rate * float(info.smallest_subnormal) / epsilon
    bound = 32 * float(info.eps) * abs(reach.astype(float)) + lost
    assert np.all(np.abs(model[0] - exact.astype(float)) <= bound)


@pytest.mark.parametrize(
    ("dtype", "exponent"),
    [(np.float32, -40), (np.float32, 60), (np.float64, -40), (np.float64, 900)],
)
def test_the_scale_of_the_loss_changes_no_bit(scaled, dtype, exponent):
    # A power of two changes no mantissa, and this epsilon is rounded away.
    rng, ends = np.random.default_rng(4), []
    gradients = rng.standard_normal((20, 50)).astype(dtype)
    for scale in (1, 2.0**exponent):
        model, optimizer = [np.ones(50, dtype)], scaled.make(epsilon=TINY)
        for g in gradients:
            optimizer.step(model, [g * dtype(scale)])
        ends.append(model[0])
    assert np.array_equal(*ends)
    assert np.all(ends[0] != 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"AdamW"}))
def test_a_gradient_of_zero_moves_nothing(name, dtype):
    changed = {"epsilon": TINY} if name in SCALED else {}
    model, optimizer = [np.ones(3, dtype)], METHODS[name].make(**changed)
    for _ in range(3):
        optimizer.step(model, [np.zeros(3, dtype)])
    assert np.array_equal(model[0], np.ones(3))


# 2. The arrays


@pytest.mark.parametrize("dtype", DTYPES)
def test_the_arrays_stay_the_same_objects_of_the_same_dtype(method, dtype):
    model, gradient, optimizer = make_pair(dtype), make_pair(dtype, 1), method.make()
    first, second, before = model.first, model.second, copy.deepcopy(model)
    optimizer.step(model, gradient)
    assert model.first is first
    assert model.second is second
    assert first.dtype == second.dtype == dtype
    sign = np.sign(before.first - first)
    expected = np.sign(gradient.first)
    assert np.mean(sign == expected) > 0.9  # the decay of AdamW may turn a few


def test_slots_are_empty_before_step_one_and_then_like_the_leaves(method):
    model = {"a": np.zeros((2, 3), np.float32), "b": [np.zeros(4), np.array(1.0)]}
    optimizer = method.make()
    assert [getattr(optimizer, name) for name in method.slots] == [
        [] for _ in method.slots
    ]
    assert optimizer.slots == method.slots
    assert optimizer.steps == 0
    optimizer.step(model, copy.deepcopy(model))
    given = [(leaf.shape, leaf.dtype) for leaf in tree_leaves(model)]
    for name in method.slots:
        arrays = getattr(optimizer, name)
        assert [(array.shape, array.dtype) for array in arrays] == given
    assert optimizer.steps == 1


def test_the_gradient_is_only_read(method):
    model, gradient, optimizer = make_pair(), make_pair(seed=1), method.make()
    gradient.first.flags.writeable = False
    gradient.second = np.broadcast_to(np.float64(2.0), 5)
    optimizer.step(model, gradient)
    assert np.array_equal(gradient.first, make_pair(seed=1).first)
    assert np.array_equal(gradient.second, np.full(5, 2.0))


def test_any_tree_of_arrays_is_a_model(method):
    def tree(seed):
        rng = np.random.default_rng(seed)
        point, empty = np.array(rng.standard_normal()), np.zeros((0, 3))
        both = (empty, rng.random((2, 2, 2)))
        return {"a": [make_pair(seed=seed), point], "b": both, "n": 3}

    model, gradient, optimizer = tree(0), tree(1), method.make()
    leaves, gradients = tree_leaves(model), tree_leaves(gradient)
    alone = [leaf.copy() for leaf in leaves]
    optimizer.step(model, gradient)
    for leaf, array, g in zip(leaves, alone, gradients, strict=True):
        before = array.copy()
        method.make().step([array], [g])
        assert np.array_equal(leaf, array)
        assert np.all(array != before)


def test_both_precisions_fit_in_one_model(method):
    mixed, optimizer = [np.ones(3, np.float32), np.ones(3)], method.make()
    optimizer.step(mixed, [np.full(3, 0.1, np.float32), np.full(3, 0.1)])
    for leaf in mixed:
        alone = [np.ones(3, leaf.dtype)]
        method.make().step(alone, [np.full(3, 0.1, leaf.dtype)])
        assert np.array_equal(leaf, alone[0])


LAYOUTS = {
    "Fortran": np.asfortranarray,
    "transposed": lambda a: np.ascontiguousarray(a.T).T,
    "reversed": lambda a: np.ascontiguousarray(a[::-1])[::-1],
    "every second": lambda a: np.repeat(a, 2, axis=1)[:, ::2],
}


@pytest.mark.parametrize("layout", LAYOUTS.values(), ids=LAYOUTS.keys())
def test_layouts_change_no_bit(method, layout):
    plain, laid_out = make_pair(), make_pair()
    laid_out.first = layout(laid_out.first)
    assert not laid_out.first.flags.c_contiguous
    one, other = method.make(), method.make()
    for seed in range(1, 4):
        gradient, same = make_pair(seed=seed), make_pair(seed=seed)
        same.first = layout(same.first)
        one.step(plain, gradient)
        other.step(laid_out, same)
    assert np.array_equal(plain.first, laid_out.first)
    assert held(one) == held(other)
    assert not np.array_equal(plain.first, make_pair().first)


def test_reassigned_arrays_are_the_ones_that_move(method):
    model, same = make_pair(), make_pair()
    one, other = method.make(), method.make()
    for seed in range(1, 4):
        one.step(model, make_pair(seed=seed))
        other.step(same, make_pair(seed=seed))
        old = same.first
        same.first = old.copy()
        old[...] = np.nan
    assert np.array_equal(model.first, same.first)


def test_an_optimizer_keeps_no_array_of_model_or_gradient(method):
    model, gradient, optimizer = make_pair(), make_pair(seed=1), method.make()
    optimizer.step(model, gradient)
    optimizer.step(model, gradient)
    kept = [array for name in method.slots for array in getattr(optimizer, name)]
    for given in tree_leaves(model) + tree_leaves(gradient):
        assert not any(np.shares_memory(given, array) for array in kept)


def test_a_copied_optimizer_goes_on_by_itself(method):
    model, optimizer = make_pair(), method.make()
    optimizer.step(model, make_pair(seed=1))
    twin, twin_model = copy.deepcopy(optimizer), copy.deepcopy(model)
    frozen = held(twin)
    optimizer.step(model, make_pair(seed=2))
    optimizer.step(model, make_pair(seed=3))
    assert held(twin) == frozen
    twin.step(twin_model, make_pair(seed=2))
    twin.step(twin_model, make_pair(seed=3))
    assert everything(model, optimizer) == everything(twin_model, twin)


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"SGD"}))
def test_slots_belong_to_one_model(name):
    optimizer = METHODS[name].make()
    optimizer.step([np.ones(3)], [np.ones(3)])
    before = held(optimizer)
    for other in ([np.ones(4)], [np.ones(3, np.float32)], [np.ones(3), np.ones(3)]):
        with pytest.raises(ValueError, match=f"make a new {name} for this one"):
            optimizer.step(other, other)
    assert held(optimizer) == before


# 3. A step happens whole or not at all


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
@pytest.mark.parametrize("dtype", DTYPES)
@np.errstate(invalid="ignore")  # an undecorated kernel warns of inf / inf
def test_a_gradient_that_is_not_finite_touches_nothing(method, bad, dtype):
    model, optimizer = make_pair(dtype), method.make()
    optimizer.step(model, make_pair(dtype, 1))
    gradient = make_pair(dtype, 2)
    gradient.second[3] = bad
    before = everything(model, optimizer)
    with pytest.raises(
        NonFiniteError, match=r"model\.second: .* in 1 of 5 entries; no"
    ):
        optimizer.step(model, gradient)
    assert everything(model, optimizer) == before


@np.errstate(invalid="ignore")
def test_a_refused_first_step_leaves_no_trace(method):
    model, optimizer = make_pair(), method.make()
    before = everything(model, optimizer)
    gradient = Pair(np.ones((3, 4)), np.full(5, np.nan))
    with pytest.raises(NonFiniteError, match=r"model\.second: .* in 5 of 5"):
        optimizer.step(model, gradient)
    assert everything(model, optimizer) == before
    optimizer.step(model, make_pair(seed=1))
    same = make_pair()
    method.make().step(same, make_pair(seed=1))
    assert np.array_equal(model.first, same.first)


@pytest.mark.parametrize(
    ("dtype", "parameter", "rate"),
    [
        (np.float64, -1.79e308, 1e307),
        (np.float32, -3.4e38, 1e37),
        (np.float64, np.nan, 0.1),
        (np.float32, np.nan, 0.1),
        (np.float64, np.inf, 0.1),
        (np.float32, -np.inf, 0.1),
    ],
)
@np.errstate(over="ignore", invalid="ignore")
def test_a_parameter_that_would_not_be_finite_touches_nothing(
    method, dtype, parameter, rate
):
    changed = {"weight_decay": 0.0} if "weight_decay" in method.settings else {}
    model, optimizer = make_pair(dtype), method.make(learning_rate=rate, **changed)
    model.first[...] = 0
    model.second[3] = parameter
    gradient = Pair(np.zeros((3, 4), dtype), np.zeros(5, dtype))
    gradient.second[3] = 1
    before = everything(model, optimizer)
    with pytest.raises(NonFiniteError, match=r"model\.second: .* in 1 of 5"):
        optimizer.step(model, gradient)
    assert everything(model, optimizer) == before


# 4. The rate

SCHEDULES = [
    StepDecay(0.1, 0.5, every=3),
    ExponentialDecay(0.1, 0.5, every=3),
    CosineDecay(0.1, steps=8),
    InverseTimeDecay(0.1, half=3),
    WarmUp(3, CosineDecay(0.1, steps=4)),
]


@pytest.mark.parametrize("schedule", SCHEDULES, ids=lambda s: type(s).__name__)
def test_a_schedule_equals_a_rate_set_by_hand(method, schedule):
    model, same = make_pair(), make_pair()
    driven, by_hand = method.make(learning_rate=schedule), method.make()
    for t in range(10):
        by_hand.learning_rate = schedule(t)
        assert driven.rate == by_hand.rate == schedule(t)
        driven.step(model, make_pair(seed=t + 1))
        by_hand.step(same, make_pair(seed=t + 1))
        assert np.array_equal(model.first, same.first)
        assert np.array_equal(model.second, same.second)


@pytest.mark.parametrize("name", sorted(METHODS.keys() - {"Nesterov", "Momentum"}))
def test_at_the_end_of_a_cosine_nothing_moves(name):
    optimizer = METHODS[name].make(learning_rate=CosineDecay(0.1, steps=2))
    model = make_pair()
    for seed in (1, 2):
        optimizer.step(model, make_pair(seed=seed))
    before = copy.deepcopy(model)
    optimizer.step(model, make_pair(seed=3))
    assert np.array_equal(model.first, before.first)
    assert optimizer.steps == 3


@dataclass(frozen=True)
class Broken(Schedule):
    value: float

    def __call__(self, t):
        return self.value if t == 1 else 0.1


@pytest.mark.parametrize("value", [math.nan, -1e-3, math.inf])
def test_a_schedule_that_gives_no_rate_is_refused(method, value):
    model, optimizer = make_pair(), method.make(learning_rate=Broken(value))
    optimizer.step(model, make_pair(seed=1))
    before = everything(model, optimizer)
    with pytest.raises(ValueError, match=rf"gave the rate {value} after 1 steps"):
        optimizer.step(model, make_pair(seed=2))
    assert everything(model, optimizer) == before


@pytest.mark.parametrize("rate", [0, 0.0, -0.1, np.nan, np.inf, -np.inf])
def test_a_number_that_is_no_rate_is_refused(method, rate):
    with pytest.raises(ValueError, match=r"learning_rate is .* positive, finite"):
        method.make(learning_rate=rate)


@pytest.mark.parametrize("rate", ["0.1", None, lambda t: 0.1, np.ones(2)])
def test_what_is_neither_number_nor_schedule_is_refused(method, rate):
    with pytest.raises(TypeError, match=r"give a number, or a Schedule such as"):
        method.make(learning_rate=rate)


def test_a_rate_that_rounds_to_zero_is_refused(method):
    model = [np.ones(2), np.ones(2, np.float32)]
    gradient = copy.deepcopy(model)
    with pytest.raises(ValueError, match=r"learning_rate is 1e-60, .* zero in float32"):
        method.make(learning_rate=1e-60).step(model, gradient)
    assert np.array_equal(model, np.ones((2, 2)))
    double = [np.zeros(2)]
    method.make(learning_rate=1e-60).step(double, [np.ones(2)])
    assert np.all(double[0] < 0)


def test_a_schedule_may_fall_to_what_rounds_to_zero(method):
    model, rest = [np.zeros(2, np.float32)], {}
    if "weight_decay" in method.settings:
        rest = {"weight_decay": 0.0}
    schedule = StepDecay(0.1, 1e-60, every=1)
    optimizer = method.make(learning_rate=schedule, **rest)
    optimizer.step(model, [np.ones(2, np.float32)])
    assert np.all(model[0] < 0)
    if method.slots == ("velocities",):
        optimizer.velocities[0][...] = 0
    before = model[0].copy()
    optimizer.step(model, [np.ones(2, np.float32)])
    assert np.array_equal(model[0], before)


@pytest.mark.parametrize(
    ("name", "setting"), [("SGD", "learning_rate"), ("Adam", "epsilon")]
)
def test_a_setting_too_large_for_the_precision_is_refused(name, setting):
    # Not met with NumPy's warning of the cast, nor with steps that are silently zero.
    model, optimizer = [np.ones(2, np.float32)], METHODS[name].make(**{setting: 1e39})
    with pytest.raises(ValueError, match=rf"{setting} is 1e\+39.* float32"):
        optimizer.step(model, [np.ones(2, np.float32)])
    assert np.array_equal(model[0], np.ones(2))


def test_a_table_row_names_every_setting(method):
    """So that a setting added to an optimizer is added to these tests."""
    fields = dataclasses.fields(method.kind)
    assert {f.name for f in fields if f.init} == method.settings.keys()


@pytest.mark.parametrize("name", ["RMSprop", "Adam", "AdamW"])
def test_no_step_goes_beyond_the_reach(name):
    """Against random gradients of all sizes, and against those that go furthest.

    A run of gradients that falls like (beta1 / beta2)^i into the past has the largest
    m / r: it detects a bound that is too small, and one ten times too large.
    """
    optimizer = METHODS[name].make()
    reach, furthest = optimizer.reach(), 0.0
    beta1, beta2 = (getattr(optimizer, b, 0.0) for b in ("beta1", "beta2"))
    growth = beta2 / beta1 if beta1 else 1e3
    rng = np.random.default_rng(0)
    signs = rng.choice([-1.0, 1.0], (60, 50))
    runs = [10 ** rng.uniform(-8, 8, (60, 50)) * signs, growth ** np.arange(60.0)]
    for gradients in runs:
        model, optimizer = [np.zeros(50)], METHODS[name].make()
        for g in gradients:
            before = model[0].copy()
            optimizer.step(model, [np.broadcast_to(g, 50).copy()])
            furthest = max(furthest, np.abs(model[0] - before).max())
    assert furthest <= reach
    assert furthest >= (1 - beta1) * reach / 20
