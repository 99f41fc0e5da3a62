"""Laws with a known Z, and densities that a rule with fixed nodes would miss."""

import numpy as np
import pytest
from scipy.stats import norm

from samplers.quadrature import quadrature


def double_well(x):
    return x[:, 0] ** 4 - 2 * x[:, 0] ** 2


def ring(x):
    return 50 * (np.hypot(x[:, 0], x[:, 1]) - 1) ** 2


def make_peaks(means, sd):
    """Return E = -log p of equal Gaussians at means (K, d)."""

    def energy(x):
        logs = -np.sum((x[:, None] - means) ** 2, axis=2) / (2 * sd**2)
        logs -= np.log(len(means)) + x.shape[1] * np.log(np.sqrt(2 * np.pi) * sd)
        return -np.logaddexp.reduce(logs, axis=1)

    return energy


def make_eight_peaks(sd):
    angles = np.arange(8) * np.pi / 4
    return make_peaks(
        np.sqrt(2) * np.column_stack([np.cos(angles), np.sin(angles)]), sd
    )


@pytest.fixture(scope="module")
def well():
    return quadrature(double_well, (-4, 4))


def moment(law, power):
    return law.expectation(lambda x: x[:, 0] ** power)


def test_double_well(well):
    assert np.exp(well.log_partition) == pytest.approx(5.3651602378, abs=1e-10)
    assert moment(well, 2) == pytest.approx(0.83274549, abs=1e-8)
    assert moment(well, 4) == pytest.approx(1.08274549, abs=1e-8)
    assert moment(well, 1) == pytest.approx(0, abs=1e-15)
    assert 0 <= well.error < 1e-10


@pytest.mark.parametrize("temperature", [1e-4, 0.1, 1.0, 3.0])
def test_virial_theorem(temperature):
    """<x dE/dx> = 4 <x^4> - 4 <x^2> = T, by integration by parts."""
    law = quadrature(double_well, (-6, 6), temperature=temperature)
    virial = 4 * moment(law, 4) - 4 * moment(law, 2)
    assert virial == pytest.approx(temperature, rel=1e-10, abs=1e-14)


@pytest.mark.parametrize("offset", [-1e4, 1e4])
def test_energies_of_any_size(offset):
    law = quadrature(lambda x: 0.5 * x[:, 0] ** 2 + offset, (-9, 9))
    expected = 0.5 * np.log(2 * np.pi) - offset
    assert law.log_partition == pytest.approx(expected, abs=3e-12)
    assert law.probabilities.sum() == pytest.approx(1, abs=1e-14)


def test_log_density_is_that_of_the_law():
    law = quadrature(lambda x: 0.3 * (x[:, 0] - 1) ** 2, (-20, 20), temperature=0.4)
    x = np.linspace(-3, 5, 9)
    expected = norm.logpdf(x, 1, np.sqrt(0.4 / 0.6))
    np.testing.assert_allclose(law.log_density(x[:, None]), expected, atol=1e-13)
    for wrong in (x, 0.0, np.ones((3, 2))):
        with pytest.raises(ValueError, match=r"points are \(n, 1\).*reshape\(-1, 1\)"):
            law.log_density(wrong)


@pytest.mark.parametrize("middle", [0.0, 0.1234, 1 / 3])
def test_a_kink(middle):
    """There the error falls by 4 a halving, and its estimate is of the same size."""
    law = quadrature(lambda x: np.abs(x[:, 0] - middle), (-40, 40))
    assert law.log_partition == pytest.approx(np.log(2), abs=1e-9)


def test_cdf():
    law = quadrature(lambda x: 0.5 * ((x[:, 0] - 0.3) / 0.01) ** 2, (-1, 1))
    x = np.array([[-2.0, -1.0, 0.27], [0.3, 0.32, 3.0]])
    np.testing.assert_allclose(law.cdf(x), norm.cdf(x, 0.3, 0.01), atol=1e-13)
    ends = law.panels[:, :, 0]
    np.testing.assert_array_equal(ends[1:, 0], ends[:-1, 1])
    assert np.all(np.diff(law.cdf(np.linspace(-1, 1, 1001))) >= 0)


def test_quantile(well):
    p = np.linspace(0, 1, 101)[1:-1].reshape(3, 33)
    np.testing.assert_allclose(well.cdf(well.quantile(p)), p, atol=1e-14)
    np.testing.assert_allclose(well.quantile(p), -well.quantile(1 - p), atol=1e-12)
    assert well.quantile(0.0) == -4
    with pytest.raises(ValueError, match=r"outside of \[0, 1\].*cdf has the inverse"):
        well.quantile([0.5, 1.5])


def test_correlated_gaussian():
    covariance = np.array([[1, 0.9], [0.9, 1]])
    precision = np.linalg.inv(covariance)
    bounds = [(-7, 11), (-8, 8)]
    mean = np.array([2.0, 0.0])
    law = quadrature(
        lambda x: 0.5 * np.sum((x - mean) @ precision * (x - mean), axis=1), bounds
    )
    log_Z = np.log(2 * np.pi * np.sqrt(np.linalg.det(covariance)))
    assert law.log_partition == pytest.approx(log_Z, abs=1e-11)
    np.testing.assert_allclose(law.expectation(lambda x: x), mean, atol=1e-11)
    found = law.expectation(lambda x: (x - mean)[:, :, None] * (x - mean)[:, None])
    np.testing.assert_allclose(found, covariance, atol=1e-11)
    assert law.nodes.shape[1:] == (2,)
    assert np.all(law.nodes > [-7, -8])
    assert np.all(law.nodes < [11, 8])


