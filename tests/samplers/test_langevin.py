"""Langevin dynamics: its steps, its bias by formula, its company, its refusals."""

import multiprocessing
import pickle
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import numpy as np
import pytest
from scipy.special import ndtr

from samplers import langevin, mala, noise
from samplers.chains import Chains
from samplers.double_well import double_well_target
from samplers.langevin import Langevin
from samplers.mala import MALA
from samplers.mixture import mixture_target
from samplers.target import Target
from tests.samplers import langevin_checks
from tests.samplers.langevin_checks import KEY, WELL, advanced, gaussian
from tests.samplers.without_jit import bits_without_jit

OF_BOTH = [
    langevin_checks.check_affine_map,
    langevin_checks.check_reference,
    langevin_checks.check_company,
    langevin_checks.check_splitting,
    langevin_checks.check_pieces,
    langevin_checks.check_a_state_that_overflows,
]
OF_LANGEVIN = [
    langevin_checks.check_stationary_variance,
    langevin_checks.check_first_order_bias,
]
BOTH = pytest.mark.parametrize("make", [Langevin, MALA])
PAIRS = [(Langevin, np.float32), (MALA, np.float64)]  # few, as each is compiled
COMPILED = pytest.mark.parametrize(("make", "dtype"), PAIRS)


@pytest.mark.exact
@pytest.mark.parametrize("module", [langevin, mala], ids=lambda m: m.__name__)
@pytest.mark.parametrize("check", OF_BOTH, ids=lambda check: check.__name__)
def test_exactly(check, module):
    check(module)


@pytest.mark.exact
@pytest.mark.parametrize("check", OF_LANGEVIN, ids=lambda check: check.__name__)
def test_the_unadjusted_one_exactly(check):
    check(langevin)


def bumpy_score(x, out):
    a, b = x.T
    out[:, 0] = -a - 0.3 * b - 0.6 * np.cos(a) * np.cos(2 * b)
    out[:, 1] = -b - 0.3 * a + 1.2 * np.sin(a) * np.sin(2 * b)


def bumpy_energy(x, out):
    a, b = x.T
    out[:] = (a**2 + b**2) / 2 + 0.3 * a * b + 0.6 * np.sin(a) * np.cos(2 * b)


def test_the_bias_to_first_order_in_the_plane():
    """As in check_first_order_bias, where the coordinates depend on each other."""
    axis = np.linspace(-3.6, 3.6, 41)
    a, b = (each.ravel() for each in np.meshgrid(axis, axis))
    laplacian = 2 - 3 * np.sin(a) * np.cos(2 * b)
    target, x = Target(bumpy_score, 2, bumpy_energy), np.stack([a, b], axis=1)
    langevin_checks.assert_first_order(
        langevin, target, laplacian, x, (0.06, 0.03), 0.5
    )


def test_the_bias_is_seen_in_chains():
    """400,000 chains; sees the variance of the target, and one that is off by 1.2 %."""
    n, s, eta, T = 400_000, 0.5, 0.02, 1.5
    state = np.random.default_rng(0).normal(0, s * np.sqrt(T), size=(n, 1))
    state, _ = advanced(Langevin(gaussian([[s**2]]), eta, T), state, 1, thin=60)
    error = np.sqrt(2 / n)
    assert abs(np.var(state) / (s**2 * T / (1 - eta / (2 * s**2))) - 1) / error < 5.03
    assert (np.var(state) / (s**2 * T) - 1) / error > 10


def test_the_bias_is_without_limit():
    """Beyond eta = 4 s^2 a state grows, until it is no number, and the chain stops."""
    state = np.ones((1, 1))
    with pytest.raises(langevin.DivergenceError, match="smaller steps") as error:
        advanced(Langevin(gaussian([[1.0]]), 4.5), state, 1000, step=3)
    assert 0 < error.value.step < 1003


def test_far_out_in_the_double_well_each_step_leads_further():
    """That is where x^2 > 1 + 1 / (2 eta): one in 70 of N(0, 1) for eta = 0.1."""
    sampler, end = Langevin(WELL, 0.1), np.sqrt(1 + 1 / 0.2)
    assert 2 * ndtr(-end) == pytest.approx(1 / 70, rel=0.01)
    x = np.array([[0.99], [1.01], [-0.99], [-1.01]]) * end
    further = np.abs(langevin_checks.proposed(sampler, x, 0.0)) > np.abs(x)
    assert further[:, 0].tolist() == [False, True, False, True]
    with pytest.raises(langevin.DivergenceError, match="the state"):
        Chains(Langevin(double_well_target(), 0.1), 1000, rng=0).run(100)


# Compiled, and run by others


def mixture(dtype=np.float64):
    return mixture_target([0.3, 0.7], [[-1, 0], [1, 0.5]], [0.6, 0.4], dtype=dtype)


@COMPILED
def test_a_compiled_score_and_a_python_score_give_the_same(make, dtype):
    """The same bits, because the lines of the target are the same, compiled."""
    target = mixture(dtype)

    def score(x, out, *params):
        target.score(x, out, *params)

    def energy(x, out, *params):
        target.energy(x, out, *params)

    in_python = Target(score, 2, energy, target.params, dtype)
    state = make(target, 0.1).start(KEY, 50)
    assert state.dtype == dtype
    _, compiled = advanced(make(target, 0.1), state, 40)
    _, by_calls = advanced(make(in_python, 0.1), state, 40)
    assert compiled.dtype == dtype
    assert np.array_equal(compiled, by_calls)


