"""What the files of diffusion have to fulfil; a check takes a module, or a faulty one.

The chains are affine, so that steps from 0 and 1 with known noise give back all their
coefficients, and with these means and variances are propagated without statistics.
"""

import numpy as np
from scipy.special import log_softmax

from samplers import philox
from samplers.denoiser import Denoiser
from samplers.mixture import mixture_target
from tests.samplers.schedule_checks import SHORT, close, gone

KEY = np.uint64(0x0123456789ABCDEF)
MIXTURE = [0.2, 0.5, 0.3], [[-2.0, 1.0], [0.0, -1.0], [3.0, 0.5]], [0.5, 1.0, 0.1]


def normals(purpose, chain, step, d, dtype=np.float64):
    """The noise of a chain at a step, (d,), from its address."""
    row = np.empty(d, dtype)
    philox.normals(KEY, chain, step, purpose, row)
    return row


def advanced(sampler, state, n, *, chain=0, step=0, thin=1):
    """State and draws after n thin steps."""
    state = np.array(state)
    draws = np.empty((len(state), n, state.shape[1]), state.dtype)
    sampler.advance(state, draws, key=KEY, chain=chain, step=step, thin=thin)
    return state, draws


def one_step(sampler, x, step):
    """Where a step leads from x, a number, in chain 3."""
    return advanced(sampler, [[float(x)]], 1, chain=3, step=step)[0][0, 0]


def own(module, schedule):
    """The schedule as a module knows it, which a faulty one has of its own class."""
    return module.Schedule(schedule.log_abar)


# Forward


def check_forward_moments(forward, cases=SHORT):
    """q(x_t | x_0), propagated step by step, is the closed form, to 1e-13 at all t."""
    for schedule in cases.values():
        sampler = forward.Forward(own(forward, schedule), 1)
        mean, variance = 1.0, 0.0
        for t in range(1, schedule.steps + 1):
            [z] = normals(philox.FORWARD, 3, t - 1, 1)
            at_0, at_1 = (one_step(sampler, x, t - 1) for x in (0, 1))
            scale, spread = at_1 - at_0, at_0 / z
            mean, variance = scale * mean, scale**2 * variance + spread**2
            close(mean, schedule.signal[t])
            close(variance, gone(schedule)[t])


def check_jump(forward):
    """The closed form, for one time and for many, and any shape behind."""
    schedule, rng = SHORT["cosine"], np.random.default_rng(0)
    t = np.array([0, 1, 7, 25])
    for shape in ((4,), (4, 3), (4, 2, 3)):
        x_0, noise = rng.normal(size=(2, *shape))
        x = forward.jump(x_0, t, schedule, noise)
        for i, time in enumerate(t):
            a, b = np.exp(schedule.log_abar[time] / 2), np.sqrt(gone(schedule)[time])
            close(x[i], a * x_0[i] + b * noise[i])
            alone = forward.jump(x_0, int(time), schedule, noise)
            assert np.array_equal(alone[i], x[i])


def check_forward_addresses(forward):
    """Chain 5 + c at step 3 + k uses the numbers of that chain and step."""
    schedule = SHORT["linear"]
    for d, dtype, tolerance in ((3, np.float64, 1e-13), (6, np.float32, 1e-5)):
        x = np.arange(2 * d).reshape(2, d).astype(dtype)
        sampler = forward.Forward(own(forward, schedule), d, dtype)
        _, draws = advanced(sampler, x, 4, chain=5, step=3)
        for k in range(4):
            alpha, beta = schedule.alpha[4 + k], schedule.beta[4 + k]
            pair = [normals(philox.FORWARD, 5 + c, 3 + k, d, dtype) for c in (0, 1)]
            x = np.sqrt(alpha) * x + np.sqrt(beta) * np.array(pair)
            close(draws[:, k], x, tolerance)


def check_forward_company(forward):
    check_company(forward, forward.Forward(own(forward, SHORT["cosine"]), 3))


def check_company(module, sampler):
    """In pieces, thinned, or alone: the same, bit for bit."""
    state = np.random.default_rng(0).normal(size=(4, 3))
    end, draws = advanced(sampler, state, 12, step=2)
    assert np.array_equal(end, draws[:, -1])
    middle, first = advanced(sampler, state, 5, step=2)
    last, second = advanced(sampler, middle, 7, step=7)
    assert np.array_equal(end, last)
    assert np.array_equal(draws, np.concatenate([first, second], axis=1))
    thinned, kept = advanced(sampler, state, 4, step=2, thin=3)
    assert np.array_equal(thinned, end)
    assert np.array_equal(kept, draws[:, 2::3])
    for c in range(4):
        alone, _ = advanced(sampler, state[c : c + 1], 12, chain=c, step=2)
        assert np.array_equal(alone[0], end[c])
    numbers = module.NUMBERS
    try:
        for module.NUMBERS in (13, 40):  # at a time: three chains, or three steps
            in_pieces, kept = advanced(sampler, state, 4, step=2, thin=3)
            assert np.array_equal(in_pieces, end)
            assert np.array_equal(kept, draws[:, 2::3])
    finally:
        module.NUMBERS = numbers


# Reverse


def guess(x, t, out, values):
    """A denoiser that at t guesses values[t], wherever it is."""
    out[:] = values[t]