def test_ring():
    """In polar coordinates Z is one integral over the radius."""
    law = quadrature(ring, [(-3, 3), (-2.5, 3)])
    radius = quadrature(
        lambda r: (
            np.where(r[:, 0] > 0, 50 * (r[:, 0] - 1) ** 2, np.inf)
            - np.log(np.maximum(r[:, 0], 1e-300))
        ),
        (-2, 2),
    )
    expected = np.log(2 * np.pi) + radius.log_partition
    assert law.log_partition == pytest.approx(expected, abs=1e-10)
    first = law.expectation(lambda x: np.hypot(x[:, 0], x[:, 1]))
    assert first == pytest.approx(moment(radius, 1), abs=1e-9)


@pytest.mark.parametrize("sd", [0.02 / 1.414, 1e-4])
def test_eight_narrow_peaks(sd):
    """The second are 50 times narrower than the distance between the first nodes."""
    law = quadrature(make_eight_peaks(sd), [(-2, 2.03), (-2, 2.03)])
    assert abs(law.log_partition) < 1e-10
    np.testing.assert_allclose(law.expectation(lambda x: x), 0, atol=1e-10)


def test_narrow_peaks_on_a_line():
    rng = np.random.default_rng(0)
    for sd in 10.0 ** np.arange(-7, 0):
        means = rng.uniform(-1, 1, (5, 1))
        law = quadrature(make_peaks(means, sd), (-3, 3))
        assert abs(law.log_partition) < 1e-10
        assert law.expectation(lambda x: x[:, 0]) == pytest.approx(means.mean())


def test_more_panels_find_a_peak_that_is_covered():
    def energy(x):
        log_narrow = -((x[:, 0] - 0.3003) ** 2) / (2 * 1e-8) - np.log(1e-4)
        return -np.logaddexp(log_narrow, -(x[:, 0] ** 2) / 2)

    expected = np.log(2 * np.sqrt(2 * np.pi))
    law = quadrature(energy, (-8, 8), panels=4000)
    assert law.log_partition == pytest.approx(expected, abs=1e-10)


def test_walls():
    """An infinite energy is a density of zero; panels halve towards the jump."""
    law = quadrature(lambda x: np.where(np.abs(x[:, 0]) < 1 / 3, 0, np.inf), (-2, 2))
    assert np.exp(law.log_partition) == pytest.approx(2 / 3, rel=1e-10)
    assert law.cdf(1 / 6) == pytest.approx(0.75, abs=1e-9)


def test_unresolved_is_refused():
    with pytest.raises(ArithmeticError, match=r"Z may still change.*larger tolerance"):
        quadrature(
            lambda x: np.where(np.hypot(x[:, 0], x[:, 1]) < 1, 0, np.inf),
            [(-2, 2), (-2, 2)],
        )


def test_tolerance_is_what_float32_needs():
    rounded = lambda x: double_well(x.astype(np.float32))  # noqa: E731
    law = quadrature(rounded, (-4, 4), tolerance=1e-6)
    assert np.exp(law.log_partition) == pytest.approx(5.3651602378, rel=1e-6)


def test_mass_beyond_the_bounds_is_refused():
    with pytest.raises(ValueError, match=r"x = \[-1\.\].*10\^0\.3 of.*wider bounds"):
        quadrature(lambda x: x[:, 0] ** 2, (-1, 8))
    with pytest.raises(ValueError, match=r"x = \[.* 1\.\].*let energy be np\.inf"):
        quadrature(lambda x: x[:, 0] ** 2 + x[:, 1] ** 2, [(-8, 8), (-8, 1)])
    quadrature(lambda x: x[:, 0] ** 2, (-3, 3), tolerance=0.01)


@pytest.mark.parametrize(
    ("energy", "message"),
    [
        (lambda x: x**2, r"shape \(160, 1\) for 160 points.*x\[:, 0\]"),
        (lambda x: np.where(x[:, 0] > 1, np.nan, 0), r"energy is nan at x = \[1\.0"),
        (lambda x: np.where(x[:, 0] > 1, -np.inf, 0), r"energy is -inf at x = \[1\.0"),
        (lambda x: np.full(len(x), np.inf), "infinite at all nodes"),
    ],
)
def test_what_is_no_energy_is_refused(energy, message):
    with pytest.raises(ValueError, match=message):
        quadrature(energy, (-4, 4))


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"bounds": [(-1, 1)] * 3}, r"\(3, 2\) are no box.*More dimensions take a"),
        ({"bounds": (1, -1)}, "low < high, both finite"),
        ({"bounds": (-np.inf, 1)}, "low < high, both finite"),
        ({"temperature": 0.0}, "needs T positive"),
        ({"temperature": np.nan}, "needs T positive"),
        ({"tolerance": 1e-15}, "rounding allows 1e-13"),
        ({"panels": 0}, "from 1 to 209715 to begin with"),
        ({"panels": 103, "bounds": [(-4, 4)] * 2}, "from 1 to 102 to begin with"),
    ],
)
def test_settings_out_of_range(settings, message):
    with pytest.raises(ValueError, match=message):
        quadrature(double_well, **{"bounds": (-4, 4), **settings})


def test_the_plane_has_no_order():
    law = quadrature(ring, [(-3, 3), (-3, 3)])
    for function in (law.cdf, law.quantile):
        with pytest.raises(ValueError, match="order the points of a line"):
            function(0.5)
