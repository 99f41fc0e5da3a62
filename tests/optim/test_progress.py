"""Progress: few lines in a log, a bar on a terminal."""

import io
import sys
import types

import numpy as np
import pytest

from optim import Info, Progress


def info(step, elapsed, steps=100):
    rng = np.random.default_rng(0)
    return Info(step, steps, None, {"loss": 0.5, "accuracy": 0.25}, elapsed, rng)


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_a_log_gets_a_line_every_ten_seconds_and_at_the_end(capsys):
    progress = Progress("digits")
    for step in range(1, 101):
        progress(info(step, 0.3 * step))
    progress.close()
    out, err = capsys.readouterr()
    assert out == ""
    assert err.splitlines() == [
        "digits: step 34/100 loss=0.5 accuracy=0.25 10 s",
        "digits: step 68/100 loss=0.5 accuracy=0.25 20 s",
        "digits: step 100/100 loss=0.5 accuracy=0.25 30 s",
    ]


def test_the_last_line_comes_once_wherever_the_run_ends(capsys):
    progress = Progress()
    progress.close()
    for steps in (34, 40):
        for step in range(1, steps + 1):
            progress(info(step, 0.3 * step))
        progress.close()
    shown = [line.split()[2] for line in capsys.readouterr().err.splitlines()]
    assert shown == ["34/100", "34/100", "40/100"]


def test_it_never_stops_a_run(capsys):
    assert Progress()(info(1, 0.0)) is None


@pytest.mark.parametrize("installed", [True, False])
def test_a_terminal_gets_a_bar_if_tqdm_is_installed(monkeypatch, installed):
    calls = []

    class Bar:
        def __init__(self, total, initial, desc, file):
            calls.append((total, initial, desc, file is sys.stderr))

        def set_postfix_str(self, text, refresh):
            calls.append(text)

        def update(self, steps):
            calls.append(steps)

        def close(self):
            calls.append("close")

    fake = types.SimpleNamespace(tqdm=Bar) if installed else None
    monkeypatch.setitem(sys.modules, "tqdm", fake)
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Progress("digits")
    progress(info(4, 0.1, steps=9))  # a resumed run
    progress(info(5, 0.2, steps=9))
    progress.close()
    if installed:
        shown = ["loss=0.5 accuracy=0.25", 1]
        assert calls == [(9, 3, "digits", True), *shown, *shown, "close"]
        assert sys.stderr.getvalue() == ""
    else:
        assert "digits: step 5/9" in sys.stderr.getvalue()


def test_the_real_tqdm_takes_these_calls(monkeypatch):
    pytest.importorskip("tqdm")
    monkeypatch.setattr(sys, "stderr", Terminal())
    progress = Progress("digits")
    progress(info(1, 0.1, steps=2))
    progress(info(2, 0.2, steps=2))
    progress.close()
    assert "2/2" in sys.stderr.getvalue()
