"""Progress of a run on stderr, as a callback of `fit`."""

from optim.run import Info
from samplers.progress import Meter


class Progress:
    """Show step, metrics and time: a bar on a terminal with tqdm, else lines.

    For `fit(..., callbacks=[Progress("classifier")])`, which also closes it.
    """

    def __init__(self, label: str = "fit"):
        self.label = label
        self._meter: Meter | None = None

    def __call__(self, info: Info) -> None:
        if self._meter is None:
            self._meter = Meter(self.label, "step", info.steps, info.step - 1)
        words = [f"{name}={value:.4g}" for name, value in info.metrics.items()]
        self._meter.show(info.step, info.elapsed, " ".join(words))

    def close(self) -> None:
        """Show the last step, if it is not shown yet, and be ready for another run."""
        if self._meter is not None:
            self._meter.close()
        self._meter = None
