"""The summary; and of every diagnostic the shapes, dtypes, symmetries and errors."""

import tracemalloc
import warnings

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from samplers import draws as draws_module
from samplers.autocorrelation import autocorrelation, autocorrelation_time
from samplers.convergence import r_hat
from samplers.diagnostics import Summary, significant_digits, summary
from samplers.effective import effective_sample_size, monte_carlo_standard_error
from tests.samplers.series import autoregression

RNG = np.random.default_rng(0)


def quiet_time(draws):
    """The autocorrelation time of runs that are too short for it."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return autocorrelation_time(draws)


DIAGNOSTICS = {
    "autocorrelation": lambda draws: np.moveaxis(autocorrelation(draws), 0, -1),
    "time": quiet_time,
    "mean": effective_sample_size,
    "bulk": lambda draws: effective_sample_size(draws, "bulk"),
    "tail": lambda draws: effective_sample_size(draws, "tail"),
    "r_hat": r_hat,
    "error": monte_carlo_standard_error,
}
every = pytest.mark.parametrize("diagnostic", DIAGNOSTICS.values(), ids=DIAGNOSTICS)


@st.composite
def runs(draw):
    """Correlated draws, (chain, draw): a few chains, short ones among them."""
    shape = draw(st.integers(1, 4)), draw(st.integers(4, 60))
    r = draw(st.sampled_from([-0.5, 0, 0.7]))
    return autoregression(r, shape, draw(st.integers(0, 2**32)))


@every
def test_each_quantity_by_itself(diagnostic, monkeypatch):
    draws = autoregression(0.5, (3, 30, 2, 5), 1)
    found = diagnostic(draws)
    assert found.shape[:2] == (2, 5)
    for i, j in np.ndindex(2, 5):
        one = diagnostic(draws[:, :, i, j])
        assert one.shape == found.shape[2:]
        np.testing.assert_allclose(one, found[i, j], rtol=1e-11, atol=1e-13)
    for block in (1, 3 * 30 * 4):
        monkeypatch.setattr(draws_module, "BLOCK", block)
        np.testing.assert_allclose(diagnostic(draws), found, rtol=1e-11, atol=1e-13)


@every
def test_every_number_is_taken_as_float64(diagnostic):
    counts = RNG.integers(0, 3, (3, 31, 2))
    for draws in (counts.astype(np.int8), counts > 0, counts.astype(np.float32) / 3):
        before = draws.copy()
        found = diagnostic(draws)
        assert found.dtype == np.float64
        np.testing.assert_array_equal(found, diagnostic(draws.astype(np.float64)))
        np.testing.assert_array_equal(draws, before)
    np.testing.assert_array_equal(diagnostic(counts.tolist()), diagnostic(counts))


@every
def test_memory_stays_bounded(diagnostic, monkeypatch):
    """In float64 all draws would be 13 MB; in blocks of 0.1 MB far less is used."""
    monkeypatch.setattr(draws_module, "BLOCK", 2**14)
    draws = RNG.integers(0, 100, (4, 100, 4000)).astype(np.int8)
    diagnostic(draws[:, :, :100])
    tracemalloc.start()
    try:
        result = diagnostic(draws)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2**21 + 3 * result.nbytes


@given(runs(), st.integers(-6, 6), st.integers(-99, 99))
def test_units_do_not_matter(draws, exponent, shift):
    """The map is exact, of whole numbers by a power of two; the rest is rounding."""
    draws = np.round(8 * draws)
    mapped = 2.0**exponent * (draws + shift)
    for name, diagnostic in DIAGNOSTICS.items():
        unit = 2.0**exponent if name == "error" else 1
        expected = unit * diagnostic(draws)
        np.testing.assert_allclose(diagnostic(mapped), expected, rtol=1e-9, atol=1e-12)


@given(runs(), st.randoms(use_true_random=False))
def test_the_order_of_the_chains_does_not_matter(draws, random):
    order = random.sample(range(len(draws)), len(draws))
    for diagnostic in DIAGNOSTICS.values():
        np.testing.assert_allclose(
            diagnostic(draws[order]), diagnostic(draws), rtol=1e-9, atol=1e-12
        )


@given(runs())
def test_the_sign_does_not_matter(draws):
    for diagnostic in (autocorrelation, effective_sample_size, quiet_time):
        np.testing.assert_array_equal(diagnostic(-draws), diagnostic(draws))
    for name in ("bulk", "r_hat"):
        diagnostic = DIAGNOSTICS[name]
        np.testing.assert_allclose(diagnostic(-draws), diagnostic(draws), rtol=1e-9)


@every
def test_errors(diagnostic):
    for shape in [(10,), (2, 3), (0, 10), (2, 10, 0), ()]:
        with pytest.raises(ValueError, match=r"a single chain is draws\[np.newaxis\]"):
            diagnostic(np.ones(shape))
    for bad in (np.ones((2, 9), complex), np.full((2, 9), "a"), np.full((2, 9), None)):
        with pytest.raises(TypeError, match="diagnostics compare real numbers"):
            diagnostic(bad)
    draws = RNG.standard_normal((3, 9, 2, 4))
    draws[2, 5, 1, 3], draws[2, 6] = np.inf, np.nan
    with pytest.raises(ValueError, match=r"draws\[2, 6, 0, 0\] is nan: chain 2 is not"):
        diagnostic(draws)
    with pytest.raises(ValueError, match=r"draws\[2, 5\] is inf: .* at draw 5, and no"):
        diagnostic(draws[:, :, 1, 3])


def test_the_place_of_a_bad_draw_in_a_later_block(monkeypatch):
    monkeypatch.setattr(draws_module, "BLOCK", 1)
    draws = RNG.standard_normal((3, 9, 2, 4))
    draws[2, 5, 1, 3] = -np.inf
    with pytest.raises(ValueError, match=r"draws\[2, 5, 1, 3\] is -inf"):
        r_hat(draws)


def test_the_summary_is_made_of_the_diagnostics():
    draws = autoregression(0.5, (4, 200, 3, 2), 2)
    found = summary(draws)
    np.testing.assert_allclose(found.mean, draws.mean(axis=(0, 1)), rtol=1e-12)
    np.testing.assert_allclose(found.sd, draws.std(axis=(0, 1), ddof=1), rtol=1e-12)
    for name, values in [
        ("error", found.mcse),
        ("bulk", found.ess_bulk),
        ("tail", found.ess_tail),
        ("r_hat", found.r_hat),
    ]:
        np.testing.assert_array_equal(values, DIAGNOSTICS[name](draws))
    assert (found.chains, found.draws) == (4, 200)
    with pytest.raises(ValueError, match=r"a single chain is draws\[np.newaxis\]"):
        summary(draws[0, :, 0, 0])


def test_the_text_of_a_summary():
    columns = [[-1234.5678, 0.5], [0.0123, np.nan], [2.5, 0], [812.4, np.nan]]
    columns += [[99.6, np.nan], [1.0123, np.nan]]
    found = Summary(*np.array(columns), chains=4, draws=1000)
    assert str(found).splitlines() == [
        "chains: 4, draws of each: 1000",
        "          mean   mcse   sd  ess bulk  ess tail  R-hat",
        "[0]  -1234.568  0.012  2.5       812       100  1.012",
        "[1]        0.5    nan    0       nan       nan    nan",
    ]
    one = str(summary(RNG.standard_normal((2, 100)))).splitlines()
    assert len(one) == 3
    assert "[" not in one[2]


def test_a_long_summary_shows_the_worst():
    draws = RNG.standard_normal((4, 100, 5, 6))
    draws[0, :, 3, 2] += 2
    draws[:, :, 1, 1] = 0
    lines = str(summary(draws)).splitlines()
    assert lines[0].endswith("the 20 of 30 quantities with the largest R-hat")
    assert len(lines) == 22
    assert lines[2].startswith("[3, 2]")
    assert not any(line.startswith("[1, 1]") for line in lines)


@pytest.mark.parametrize(
    ("mean", "error", "text"),
    [
        (1.23456, 0.02, "1.235"),
        (-1.23456, 0.2, "-1.23"),
        (123456.7, 30, "123457"),
        (1.2347e-21, 3e-23, "1.235e-21"),
        (0.00123, 5, "0.001"),
        (0, 0.1, "0"),
        (2 / 3, np.nan, "0.6667"),
        (2 / 3, np.inf, "0.6667"),
    ],
)
def test_the_digits_that_an_error_leaves(mean, error, text):
    assert f"{mean:.{significant_digits(mean, error)}g}" == text
