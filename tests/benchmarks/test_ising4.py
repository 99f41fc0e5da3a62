"""The 4 x 4 Ising model as a truth, and that families that miss it are seen."""

import numpy as np
import pytest

from autodiff import value_and_grad
from benchmarks.experiments import ising4
from benchmarks.files import plain
from benchmarks.ising4 import rbm as ising4_rbm
from benchmarks.ising4 import vae as ising4_vae
from benchmarks.ising4.figures import (
    ASIDE,
    MARKERS,
    averages_picture,
    exact_averages,
    states_picture,
)
from benchmarks.ising4.law import (
    FEW,
    SHAPE,
    SITES,
    STATES,
    TEMPERATURES,
    Generated,
    bias_from_halves,
    bias_of_kl,
    count,
    hold,
    kl_from_counts,
    state_numbers,
    truth,
    units,
)
from benchmarks.ising4.rbm import (
    by_hand,
    centered,
    generate,
    gibbs_draws,
    without_fields,
)
from benchmarks.ising4.rows import (
    averages_table,
    distance_as_temperature,
    kl_table,
    make_row,
    scales,
)
from benchmarks.ising4.vae import BLOCK, most_up, turned_draws
from benchmarks.transition_matrices import chi_square_score
from models import kl_divergence
from models.rbm import RBM
from models.rbm_gradient import free_energy_gap
from models.vae import VAE
from samplers.exact import visible_probabilities
from samplers.ising_states import all_states, state_number
from samplers.onsager import CRITICAL_TEMPERATURE

LIMIT = 5.03  # a normal number is larger once in 2 million: 1e-4 for 200 tests
LARGE = 8.0  # and so often is Student's t with 15 degrees of freedom


@pytest.fixture(scope="module")
def truths():
    return {T: truth(T) for T in TEMPERATURES}


@pytest.mark.parametrize(
    ("T", "expected"),
    [
        (2.0, (-1.755380, 0.605533, 0.918943, 0.868922, 17.105367)),
        (CRITICAL_TEMPERATURE, (-1.565624, 0.783267, 0.843860, 0.761359, 15.521915)),
        (2.5, (-1.379116, 0.812515, 0.764712, 0.654826, 14.561093)),
        (3.0, (-1.017070, 0.603135, 0.601291, 0.450988, 13.281033)),
    ],
)
def test_the_truth_has_the_known_averages(T, expected, truths):
    """Those of an enumeration in other lines of code, to six digits."""
    law = truths[T]
    found = [*law.averages(law.p), law.log_Z]
    np.testing.assert_allclose(found, expected, atol=6e-7)
    counted = exact_averages(np.array([law.T]))[:, 0]
    np.testing.assert_allclose(found[:4], counted, rtol=1e-10)


def test_states_have_the_numbers_that_the_samplers_give_them():
    spins = all_states(SHAPE)
    numbers = np.arange(STATES)
    np.testing.assert_array_equal(state_number(spins), numbers)
    flat = spins.reshape(STATES, SITES)
    for x in (flat, flat > 0, units(numbers), flat * 0.3):
        np.testing.assert_array_equal(state_numbers(x), numbers)


def test_a_number_that_is_not_positive_is_a_spin_down():
    assert state_numbers(np.array([[0.0] * 15 + [1e-9], [-0.0] * 16])).tolist() == [
        1,
        0,
    ]


def test_draws_have_the_exact_law(truths):
    """Detects a temperature that is off by 2 %."""
    law = truths[2.5]
    counts = np.bincount(law.draw(200_000, 0), minlength=STATES)
    assert abs(chi_square_score(counts, law.p)) < LIMIT
    assert chi_square_score(counts, truth(2.55).p) > LIMIT


def test_kl_from_counts_by_hand():
    p = np.array([0.5, 0.25, 0.25])
    expected = 0.75 * np.log(1.5) + 0.25 * np.log(1.0) - 1 / 8
    assert kl_from_counts(np.array([3, 1, 0]), p) == pytest.approx(expected)


