"""Many Markov chains of one kernel: started, run, stopped, kept, taken up again.

What chain c is at step t depends on the sampler, the key, c and the start, and on
nothing else, because its random numbers have addresses (samplers/philox.py). So the
same draws come out in one go or in parts, by one thread or many processes, and after a
stop of any kind. Draw k is the state after burn_in + (k + 1) thin steps.
"""

import os
import time
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from samplers.archive import read_archive, refusing, write_archive
from samplers.errors import DivergenceError
from samplers.fingerprint import fingerprint
from samplers.philox import draw_key
from samplers.progress import Meter

CHUNK_SECONDS = 0.1  # after which an interrupt is heard and the progress shown
CHUNK_BYTES = 2**26  # of states that are held at once
BLOCKS = 4 * (os.cpu_count() or 1)  # into which an executor's chains are split
SAVE_SECONDS = 60.0  # between two writes of a checkpoint
LIMIT = 2**32  # of the numbers of chains and steps in the address of a random number


class Sampler(Protocol):
    """A Markov kernel: a frozen dataclass of the parameters of one step."""

    def start(self, key: np.uint64, chains: int) -> NDArray:
        """Return states, (chain, ...), for chains to which none were given."""

    def check(self, state: NDArray) -> NDArray:
        """Return given states, (chain, ...), as `advance` takes them, or raise."""

    def advance(
        self,
        state: NDArray,
        draws: NDArray,
        *,
        key: np.uint64,
        chain: int,
        step: int,
        thin: int,
    ) -> None:
        """Take n times thin steps, and keep the state after each thin of them.

        state : (chain, ...), changed in place
        draws : (chain, n, ...), of the same dtype, is written
        chain, step : the number of the first chain, and of the steps done before

        Raises DivergenceError; then state and draws are of no use.
        """


