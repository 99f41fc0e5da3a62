"""Hypothesis profiles: `gate` always draws the same examples, `nightly` new ones.

HYPOTHESIS_PROFILE=nightly python -m pytest tests/autodiff
"""

import os

from hypothesis import settings

settings.register_profile(
    "gate", max_examples=20, derandomize=True, database=None, deadline=None
)
settings.register_profile("nightly", max_examples=1000, deadline=None, print_blob=True)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "gate"))
