"""What is watched while a variational autoencoder learns."""

import pytest

from models.gaussian_divergences import kl_standard_normal
from models.vae_monitors import LatentDivergences, held_out_loss
from optim import EarlyStopping
from samplers.philox import draw_key
from tests.models.autoencoders import BITS, small


@pytest.mark.parametrize("settings", [{}, {"bound": "iwae", "samples": 7}])
def test_the_loss_held_out_is_minus_the_bound_at_one_noise(settings):
    vae, measure = small(), held_out_loss(BITS, rng=5, **settings)
    told = []
    vae.fit(BITS[:9], steps=1, rng=0, callbacks=[told.append])
    noise = vae.draw_noise(len(BITS), int(draw_key(5)), settings.get("samples", 1))
    bounds = vae.importance_weighted_bound if settings else vae.elbo
    assert measure(told[0]) == -bounds(BITS, noise).mean() == measure(told[0])
    assert measure(told[0]) != held_out_loss(BITS, rng=6, **settings)(told[0])


def test_the_best_model_on_other_examples_is_kept():
    """Ten examples are soon learned by heart: the bound on others falls again."""
    train, others = BITS[:10], BITS[10:]
    vae, measure = small(), held_out_loss(others, rng=1, samples=20)
    stopping = EarlyStopping(measure, patience=5, every=20)
    vae.fit(train, steps=3000, rng=0, learning_rate=0.01, callbacks=[stopping])
    best, _ = stopping.state
    assert stopping.step < len(vae.history_["loss"]) < 3000
    noise = vae.draw_noise(len(others), 3, 50)
    assert best.elbo(others, noise).mean() > vae.elbo(others, noise).mean()


def test_the_divergence_of_each_latent_is_recorded():
    vae, latents = small(), LatentDivergences(BITS, every=2)
    vae.fit(BITS, steps=5, rng=0, callbacks=[latents])
    assert latents.steps == [2, 4]
    again = small().fit(BITS, steps=4, rng=0)
    total = kl_standard_normal(*again.encode(BITS)).mean()
    assert latents.values[1].shape == (2,)
    assert latents.values[1].sum() == pytest.approx(total, rel=1e-13)


def test_settings_of_what_watches():
    with pytest.raises(ValueError, match="no bound 'nll'"):
        held_out_loss(BITS, rng=0, bound="nll")
    with pytest.raises(ValueError, match="every is 0"):
        LatentDivergences(BITS, every=0)
    with pytest.raises(TypeError, match="rng is None"):
        held_out_loss(BITS, rng=None)
