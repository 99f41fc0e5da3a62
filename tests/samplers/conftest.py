"""The jobs that test_jobs.py waits for begin with the first test of this folder."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.samplers.jobs import SETTINGS, run_exact_tests


@pytest.fixture(scope="session", autouse=True)
def jobs(request, tmp_path_factory):
    """Both jobs, at work side by side; none in a run that does not wait for them."""
    names = [item.name for item in request.session.items]
    awaited = any(name.startswith("test_exact_laws_hold") for name in names)
    folder = tmp_path_factory.mktemp("jobs")
    with ThreadPoolExecutor() as pool:
        yield {
            setting: pool.submit(run_exact_tests, setting, folder / setting)
            for setting in SETTINGS
            if awaited
        }
