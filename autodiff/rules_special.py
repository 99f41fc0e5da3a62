"""Rules of SciPy's special functions; loaded at the first SciPy function met."""

from scipy.special import expit

from autodiff.rules import elementwise

elementwise(expit, lambda x: expit(x) * expit(-x))