class Chains:
    """Markov chains and what was drawn from them.

    Parameters
    ----------
    sampler : the kernel, such as samplers.gibbs.Gibbs or samplers.wolff.Wolff
    chains : how many, if no state is given
    state : (chain, ...), where they start; else the sampler chooses
    rng : int, SeedSequence or Generator, of which the key of all numbers is drawn
    burn_in : steps before the first draw is due
    thin : steps from one draw to the next
    statistic : states (chain, draw, ...) -> what to keep of them, (chain, draw, ...);
        None keeps the states

    >>> from samplers.ising import energy
    >>> from samplers.metropolis import Metropolis
    >>> chains = Chains(
    ...     Metropolis((8, 8), temperature=2.5), 4, rng=0, burn_in=100, statistic=energy
    ... )
    >>> chains.run(1000).shape
    (4, 1000)

    Raises ValueError if the numbers make no sense, and what the sampler's check raises.
    """

    def __init__(
        self,
        sampler: Sampler,
        chains: int = 1,
        *,
        rng,
        state: NDArray | None = None,
        burn_in: int = 0,
        thin: int = 1,
        statistic: Callable[[NDArray], NDArray] | None = None,
    ):
        if chains < 1 or burn_in < 0 or thin < 1:
            raise ValueError(
                f"chains={chains}, burn_in={burn_in}, thin={thin}: there must be a "
                "chain, no negative number of steps, and a step between two draws"
            )
        self.sampler, self.statistic = sampler, statistic
        self.burn_in, self.thin = burn_in, thin
        self.key = draw_key(rng)
        state = sampler.start(self.key, chains) if state is None else np.array(state)
        self._kept: NDArray | None = None
        # Replaced as a whole: an interrupt, which can come between any two lines,
        # finds the chains before a chunk or after it.
        self._position = sampler.check(state), 0, 0

    @property
    def state(self) -> NDArray:
        """Return where the chains are, (chain, ...), a copy."""
        return self._position[0].copy()

    @property
    def step(self) -> int:
        """Return the number of steps done."""
        return self._position[1]

    @property
    def draws(self) -> NDArray:
        """Return what was kept so far, (chain, draw, ...), also after an interrupt."""
        if self._kept is None:
            raise ValueError("nothing has been drawn yet; write chains.run(draws)")
        return self._kept[:, : self._position[2]]

    def run(
        self,
        draws: int,
        *,
        executor: Executor | None = None,
        progress: str | None = None,
        checkpoint: str | Path | None = None,
    ) -> NDArray:
        """Go on until there are so many draws of each chain, and return them.

        Parameters
        ----------
        draws : in all, with those of former calls
        executor : with the interface of concurrent.futures, to spread the chains over;
            threads will do, because a compiled kernel lets others run
        progress : a label, with which the count is shown on stderr
        checkpoint : a file that `load` reads, written every minute and at the end of
            the run, whatever ends it

        After an interrupt (Ctrl-C) or an error the chains are as they were a tenth of a
        second before, and another call goes on from there.

        Raises DivergenceError if a chain meets a number that is not finite.
        """
        if draws < 1:
            raise ValueError(f"draws is {draws}; a run ends when there are at least 1")
        chains = len(self._position[0])
        if max(chains, self.burn_in + draws * self.thin) >= LIMIT:
            raise ValueError(
                f"{chains} chains and {draws} draws: random numbers are addressed up "
                "to chain 2^32 and step 2^32, beyond which they would repeat; begin "
                "other chains from this state, with another rng"
            )
        start = saved = time.perf_counter()
        meter = Meter(progress, "draw", draws, self._position[2]) if progress else None
        steps = 1
        try:
            while self._position[2] < draws:
                began = time.perf_counter()
                self._run_chunk(*self._plan(draws, steps), draws, executor)
                now = time.perf_counter()
                steps = int(
                    np.clip(steps * CHUNK_SECONDS / (now - began), 1, 8 * steps)
                )
                if meter:
                    meter.show(self._position[2], now - start)
                if checkpoint is not None and now - saved > SAVE_SECONDS:
                    self.save(checkpoint)
                    saved = now
        finally:
            if meter:
                meter.close()
            if checkpoint is not None:
                self.save(checkpoint)
        return self.draws[:, :draws]

    def save(self, path: str | Path) -> None:
        """Write the chains and their draws to a file for `load`.

        Raises ValueError if they take more than 2 GiB.
        """
        state, step, taken = self._position
        content = {
            "sampler": fingerprint(self.sampler),
            "statistic": getattr(self.statistic, "__qualname__", None),
            "key": int(self.key),
            "step": step,
            "burn_in": self.burn_in,
            "thin": self.thin,
        }
        arrays = {"state": state}
        if taken:
            arrays["draws"] = self.draws
        write_archive(path, "chains", content, arrays)

    @classmethod
    def load(
        cls,
        path: str | Path,
        sampler: Sampler,
        statistic: Callable[[NDArray], NDArray] | None = None,
    ) -> "Chains":
        """Return the chains that `save` wrote, which go on as if never stopped.

        Raises CheckpointError if the file is damaged or foreign, or if its chains have
        another sampler or statistic, and FileNotFoundError if there is none.
        """
        with refusing(path):
            content, (state, *drawn) = read_archive(path, "chains")
            name = getattr(statistic, "__qualname__", None)
            if content["sampler"] != fingerprint(sampler):
                raise ValueError("its chains have a sampler of other parameters")
            if content["statistic"] != name:
                raise ValueError(f"its statistic is {content['statistic']}, not {name}")
            chains = cls(
                sampler,
                state=state,
                rng=0,
                burn_in=content["burn_in"],
                thin=content["thin"],
                statistic=statistic,
            )
            chains.key = np.uint64(content["key"])
            if drawn:
                [chains._kept] = drawn
            taken = drawn[0].shape[1] if drawn else 0
            chains._position = chains._position[0], content["step"], taken
        return chains

    def _plan(self, draws: int, steps: int) -> tuple[int, int]:
        """Return (n, thin) of the next chunk, of about so many steps.

        n is zero if it ends before the next draw.
        """
        state, step, taken = self._position
        gap = self.burn_in + (taken + 1) * self.thin - step
        if gap != self.thin or steps < self.thin:
            return (1, gap) if gap <= steps else (0, steps)
        room = max(1, CHUNK_BYTES // state.nbytes)
        return min(steps // self.thin, draws - taken, room), self.thin

    def _run_chunk(
        self, n: int, thin: int, draws: int, executor: Executor | None
    ) -> None:
        """Take max(n, 1) thin steps and keep the n draws, all of it or nothing."""
        state, step, taken = self._position
        blocks = split(len(state), 1 if executor is None else BLOCKS)
        task = partial(advanced, self.sampler, self.key, step, max(n, 1), thin)
        each = map if executor is None else executor.map
        parts = each(
            task, [state[block] for block in blocks], [b.start for b in blocks]
        )
        states, drawn = map(np.concatenate, zip(*parts, strict=True))
        self._require_finite("the state", states[:, np.newaxis], step, max(n, 1) * thin)
        if n:
            self._keep(drawn, draws)
        self._position = states, step + max(n, 1) * thin, taken + n

    def _keep(self, chunk: NDArray, draws: int) -> None:
        """Append a chunk of states, or their statistic, to what was kept so far."""
        _, step, taken = self._position
        n = chunk.shape[1]
        if self.statistic is not None:
            shape = chunk.shape[:2]
            chunk = np.asarray(self.statistic(chunk))
            if chunk.shape[:2] != shape:
                raise ValueError(
                    f"the statistic made {chunk.shape} of states (chain, draw, ...) = "
                    f"({shape[0]}, {n}, ...); it must keep the first two axes"
                )
            self._require_finite("the statistic", chunk, step, self.thin)
        if self._kept is None or self._kept.shape[1] < draws:
            room = np.empty((len(chunk), draws, *chunk.shape[2:]), chunk.dtype)
            if self._kept is not None:
                room[:, :taken] = self._kept[:, :taken]
            self._kept = room
        self._kept[:, taken : taken + n] = chunk

    def _require_finite(self, what: str, chunk: NDArray, step: int, thin: int) -> None:
        """Raise if something kept, the first after step + thin steps, is not finite."""
        if np.issubdtype(chunk.dtype, np.inexact) and not np.isfinite(chunk).all():
            chain, draw, *_ = np.argwhere(~np.isfinite(chunk))[0]
            raise DivergenceError(what, chain, step + (draw + 1) * thin, self.key)


def split(chains: int, blocks: int) -> list[slice]:
    """Return slices of neighbors that are about equal and cover all chains."""
    bounds = np.linspace(0, chains, min(chains, blocks) + 1).astype(int).tolist()
    return [slice(*pair) for pair in pairwise(bounds)]


def advanced(
    sampler: Sampler,
    key: np.uint64,
    step: int,
    n: int,
    thin: int,
    state: NDArray,
    chain: int,
) -> tuple[NDArray, NDArray]:
    """Return the states after n thin steps and the n draws; for any process."""
    state = state.copy()
    draws = np.empty((len(state), n, *state.shape[1:]), state.dtype)
    sampler.advance(state, draws, key=key, chain=chain, step=step, thin=thin)
    return state, draws
