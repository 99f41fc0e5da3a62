"""Every fault of the zoo is seen, and by a check that the right module passes."""

import sys
from collections import Counter
from functools import cache

import numpy as np
import pytest

import samplers.exact
from samplers import errors, exact
from samplers.machine import Machine
from tests.samplers import (
    zoo_annealing,
    zoo_diffusion,
    zoo_gibbs,
    zoo_ising,
    zoo_langevin,
    zoo_numbers,
    zoo_targets,
)
from tests.samplers.test_machine import make_machine
from tests.samplers.zoo import SAMPLERS, Fault, StaleFaultError, undecorated
from tests.samplers.zoo_checks import check_sums

FAULTS = [
    *zoo_annealing.FAULTS,
    *zoo_diffusion.FAULTS,
    *zoo_gibbs.FAULTS,
    *zoo_ising.FAULTS,
    *zoo_langevin.FAULTS,
    *zoo_numbers.FAULTS,
    *zoo_targets.FAULTS,
]
CHECKS = list(dict.fromkeys((fault.given, fault.check) for fault in FAULTS))


@cache
def is_seen(fault):
    """Whether the check fails on the mutant; as compiled code, that does not warn."""
    mutant = fault.plant()
    try:
        with np.errstate(all="ignore"):
            fault.check(mutant)
    except (AssertionError, pytest.fail.Exception):
        return True
    return False


@pytest.mark.parametrize("fault", FAULTS, ids=lambda f: f"{f.module}: {f.name}")
def test_a_fault_is_seen(fault):
    assert is_seen(fault), f"{fault.check.__name__} passes although {fault.name}"


@pytest.mark.parametrize(
    ("given", "check"), CHECKS, ids=[f"{g}-{c.__name__}" for g, c in CHECKS]
)
def test_without_a_fault_the_check_passes(given, check):
    with np.errstate(all="ignore"):
        check(undecorated(given))


def test_score(record_property):
    seen = sum(map(is_seen, FAULTS))
    score = f"{seen} of {len(FAULTS)} faults are seen"
    record_property("zoo", score)
    assert seen == len(FAULTS) >= 60, score


def test_each_file_of_kernels_has_a_fault():
    files = [file for file in SAMPLERS.glob("*.py") if file.stem != "kernel"]
    with_kernels = {
        file.stem
        for file in files
        if "samplers.kernel import" in file.read_text("utf-8")
    }
    assert {"gibbs", "metropolis", "wolff", "philox"} <= with_kernels
    assert with_kernels <= {fault.module for fault in FAULTS}


def test_faults_have_names_of_their_own():
    names = Counter((fault.module, fault.name) for fault in FAULTS)
    assert max(names.values()) == 1


# How a fault is planted


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("range(10)", "range(9)", r"'range\(10\)' is 0 times in samplers/philox.py"),
        ("@kernel", "", "is [2-9] times in"),
        ("range(9)", "range(9)", r"would become 'range\(9\)'; the fault must change"),
    ],
)
def test_a_fault_that_is_stale_is_no_fault(old, new, words):
    with pytest.raises(StaleFaultError, match=words):
        Fault("too few rounds", "philox", old, new, check_sums, "philox").plant()


def test_only_the_mutant_is_touched():
    before = dict(sys.modules)
    fault = Fault(
        "", "enumeration", "return Enumeration(rows, True)", "1", check_sums, "exact"
    )
    mutant = fault.plant()
    assert sys.modules == before
    assert mutant.over_hidden(make_machine(2, 2, gaussian=True)) is None
    assert exact.over_hidden(make_machine(2, 2, gaussian=True)) is not None
    assert samplers.exact is exact


def test_the_mutant_and_what_it_imports_are_plain_python():
    mutant = undecorated("exact")
    for function in (mutant.draw_given, mutant.visit_from_above, mutant.uniforms):
        assert type(function) is type(undecorated)
    assert mutant.Machine is not Machine
    assert undecorated("gibbs").DivergenceError is errors.DivergenceError
