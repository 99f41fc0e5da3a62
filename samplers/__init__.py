"""Markov chains and other ways to draw from a distribution, compiled by Numba.

Import from the files, such as `from samplers.chains import Chains`: the other packages
stand on a few of them (kernel, elementary, cache, archive, progress), and load no more
than these.

Random numbers: philox, elementary. A sampler is one step of a chain: gibbs (with
machine and layers), metropolis and wolff. Many chains of one: chains. What to think of
their draws: diagnostics, of autocorrelation, effective and convergence, and jackknife.
What to hold them to: exact and enumeration, ising and ising_states, onsager, kaufman,
quadrature.
"""
