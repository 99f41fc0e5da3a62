"""A mirror for the tests that fetch; every other address is out of reach."""

import urllib.request

import pytest

from tests.data.mirror import Mirror


@pytest.fixture
def mirror(monkeypatch):
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with Mirror() as running:
        yield running


@pytest.fixture(autouse=True)
def only_this_machine(monkeypatch):
    """Fail a test that asks for an address elsewhere."""
    urlopen = urllib.request.urlopen

    def guarded(url, *args, **kwargs):
        assert url.startswith("http://127.0.0.1:"), f"the network was asked for {url}"
        return urlopen(url, *args, **kwargs)

    monkeypatch.setattr(urllib.request, "urlopen", guarded)
