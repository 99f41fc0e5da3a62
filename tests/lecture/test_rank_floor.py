"""Why a network that guesses noise needs a path from its input to its output.

    epshat = g W + c,   g : (w,), W : (w, D),     x = alpha x_0 + sigma eps,

where g is the last hidden layer. Whatever x is, epshat lies in a plane of w dimensions,
the rows of W shifted by c, and eps has parts in all D of them. So if w < D,

    E |eps - epshat|^2 / D >= (D - w) / D,

for any weights, layers, data and time, and however long it is trained. Where there is
mostly noise eps is nearly x, known to the last digit: it only has to be handed on, and
sigma x, added to the output, does. To be read after test_reverse_diffusion.py, from top
to bottom; every statement is an assertion. Numbers like T53 are those of the list in
README.md.
"""

import numpy as np
import pytest

from autodiff import grad
from models.denoising_network import DenoisingNetwork
from models.diffusion_forms import signal_and_noise
from optim import Adam
from samplers.chains import Chains
from samplers.denoiser import Denoiser
from samplers.reverse import Reverse
from samplers.schedules import linear

SHAPES = [(8, 3), (5, 4), (20, 1)]  # D, w
any_shape = pytest.mark.parametrize(("D", "w"), SHAPES)
NOISY = -10.0  # log SNR


def some_network(D, w, seed=0, **choices):
    """A network with hidden layers of 16 and of w numbers, with biases that count."""
    rng = np.random.default_rng(seed)
    network = DenoisingNetwork.create(
        D, hidden=(16, w), activation="tanh", features=8, rng=rng, **choices
    )
    for layer in network.network.layers:
        layer.bias += rng.normal(size=layer.bias.shape)
    return network


def some_noise(n, D, log_snr, seed=1):
    """eps and x, for data that are independent standard normals."""
    x_0, eps = np.random.default_rng(seed).normal(size=(2, n, D))
    alpha, sigma = signal_and_noise(np.array(log_snr))
    return eps, alpha * x_0 + sigma * eps


def outside(W):
    """The projection on what is orthogonal to the rows of W : (w, D)."""
    return np.eye(W.shape[1]) - np.linalg.pinv(W) @ W


def squares(x):
    return np.sum(x**2, axis=-1)


# 1. The floor


@any_shape
@pytest.mark.parametrize("log_snr", [NOISY, 0.0, 8.0])
def test_what_lies_outside_the_plane_is_never_guessed(D, w, log_snr):
    """|eps - epshat|^2 >= |Q (eps - c)|^2 at each x, Q projecting out of it (T53)."""
    network = some_network(D, w, skip=False)
    last = network.network.layers[-1]
    Q = outside(last.weights)
    eps, x = some_noise(50, D, log_snr)
    error = eps - network(x, np.full(50, log_snr))
    missed = (eps - last.bias) @ Q
    np.testing.assert_allclose(error @ Q, missed, rtol=0, atol=1e-10)
    assert np.all(squares(error) >= squares(missed))


@any_shape
def test_so_the_mean_error_has_a_floor(D, w):
    """E |Q (eps - c)|^2 = tr Q + |Q c|^2 >= D - w, as eps has the variance one (T53).

    20,000 draws, within 5.03 errors: sees 15 %. The error of a network is above it by
    more than those.
    """
    network = some_network(D, w, skip=False)
    last = network.network.layers[-1]
    Q = outside(last.weights)
    assert np.trace(Q) == pytest.approx(D - w)
    eps, x = some_noise(20_000, D, NOISY)
    missed = squares((eps - last.bias) @ Q)
    error = missed.std() / np.sqrt(len(missed))
    expected = D - w + squares(Q @ last.bias)
    assert 2 * 5.03 * error < 0.15 * expected
    assert abs(missed.mean() - expected) < 5.03 * error
    loss = squares(eps - network(x, np.full(len(x), NOISY)))
    assert loss.mean() > D - w + 5.03 * loss.std() / np.sqrt(len(loss))


@any_shape
def test_the_best_network_reaches_it(D, w):
    """Of pure noise, w numbers handed on as they are leave (D - w) / D (T53).

    P of any w directions: eps - P eps has the variance one in the D - w others.
    """
    basis = np.linalg.qr(np.random.default_rng(0).normal(size=(D, w)))[0]
    left = np.eye(D) - basis @ basis.T
    assert np.sum(left**2) / D == pytest.approx((D - w) / D, rel=1e-12)


def test_the_notebooks_network():
    """784-512-784 without a skip: no training brings it below 272 / 784 = 0.347 (T53).

    A run of it ended at 0.43, and one with the skip at 0.19, below that floor.
    """
    D, w = 784, 512
    rng = np.random.default_rng(0)
    Q = outside(rng.normal(size=(w, D)) / np.sqrt(w))
    floor = np.trace(Q) / D
    assert floor == pytest.approx(0.347, abs=5e-4)
    assert 0.19 < floor < 0.43