def rebuilt(reverse, schedule, eta, times):
    """a, b and c of all steps, (steps,), from where they lead."""
    times = np.arange(schedule.steps, -1, -1) if times is None else np.array(times)
    rows = []
    for k, t in enumerate(times[:-1]):
        values = np.zeros(schedule.steps + 1)
        denoiser = Denoiser(guess, 1, (values,))
        sampler = reverse.Reverse(denoiser, own(reverse, schedule), eta, times)
        at_0, at_1 = (one_step(sampler, x, k) for x in (0, 1))
        values[t] = 1
        guessed = one_step(sampler, 0, k)
        [z] = normals(philox.REVERSE, 3, k, 1)
        rows.append((guessed - at_0, at_1 - at_0, at_0 / z))
    return times, *np.array(rows).T


def check_reverse_moments(reverse, cases=SHORT):
    """If the guess is right, x_s has the law q(x_s | x_0) for every eta, to 1e-13."""
    for schedule in cases.values():
        T = schedule.steps
        for eta in (0, 0.4, 1):
            for path in (None, [T, T - 3, T // 2, 2, 0], [T, 0]):
                times, a, b, c = rebuilt(reverse, schedule, eta, path)
                t, s = times[:-1], times[1:]
                close(a + b * schedule.signal[t], schedule.signal[s])
                close(b**2 * gone(schedule)[t] + c**2, gone(schedule)[s])
                beta = -np.expm1(schedule.log_abar[t] - schedule.log_abar[s])
                sigma = np.sqrt(gone(schedule)[s] / gone(schedule)[t] * beta)
                close(c, eta * sigma)
                assert (a[-1], b[-1], c[-1]) == (1, 0, 0)


def check_ancestral(reverse, cases=SHORT):
    """eta = 1 is the posterior, to 1e-13 and also relative to each coefficient."""
    for schedule in cases.values():
        times = np.arange(schedule.steps, -1, -1)
        expected = schedule.posterior(times[:-1])
        a, b, c = reverse.coefficients(schedule, times, 1.0)
        for found, number in zip((a, b, c**2), expected, strict=True):
            np.testing.assert_allclose(found, number, rtol=1e-13)
        _, a, b, c = rebuilt(reverse, schedule, 1, None)
        for found, number in zip((a, b, c**2), expected, strict=True):
            close(found, number)


def check_reverse_addresses(reverse):
    """Chain 5 + c at step 3 + k: the numbers of that chain and step, and its guess."""
    schedule, d = SHORT["linear"], 3
    values = np.random.default_rng(1).normal(size=(schedule.steps + 1, d))
    denoiser = Denoiser(guess, d, (values,))
    sampler = reverse.Reverse(denoiser, own(reverse, schedule), 0.7)
    x = np.arange(2.0 * d).reshape(2, d)
    a, b, c = reverse.coefficients(schedule, sampler.times, 0.7)
    _, draws = advanced(sampler, x, 17, chain=5, step=3)
    for k in range(3, 20):
        z = np.array([normals(philox.REVERSE, 5 + i, k, d) for i in (0, 1)])
        x = a[k] * values[schedule.steps - k] + b[k] * x + c[k] * z
        close(draws[:, k - 3], x)
    assert np.array_equal(draws[:, -1], np.tile(values[1], (2, 1)))


def shrink(x, t, out, factor):
    """A denoiser that depends on x."""
    out[:] = factor * x


def check_reverse_company(reverse):
    for eta in (0, 1):
        denoiser = Denoiser(shrink, 3, (0.9,))
        schedule = own(reverse, SHORT["cosine"])
        check_company(reverse, reverse.Reverse(denoiser, schedule, eta))


# The denoiser of a mixture


def twin(x, t, schedule, weights, means, sds):
    """E[x_0 | x_t = x] : (points, d), as it is written."""
    w, m, s = map(np.array, (weights, means, sds))
    abar, rest = schedule.abar[t], gone(schedule)[t]
    v = abar * s**2 + rest
    away = x[:, np.newaxis] - np.sqrt(abar) * m
    squares = np.sum(away**2, axis=2)
    r = np.exp(
        log_softmax(np.log(w) - m.shape[1] / 2 * np.log(v) - squares / (2 * v), axis=1)
    )
    gain = np.sqrt(abar) * s**2 / v
    return np.einsum("nk,nkd->nd", r, m + gain[:, np.newaxis] * away)


def places(schedule, t):
    """Points where x_t is likely, where it is not, and one far out, (points, 2)."""
    rng = np.random.default_rng(0)
    x = schedule.signal[t] * np.array(MIXTURE[1]) + rng.normal(size=(5, 3, 2)) / 3
    return np.concatenate([x.reshape(-1, 2), [[0, 0], [30, -40]]])


def check_mixture_denoiser(mixture_denoiser, cases=SHORT):
    """The mean of x_0 by its formula, and by Tweedie's, at every t, to 1e-12."""
    for schedule in cases.values():
        same = own(mixture_denoiser, schedule)
        denoiser = mixture_denoiser.mixture_denoiser(*MIXTURE, same)
        for t in range(schedule.steps + 1):
            x = places(schedule, t)
            found = np.empty_like(x, order="F")
            denoiser.denoise(np.asfortranarray(x), t, found, *denoiser.params)
            close(found, twin(x, t, schedule, *MIXTURE), 1e-12)
            rest = gone(schedule)[t]
            sds = np.sqrt(schedule.abar[t] * np.square(MIXTURE[2]) + rest)
            means = schedule.signal[t] * np.array(MIXTURE[1])
            score = mixture_target(MIXTURE[0], means, sds).score_at(x)
            close(schedule.signal[t] * found, x + rest * score, 1e-12)
