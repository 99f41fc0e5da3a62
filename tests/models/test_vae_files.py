"""Variational autoencoders in files: bit for bit, or refused."""

import numpy as np
import pytest

from autodiff import tree_leaves
from models.mlp import MLP
from models.vae import VAE
from optim import storage
from samplers.archive import CheckpointError
from tests.models.autoencoders import both_dtypes, every_kind, make_law, make_vae


@both_dtypes
@every_kind
def test_a_model_comes_back_bit_for_bit(kind, dtype, tmp_path):
    vae = make_vae(kind, dtype=dtype)
    vae.history_ = "what training left"
    vae.save(tmp_path / "vae.npz")
    again = VAE.load(tmp_path / "vae.npz")
    assert vars(again).keys() == {"encoder", "decoder"}
    for name in vars(again):
        one, two = getattr(vae, name), getattr(again, name)
        assert type(one) is type(two)
        assert getattr(one, "learn_variance", 0) == getattr(two, "learn_variance", 0)
        assert [layer.activation for layer in two.network.layers] == [
            layer.activation for layer in one.network.layers
        ]
    for one, two in zip(tree_leaves(vae), tree_leaves(again), strict=True):
        np.testing.assert_array_equal(one, two)
        assert one.dtype == two.dtype == dtype
    np.testing.assert_array_equal(again.sample(3, 0), vae.sample(3, 0))


def test_a_learned_variance_far_out_is_saved_too(tmp_path):
    vae = make_vae("learned")
    vae.decoder.log_variance[:] = -1e3
    vae.save(tmp_path / "vae.npz")
    loaded = VAE.load(tmp_path / "vae.npz")
    np.testing.assert_array_equal(loaded.decoder.log_variance, np.full(3, -1e3))


def test_a_damaged_file_is_never_another_model(tmp_path):
    path, vae = tmp_path / "vae.npz", make_vae("learned")
    vae.save(path)
    whole = path.read_bytes()
    places, refused = range(0, len(whole), 67), 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 16
        path.write_bytes(damaged)
        try:
            loaded = VAE.load(path)
        except CheckpointError:
            refused += 1
        else:  # a byte that says nothing, such as the date of a member
            for one, two in zip(tree_leaves(vae), tree_leaves(loaded), strict=True):
                assert np.array_equal(one, two)
    assert refused > 0.8 * len(places)
    path.write_bytes(whole[:-1])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        VAE.load(path)


def test_a_file_of_parts_that_do_not_fit(tmp_path):
    """Its checksums are right, and its parameters are those of no model."""
    path = tmp_path / "vae.npz"

    def broken(change):
        vae = make_vae("learned")
        change(vae)
        return vae

    faults = {
        "its encoder is a Bernoulli": lambda vae: setattr(
            vae, "encoder", make_law("bernoulli", 3, 2, np.random.default_rng(0))
        ),
        "a layer is no layer": lambda vae: setattr(
            vae.decoder.network.layers[0], "bias", np.zeros(9)
        ),
        "a network is a list": lambda vae: setattr(
            vae.decoder, "network", [np.ones(3)]
        ),
        "variances are nan": lambda vae: vae.decoder.log_variance.fill(np.nan),
        "the decoder takes more": lambda vae: setattr(
            vae, "decoder", make_law("each", 5, 3, np.random.default_rng(0))
        ),
    }
    for name, change in faults.items():
        with pytest.raises((ValueError, TypeError)):
            broken(change).save(path)
        assert not path.exists(), name
        storage.save(path, broken(change))
        with pytest.raises(CheckpointError, match="cannot be loaded"):
            VAE.load(path)
        path.unlink()
    storage.save(path, MLP.create((2, 3), rng=0))
    with pytest.raises(CheckpointError, match="it holds no VAE"):
        VAE.load(path)
    with pytest.raises(FileNotFoundError):
        VAE.load(tmp_path / "none.npz")