def trained(skip, steps=400):
    """A network of D = 6, w = 2, after Adam on the noisiest level, and its loss."""
    network = DenoisingNetwork.create(
        6, hidden=(16, 2), activation="tanh", features=4, skip=skip, rng=0
    )

    def loss(network, x, eps):
        return np.mean((eps - network(x, np.full(len(x), NOISY))) ** 2)

    optimizer = Adam(0.02)
    for seed in range(steps):
        eps, x = some_noise(128, 6, NOISY, seed)
        optimizer.step(network, grad(loss)(network, x, eps))
    eps, x = some_noise(20_000, 6, NOISY, steps)
    return network, loss(network, x, eps)


def test_training_goes_down_to_the_floor_and_no_further():
    """Two of six numbers can be told: the loss ends between 0.66 and 0.8 (T53).

    With the skip it is alpha^2 or so, nothing, from the beginning, as it has not to be
    learned. The losses of 20,000 draws have an error of 0.003.
    """
    _, floored = trained(skip=False)
    assert 4 / 6 - 5.03 * 0.003 < floored < 0.8
    _, free = trained(skip=True, steps=100)
    assert free < 0.02


# 2. The cure


@any_shape
@pytest.mark.parametrize("log_snr", [NOISY, 0.0, 8.0])
def test_the_skip_hands_on_what_is_known(D, w, log_snr):
    """sigma x guesses eps with the error alpha^2, by no weights at all (T53).

    eps - sigma x = alpha (alpha eps - sigma x_0), of variance alpha^2 if Var x_0 = 1.
    Nothing is left where there is only noise. With data all the same, x_0 = 0, it is
    alpha^4, less yet.
    """
    network = some_network(D, w)
    for array in (network.network.layers[-1].weights, network.network.layers[-1].bias):
        array[:] = 0
    alpha, sigma = signal_and_noise(np.array(log_snr))
    x_0, eps = np.random.default_rng(2).normal(size=(2, 50, D))
    error = eps - network(alpha * x_0 + sigma * eps, np.full(50, log_snr))
    expected = alpha * (alpha * eps - sigma * x_0)
    np.testing.assert_allclose(error, expected, rtol=0, atol=1e-12)
    error = eps - network(sigma * eps, np.full(50, log_snr))
    np.testing.assert_allclose(error, alpha**2 * eps, rtol=0, atol=1e-12)


# 3. What it does to samples


def narrow_denoiser(schedule, D, w):
    """epshat = sigma x in the first w directions and 0 in the others, as x0hat.

    This is the best guess for standard normal data there, and none at all elsewhere.
    """

    def denoise(x, t, out, signal, noise):
        out[:] = x / signal[t]
        out[:, :w] -= noise[t] ** 2 / signal[t] * x[:, :w]

    return Denoiser(denoise, D, params=(schedule.signal, schedule.noise))


def test_what_is_not_guessed_is_not_taken_away():
    """Without noise a step multiplies it by 1 / sqrt(alpha_t): 157 in all (T53).

    x_0 = x_T / sqrt(abar_T) outside the plane, for betas from 1e-4 to 0.02 and T =
    1000. Inside the chain is as it should be.
    """
    schedule = linear(1000)
    sampler = Reverse(narrow_denoiser(schedule, 4, 2), schedule, eta=0.0)
    start = np.random.default_rng(3).normal(size=(10, 4))
    x_0 = Chains(sampler, state=start, rng=0, thin=1000).run(1)[:, 0]
    factor = 1 / schedule.signal[-1]
    assert factor == pytest.approx(157, abs=0.5)
    np.testing.assert_allclose(x_0[:, 2:], factor * start[:, 2:], rtol=1e-9)
    assert np.max(np.abs(x_0[:, :2])) < 4


def test_with_noise_it_grows_even_more():
    """Ancestral steps add theirs, and none is ever taken away: 222 standard deviations.

    Var x_{t-1} = Var x_t / alpha_t + beta~_t, so that pixels of several hundreds, such
    as the +-585 of the notebook, are what has to come out (T53). 500 chains within 5.03
    errors, which sees a variance that is 45 % off; the two directions that are guessed
    have the variance one, as they should.
    """
    schedule, variance = linear(1000), 1.0
    for t in range(1000, 0, -1):
        a, b, v = schedule.posterior(t)
        variance = (a / schedule.signal[t] + b) ** 2 * variance + v
        assert a / schedule.signal[t] + b == pytest.approx(schedule.alpha[t] ** -0.5)
    assert np.sqrt(variance) == pytest.approx(222, abs=1)
    assert 2 * np.sqrt(variance) < 585 < 4 * np.sqrt(variance)
    sampler = Reverse(narrow_denoiser(schedule, 4, 2), schedule)
    x_0 = Chains(sampler, 500, rng=1, thin=1000).run(1)[:, 0]
    for columns, expected in ((x_0[:, 2:], variance), (x_0[:, :2], 1.0)):
        found = np.mean(columns**2)
        error = np.sqrt(2 / columns.size) * expected
        assert 2 * 5.03 * error < 0.46 * expected
        assert abs(found - expected) < 5.03 * error
