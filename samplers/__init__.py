"""Markov chains and other ways to draw from a distribution, compiled by Numba.

Import from the files, such as `from samplers.chains import Chains`: the other packages
stand on a few of them (kernel, elementary, cache, archive, progress), and load no more
than these.

Random numbers: philox, noise, elementary. A sampler is one step of a chain. Of spins
and units: gibbs (with machine and layers), metropolis and wolff. Of points: langevin
and mala, for a target, such as gaussian, mixture, double_well and ring. Of data that
turn into noise and back: forward and reverse, with schedules, denoiser and
mixture_denoiser. Many chains of one: chains. Partition functions: annealing, along
machine_path or energy_path, and importance. What to think of draws: diagnostics, of
autocorrelation, effective and convergence, and jackknife. What to hold them to: exact
and enumeration, ising and ising_states, onsager, kaufman, quadrature.
"""