@pytest.mark.parametrize("draws", [50, 1000, 5000])
def test_the_bias_is_that_of_the_estimate(draws):
    """Detects a bias that is off by a quarter, with counts rare, mixed and large."""
    rng = np.random.default_rng(1)
    q = rng.dirichlet(np.full(500, 0.5))
    estimates = [kl_from_counts(rng.multinomial(draws, q), q) for _ in range(1000)]
    bias, error = bias_of_kl(q, draws), np.std(estimates) / np.sqrt(1000)
    assert abs(np.mean(estimates) - bias) < LIMIT * error
    assert 2 * LIMIT * error < bias / 4


def test_halves_of_the_draws_say_their_bias(truths):
    """Of a law with more rare states, up to what the rule itself is off, 5 %.

    In the mean it is a ratio of known numbers; detects 1 % of the bias besides, and the
    bias of draws of p in its place.
    """
    law, rng = truths[3.0], np.random.default_rng(14)
    q, n = 0.97 * law.p + 0.03 / STATES, 32_000
    found = [bias_from_halves(rng.multinomial(2000, q, 16), law.p) for _ in range(60)]
    error = np.std(found) / np.sqrt(60)
    of_q, of_p = ([bias_of_kl(w, k) for k in (n, n // 2)] for w in (q, law.p))
    expected = (of_q[1] - of_q[0]) / (of_p[1] - of_p[0]) * of_p[0]
    assert abs(np.mean(found) - expected) < LIMIT * error
    assert LIMIT * error < 0.01 * of_q[0]
    assert abs(expected - of_q[0]) < 0.06 * of_q[0]
    assert of_p[0] < 0.9 * of_q[0]


def test_both_forms_of_the_bias_meet():
    """Many states of one mean, summed term by term and by moments."""
    states = 1000
    q = np.full(states, 1 / states)
    below, above = (
        n * bias_of_kl(q, n) / states
        for n in (int(FEW * states) - 1, int(FEW * states))
    )
    assert below == pytest.approx(above, abs=3e-5)
    assert above == pytest.approx(1 / (12 * FEW), rel=0.1)


def test_exact_draws_score_the_bias_and_others_more(truths):
    """Detects, in 10^6 draws, a temperature that is off by 1 %."""
    law = truths[2.0]
    rng = np.random.default_rng(2)
    right, wrong = (
        hold(rng.multinomial(62_500, p, size=16), law) for p in (law.p, truth(2.02).p)
    )
    floor = bias_of_kl(law.p, 10**6)
    assert abs(right.kl - floor) < LIMIT * right.kl_error
    assert abs(right.averages - law.averages(law.p)).max() < 5 * right.errors.max()
    assert wrong.kl - floor == pytest.approx(4.9e-4, abs=LIMIT * wrong.kl_error)
    z = (wrong.averages - law.averages(law.p)) / wrong.errors
    assert z[0] > LARGE


def test_a_distance_as_a_temperature(truths):
    for law in truths.values():
        kl = kl_divergence(truth(1.01 * law.T).p, law.p)
        assert law.as_temperature(kl) == pytest.approx(0.01, rel=0.03)


@pytest.mark.parametrize("T", [1.0, *TEMPERATURES, 10.0])
def test_a_hidden_unit_for_each_bond_makes_the_ising_model(T):
    q = visible_probabilities(by_hand(T).machine)
    np.testing.assert_allclose(np.log(q), np.log(truth(T).p), atol=1e-12)


def test_chains_of_the_machine_by_hand_draw_from_the_law(monkeypatch, truths):
    """Detects a temperature that is off by 2 %."""
    monkeypatch.setattr(ising4_rbm, "CHAINS", 3200)
    law = truths[3.0]
    numbers = gibbs_draws(by_hand(3.0), 160_000, 100, 2, 0)
    assert numbers.shape == (16, 10_000)
    held = hold(count(numbers), law)
    z = (held.averages - law.averages(law.p)) / held.errors
    assert np.abs(z).max() < LARGE
    warmer = truth(3.06)
    off = (held.averages - warmer.averages(warmer.p)) / held.errors
    assert np.abs(off).max() > LARGE


def test_the_centered_gradient_is_that_of_the_other_coordinates():
    rng = np.random.default_rng(3)
    W, a, b = (rng.standard_normal(shape) for shape in ((5, 4), 5, 4))
    x, y = (rng.integers(2, size=(n, 5)).astype(float) for n in (7, 6))

    def gap(parameters):
        W, a, b = parameters
        return free_energy_gap(
            RBM(W, a - W.sum(axis=1) / 2, b - W.sum(axis=0) / 2), x, y
        )

    primes = W, a + W.sum(axis=1) / 2, b + W.sum(axis=0) / 2
    expected, (of_W, of_a, of_b) = value_and_grad(gap)(primes)
    value, slopes = centered(RBM(W, a, b), x, y)
    assert value == pytest.approx(expected, rel=1e-12)
    # A step along the gradient by the primes, in the machine's own coordinates.
    np.testing.assert_allclose(slopes.W, of_W, atol=1e-13)
    np.testing.assert_allclose(slopes.a, of_a - of_W.sum(axis=1) / 2, atol=1e-13)
    np.testing.assert_allclose(slopes.b, of_b - of_W.sum(axis=0) / 2, atol=1e-13)


def test_spins_that_are_as_often_up_as_down_bring_no_field():
    rng = np.random.default_rng(4)
    rbm = without_fields(rng.standard_normal((5, 4)))
    x, y = (rng.integers(2, size=(n, 5)).astype(float) for n in (7, 6))
    _, slopes = centered(rbm, np.concatenate([x, 1 - x]), np.concatenate([y, 1 - y]))
    np.testing.assert_allclose(slopes.a, -slopes.W.sum(axis=1) / 2, atol=1e-14)
    np.testing.assert_allclose(slopes.b, -slopes.W.sum(axis=0) / 2, atol=1e-14)
    q = visible_probabilities(rbm.machine)
    np.testing.assert_allclose(q, q[::-1], rtol=1e-12)


@pytest.fixture(scope="module")
def generated():
    """What a short training at T = 3 gives, twice with one seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ising4_rbm, "STEPS", {"quick": 300})
        patch.setattr(ising4_rbm, "CHAINS", 1600)
        law = truth(3.0)
        return [generate(law, 16_000, "quick", np.random.default_rng(5)) for _ in "ab"]


def test_a_machine_learns_and_one_seed_gives_one_machine(generated, truths):
    one, two = generated
    np.testing.assert_array_equal(one.law, two.law)
    np.testing.assert_array_equal(one.numbers, two.numbers)
    assert one.curves["steps"][-1] == 300
    last = kl_divergence(one.law, truths[3.0].p)
    assert one.curves["average"][-1] == pytest.approx(last, rel=1e-12)
    assert last < 0.3
    assert scales(truths[3.0], 0)["coins"] > 2


def test_most_spins_are_turned_up():
    """Of 12,870 states at a tie: detects a coin with odds of 55 to 45."""
    x = units(np.arange(STATES))
    turned = most_up(x, np.random.default_rng(6))
    assert turned.dtype == np.float32
    up = turned.sum(axis=1)
    assert up.min() == 8
    same = np.all(turned == x, axis=1)
    assert np.all(same | np.all(turned == 1 - x, axis=1))
    assert np.all(same[x.sum(axis=1) > 8])
    tie = x.sum(axis=1) == 8
    assert abs(same[tie].sum() - tie.sum() / 2) < LIMIT * np.sqrt(tie.sum()) / 2


@pytest.fixture(scope="module")
def vae():
    """Networks with a law of many scales that have learned nothing."""
    vae = VAE.create(SITES, 2, hidden=(8,), activation="tanh", rng=7, dtype=np.float32)
    last = vae.decoder.network.layers[-1]
    last.weights *= np.float32(2)
    last.bias += np.float32(0.3)
    return vae


def test_the_law_of_bytes_is_that_of_spins(vae):
    """p(x | h), summed over h unit by unit, of both signs."""
    states = np.random.default_rng(8).integers(STATES, size=20)
    h = vae.draw_noise(BLOCK, np.random.default_rng(9))
    r = [
        np.mean(np.exp(vae.decoder.log_density(row.astype(np.float32), h)))
        for row in (*units(states), *units(STATES - 1 - states))
    ]
    q = ising4_vae.law(vae, BLOCK, np.random.default_rng(9))
    assert q.sum() == pytest.approx(1, rel=1e-12)
    np.testing.assert_array_equal(q, q[::-1])
    np.testing.assert_allclose(q[states], np.reshape(r, (2, 20)).mean(axis=0), 1e-4)


def test_draws_of_a_vae_have_its_law(vae):
    """Detects spins that are not turned."""
    numbers = turned_draws(vae, 2 * BLOCK + 5000, np.random.default_rng(10))
    low = np.bincount(numbers >> 8, minlength=256)
    q = ising4_vae.law(vae, 8 * BLOCK, 11)
    assert abs(chi_square_score(low, q.reshape(256, 256).sum(axis=1))) < LIMIT
    straight = state_numbers(vae.sample(len(numbers), 12))
    low = np.bincount(straight >> 8, minlength=256)
    assert chi_square_score(low, q.reshape(256, 256).sum(axis=1)) > LIMIT


@pytest.fixture(scope="module")
def generated_by_vae():
    """What a short training at T = 3 gives, twice with one seed."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(ising4_vae, "STEPS", {"quick": 200})
        patch.setattr(ising4_vae, "LATENTS", {"quick": 2 * BLOCK})
        each = truth(3.0)
        return [
            ising4_vae.generate(each, 160_000, "quick", np.random.default_rng(13))
            for _ in "ab"
        ]


def test_a_vae_learns_and_one_seed_gives_one_vae(generated_by_vae, truths):
    one, two = generated_by_vae
    np.testing.assert_array_equal(one.law, two.law)
    np.testing.assert_array_equal(one.numbers, two.numbers)
    assert one.numbers.shape == (16, 10_000)
    assert one.curves["steps"][-1] == 200
    last = kl_divergence(one.law, truths[3.0].p)
    assert one.curves["KL"][-1] == pytest.approx(last, rel=0.1)
    assert last < 0.5
    row = make_row("VAE", truths[3.0], one)
    off = row.kl - row.forward
    assert abs(off) < LIMIT * row.held.kl_error


def test_the_scales_are_in_their_order(truths):
    for law in truths.values():
        found = scales(law, 0)
        assert found["coins"] > found["memory"] > found["warmer"] > 0
        expected = law.log_Z - SITES * np.log(2)
        assert found["coins"] == pytest.approx(expected, rel=1e-12)


def rows_of(family, numbers, truths, law=None):
    """Return a row at each temperature."""
    return [
        make_row(family, each, Generated(numbers(each), 560, law and law(each)))
        for each in truths.values()
    ]


def test_a_family_without_a_law_has_rows_too(truths):
    def numbers(each):
        return each.draw(160_000, 0).reshape(16, -1)

    rows = rows_of("VAE", numbers, truths)
    assert [row[5] for row in kl_table(rows).rows] == ["unknown"] * 4
    assert len(averages_table(rows).rows) == 4
    metrics = ising4.row_metrics(rows[0], "quick")
    assert [item.name for item in metrics] == [
        "VAE, T = 2: KL(generated || exact), from draws"
    ]
    assert metrics[0].complaint(metrics[0].value) is None
    assert distance_as_temperature(rows[0]) < 0.02


def test_families_stand_side_by_side(truths):
    def numbers(each):
        return each.draw(3200, 0).reshape(16, -1)

    one = rows_of("RBM", numbers, truths, lambda each: each.p)
    two = rows_of("VAE", numbers, truths)
    assert ising4.rows_have_laws(one)
    assert not ising4.rows_have_laws(two)
    assert states_picture(one, 0).name == "states of the RBM"
    axes = averages_picture(one + two, 0).figure.axes
    legend = [text.get_text() for text in axes[0].get_legend().get_texts()]
    assert legend == ["exact", "RBM", "VAE"]
    places = {
        (line.get_marker(), round(float(line.get_xdata()[0]) - T, 9))
        for line in axes[4].lines
        for T in TEMPERATURES
        if line.get_marker() in MARKERS and abs(line.get_xdata()[0] - T) < ASIDE
    }
    assert places == {(MARKERS[0], -ASIDE / 2), (MARKERS[1], ASIDE / 2)}


def missed(metrics):
    """Return the names of metrics that miss their criterion."""
    return [item.name for item in metrics if item.complaint(item.value)]


def test_wrong_laws_are_seen(truths):
    """A temperature 20 % off misses the distances, draws of another law the check."""

    def right(each):
        return each.draw(320_000, 1).reshape(16, -1)

    def warm(each):
        return truth(1.2 * each.T).draw(320_000, 1).reshape(16, -1)

    rows = rows_of("RBM", right, truths, lambda each: each.p)
    assert [missed(ising4.row_metrics(row, "full")) for row in rows] == [[]] * 4
    assert missed(ising4.check_metrics(rows, "quick")) == []
    rows = rows_of("RBM", warm, truths, lambda each: truth(1.2 * each.T).p)
    assert [len(missed(ising4.row_metrics(row, "full"))) for row in rows] == [3] * 4
    assert len(missed(ising4.check_metrics(rows, "quick"))) == 4
    rows = rows_of("VAE", warm, truths)
    assert len(missed(ising4.check_metrics(rows, "full"))) == 4
    rows = rows_of("RBM", warm, truths, lambda each: each.p)
    wrong = missed(ising4.check_metrics(rows, "quick"))
    assert wrong[0].startswith("RBM: KL from draws against all states")


def test_the_machine_by_hand_is_held_to_the_law(truths):
    metric = ising4.by_hand_metric(truths)
    assert metric.complaint(metric.value) is None
    swapped = dict(zip(truths, list(truths.values())[::-1], strict=True))
    assert ising4.by_hand_metric(swapped).value > 0.1


def test_every_seed_is_drawn(truths):
    kept = {
        f"{T}": {
            "exact": 1e-3,
            "draws": 2e-3,
            "misfit": 3e-3,
            "curves": {"steps": [1, 2], "moving": [1.0, 0.5], "average": [0.5, 0.1]},
        }
        for T in TEMPERATURES
    }
    unknown = {T: {**found, "exact": None, "curves": {}} for T, found in kept.items()}
    scale = {f"{T}": scales(law, 0) for T, law in truths.items()}
    for families in (["RBM"], ["RBM", "VAE"], ["RBM", "VAE", "diffusion"]):
        run = dict.fromkeys(families, kept) | {"GAN": unknown}
        series = plain({"rows": [run] * 3, "scales": [scale] * 3})
        shown = ising4.picture(series)
        *left, right = shown.figure.axes
        assert "3 seeds" in shown.figure.get_suptitle()
        assert [ax.get_title() for ax in left] == families
        assert [len(ax.collections) for ax in left] == [4] * len(families)
        dots = [line for line in right.lines if line.get_marker() in MARKERS]
        assert len(dots) == 8 * len(families) + 4
