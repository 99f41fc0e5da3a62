"""Models in files: bit for bit, or refused."""

import numpy as np
import pytest

from models.gaussian_rbm import GaussianRBM
from models.mlp import MLP, Dense
from models.rbm import RBM
from optim import storage
from samplers.archive import CheckpointError
from tests.models.machines import KINDS, make_rbm, make_states


@KINDS
@pytest.mark.parametrize("dtype", [np.float32, np.float64])
def test_a_machine_comes_back_bit_for_bit(kind, dtype, tmp_path):
    rbm = make_rbm(kind, dtype=dtype)
    rbm.history_ = "what training left"
    rbm.save(tmp_path / "rbm.npz")
    again = type(rbm).load(tmp_path / "rbm.npz")
    assert type(again) is type(rbm)
    assert vars(again).keys() == vars(rbm).keys() - {"history_"}
    for name, value in vars(again).items():
        expected = getattr(rbm, name)
        assert np.array_equal(value, expected), name
        assert getattr(value, "dtype", None) == getattr(expected, "dtype", None)
    x = make_states(rbm)
    np.testing.assert_array_equal(again.free_energy(x), rbm.free_energy(x))


def test_the_two_machines_do_not_load_each_other(tmp_path):
    make_rbm("binary").save(tmp_path / "binary.npz")
    make_rbm("fixed").save(tmp_path / "gaussian.npz")
    with pytest.raises(CheckpointError, match="RBM"):
        GaussianRBM.load(tmp_path / "binary.npz")
    with pytest.raises(CheckpointError, match="GaussianRBM"):
        RBM.load(tmp_path / "gaussian.npz")


def test_another_model_is_no_machine(tmp_path):
    storage.save(tmp_path / "list.npz", [np.ones(3)])
    with pytest.raises(CheckpointError, match="it holds no RBM"):
        RBM.load(tmp_path / "list.npz")
    storage.save(tmp_path / "mlp.npz", MLP([Dense.create(2, 3, rng=0)]))
    with pytest.raises(CheckpointError, match="MLP"):
        RBM.load(tmp_path / "mlp.npz")


def test_a_damaged_file_is_never_another_machine(tmp_path):
    path = tmp_path / "rbm.npz"
    rbm = make_rbm("binary")
    rbm.save(path)
    whole = path.read_bytes()
    places, refused = range(0, len(whole), 31), 0
    for place in places:
        damaged = bytearray(whole)
        damaged[place] ^= 16
        path.write_bytes(damaged)
        try:
            loaded = RBM.load(path)
        except CheckpointError:
            refused += 1
        else:  # a byte that says nothing, such as the date of a member
            assert np.array_equal(loaded.W, rbm.W)
            assert np.array_equal(loaded.a, rbm.a)
            assert np.array_equal(loaded.b, rbm.b)
    assert refused > 0.8 * len(places)
    path.write_bytes(whole[:-1])
    with pytest.raises(CheckpointError, match="cannot be loaded"):
        RBM.load(path)


def test_arrays_that_do_not_fit_are_refused(tmp_path):
    """A file whose checksums are right, of parameters that no machine has."""
    faults = {
        "a": (np.zeros(3), "does not fit W"),
        "W": (np.full((4, 3), np.nan), "nan or infinity"),
        "b": (np.zeros(3, np.float32), "one precision"),
    }
    for name, (value, message) in faults.items():
        rbm = make_rbm("binary")
        setattr(rbm, name, value)
        with pytest.raises((ValueError, TypeError), match=message):
            rbm.save(tmp_path / "rbm.npz")
        storage.save(tmp_path / "rbm.npz", rbm)
        with pytest.raises(CheckpointError, match=message):
            RBM.load(tmp_path / "rbm.npz")
    rbm = make_rbm("learned")
    rbm.log_sigma[0] = 1e4
    storage.save(tmp_path / "rbm.npz", rbm)
    with pytest.raises(CheckpointError, match="log_sigma runs from"):
        GaussianRBM.load(tmp_path / "rbm.npz")


def test_a_file_that_is_missing_is_no_damaged_one(tmp_path):
    with pytest.raises(FileNotFoundError):
        RBM.load(tmp_path / "none.npz")