@pytest.mark.exact
@BOTH
def test_in_float32_chains_are_those_of_float64_for_a_while(make):
    state = make(gaussian(np.eye(2), np.float32), 0.1).start(KEY, 4)
    target, sizes = gaussian([[1.0, 0.3], [0.3, 1.0]], np.float32), (0.3, 2.0)
    noise = np.random.default_rng(0).normal(size=(2, 6, 4)).astype(np.float32)
    u = [np.random.default_rng(1).random((6, 4))] if make is MALA else []
    single = langevin_checks.stepped(make(target, *sizes), state, noise, *u)
    sampler = make(gaussian([[1.0, 0.3], [0.3, 1.0]]), *sizes)
    double = langevin_checks.stepped(sampler, state.astype(float), noise * 1.0, *u)
    assert single.dtype == np.float32
    np.testing.assert_allclose(single, double, rtol=0, atol=1e-5)


@COMPILED
def test_chains_do_not_depend_on_blocks_or_threads(make, dtype, monkeypatch):
    sampler = make(mixture(dtype), np.linspace(0.05, 0.2, 10))
    draws = Chains(sampler, 10, rng=0, burn_in=2, thin=3).run(20)
    monkeypatch.setattr(noise, "NUMBERS", 12)
    chains = Chains(sampler, 10, rng=0, burn_in=2, thin=3)
    with ThreadPoolExecutor(2) as threads:
        assert np.array_equal(chains.run(20, executor=threads), draws)


@COMPILED
def test_a_checkpoint_goes_on(make, dtype, tmp_path):
    sampler, path = make(mixture(dtype), 0.1, 2.0), tmp_path / "chains.npz"
    whole = Chains(sampler, 3, rng=0, thin=2).run(9)
    Chains(sampler, 3, rng=0, thin=2).run(4, checkpoint=path)
    resumed = Chains.load(path, sampler)
    assert np.array_equal(resumed.run(9), whole)
    for other, words in (
        (make(mixture(dtype), 0.2, 2.0), "another step_size"),
        (make(gaussian(np.eye(2), dtype), 0.1, 2.0), "another target"),
        ((MALA if make is Langevin else Langevin)(mixture(dtype), 0.1, 2.0), "class"),
    ):
        with pytest.raises(ValueError, match=words):
            Chains.load(path, other)


def test_samplers_can_be_sent_to_another_process():
    sampler = Langevin(double_well_target(), 0.1)
    draws = Chains(sampler, 4, rng=0).run(3)
    chains = Chains(pickle.loads(pickle.dumps(sampler)), 4, rng=0)
    with ProcessPoolExecutor(1, multiprocessing.get_context("spawn")) as process:
        assert np.array_equal(chains.run(3, executor=process), draws)


def bits():
    """Draws of all kinds, as bytes."""
    found = b""
    for make, dtype in PAIRS:
        sampler = make(mixture(dtype), 0.1, 1.5)
        found += advanced(sampler, sampler.start(KEY, 3), 8)[1].tobytes()
    return found


@pytest.mark.skipif(not hasattr(langevin.move, "py_func"), reason="is undecorated")
def test_the_undecorated_kernels_give_the_same_bits():
    assert bits_without_jit(__name__) == bits()


# Starts and refusals


def test_starts_are_normal():
    """20,000 chains; sees a mean off by 0.036, a variance by 0.05, shared numbers."""
    state = Langevin(mixture(), 0.1).start(KEY, 20_000)
    assert np.all(np.abs(state.mean(axis=0)) * np.sqrt(20_000) < 5.03)
    errors = (np.cov(state.T) - np.eye(2)) * np.sqrt(20_000 / (1 + np.eye(2)))
    assert np.all(np.abs(errors) < 5.03)


def test_the_key_may_be_an_int():
    sampler = Langevin(gaussian([[1.0]]), 0.1)
    state = sampler.start(7, 2)
    assert np.array_equal(state, sampler.start(np.uint64(7), 2))
    draws = np.empty((2, 2, 1, 1))
    for key, out in zip((7, np.uint64(7)), draws, strict=True):
        sampler.advance(state.copy(), out, key=key, chain=0, step=0, thin=3)
    assert np.array_equal(*draws)


def test_states_are_taken_as_they_are():
    sampler = Langevin(gaussian(np.eye(3), np.float32), 0.1)
    state = np.eye(3).T
    taken = sampler.check(state)
    assert taken.dtype == np.float32
    assert taken.flags.c_contiguous
    assert np.array_equal(taken, state)
    advanced(sampler, taken, 1)
    assert np.array_equal(state, np.eye(3))


@BOTH
def test_refusals(make):
    target = gaussian(np.eye(2), np.float32)
    for size in (0, -1.0, np.nan, np.inf, [1.0, 0.0], np.ones((2, 2)), [], 1e-60):
        with pytest.raises(ValueError, match=r"(?s)step_size is .* finite in float32"):
            make(target, size)
        with pytest.raises(
            ValueError, match=r"(?s)temperature is .* positive and finite"
        ):
            make(target, 0.1, size)
    sampler = make(target, [0.1, 0.2])
    for call in (
        lambda: sampler.start(KEY, 3),
        lambda: sampler.check(np.zeros((3, 2))),
        lambda: advanced(sampler, np.zeros((1, 2), np.float32), 1, chain=2),
    ):
        with pytest.raises(ValueError, match="chain 2 has no step_size"):
            call()
    for state in (np.zeros(2), np.zeros((1, 3)), np.zeros((0, 2))):
        with pytest.raises(ValueError, match=r"it is \(chain, 2\)"):
            sampler.check(state)
    with pytest.raises(ValueError, match="nan or infinity"):
        sampler.check([[np.nan, 0]])

    with pytest.raises(TypeError, match=r"target is a function, .* Target\(score, dim"):
        make(double_well_target, 0.1)

    def nowhere(x, out):
        out[:] = np.inf

    with pytest.raises(ValueError, match="score left inf"):
        make(Target(nowhere, 1, WELL.energy), 0.1).check([[0.0]])
