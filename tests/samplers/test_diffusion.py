"""Diffusion through Chains: strips of draws, however they are run, and the end."""

import pickle
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from samplers.chains import Chains
from samplers.forward import Forward
from samplers.mixture_denoiser import mixture_denoiser
from samplers.reverse import Reverse
from tests.samplers.diffusion_checks import MIXTURE
from tests.samplers.schedule_checks import SHORT


def samplers():
    """A forward and two reverse samplers of 25 steps, of points in the plane."""
    schedule = SHORT["cosine"]
    denoiser = mixture_denoiser(*MIXTURE, schedule)
    return (
        Forward(schedule, 2),
        Reverse(denoiser, schedule),
        Reverse(denoiser, schedule, 0),
    )


def test_strips_do_not_depend_on_how_they_are_run(tmp_path):
    """In parts, by threads, after a checkpoint, and sent through pickle."""
    start = np.random.default_rng(0).normal(size=(9, 2))
    for sampler in samplers():
        whole = Chains(sampler, state=start, rng=0, thin=5).run(5)
        assert whole.shape == (9, 5, 2)
        chains = Chains(pickle.loads(pickle.dumps(sampler)), state=start, rng=0, thin=5)
        chains.run(2)
        chains.save(tmp_path / "chains.npz")
        with ThreadPoolExecutor(2) as executor:
            assert np.array_equal(chains.run(5, executor=executor), whole)
        again = Chains.load(tmp_path / "chains.npz", sampler)
        assert np.array_equal(again.run(5), whole)
        every = Chains(sampler, state=start, rng=0).run(25)
        assert np.array_equal(every[:, 4::5], whole)
        late = Chains(sampler, state=start, rng=0, burn_in=20, thin=5).run(1)
        assert np.array_equal(late, whole[:, 4:])


def test_a_diffusion_ends():
    """Draws up to the end are kept; what goes beyond says how not to."""
    start = np.zeros((2, 2))
    for sampler in samplers():
        chains = Chains(sampler, state=start, rng=0)
        draws = chains.run(25)
        with pytest.raises(
            ValueError, match=r"step 26 of a diffusion that has 25; let"
        ):
            chains.run(26)
        assert np.array_equal(chains.draws, draws)
        with pytest.raises(ValueError, match=r"Chains\(\.\.\., thin=25\)\.run\(1\)"):
            Chains(sampler, state=start, rng=0, thin=26).run(1)
