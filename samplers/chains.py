"""Many Markov chains of one kernel: started, run, stopped, kept, taken up again.

What chain c is at step t depends on the sampler, the key, c and the start, and on
nothing else, because its random numbers have addresses (samplers/philox.py). So the
same draws come out in one go or in parts, by one thread or many processes, and after a
stop of any kind. Draw k is the state after burn_in + (k + 1) thin steps.
"""

import time
from concurrent.futures import Executor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from samplers.archive import (
    read_archive,
    refusing,
    remove_partial,
    require_room,
    write_archive,
)
from samplers.blocks import advance
from samplers.errors import require_finite
from samplers.fingerprint import differences, fingerprint, name_of
from samplers.kept import Statistic, make_room, measure, require_alike
from samplers.philox import draw_key
from samplers.progress import Meter
from samplers.sampler import Sampler

CHUNK_SECONDS = 0.1  # after which an interrupt is heard and the progress shown
# A step may become far slower than those before: a cluster comes to span the lattice.
CHUNK_WORK = 2**26  # numbers of the state, times steps
CHUNK_BYTES = 2**23  # of states that are held at once, few enough for a cache
SAVE_SECONDS = 60.0  # between two writes of a checkpoint
LIMIT = 2**32  # of the numbers of chains and steps in the address of a random number


class Chains:
    """Markov chains and what was drawn from them.

    Parameters
    ----------
    sampler : one step of a chain, such as samplers.gibbs.Gibbs or samplers.wolff.Wolff
    chains : how many, 1 if no state is given
    rng : int, SeedSequence or Generator, of which the key of all numbers is drawn; two
        Chains of the same int share their numbers, and are not independent
    state : (chain, ...), where they start; else the sampler chooses
    burn_in : steps before the first draw is due
    thin : steps from one draw to the next
    statistic : states (chain, draw, ...) -> what to keep of them, (chain, draw, ...),
        of each state by itself; None keeps the states

    >>> from samplers.ising import energy
    >>> from samplers.metropolis import Metropolis
    >>> chains = Chains(
    ...     Metropolis((8, 8), temperature=2.5), 4, rng=0, burn_in=100, statistic=energy
    ... )
    >>> chains.run(1000).shape
    (4, 1000)

    They go on where they are, to a number of draws that counts these.

    >>> chains.run(1500).shape, chains.step
    ((4, 1500), 1600)

    Raises ValueError if the numbers make no sense, and what the sampler's check raises.
    """

    def __init__(
        self,
        sampler: Sampler,
        chains: int | None = None,
        *,
        rng,
        state: NDArray | None = None,
        burn_in: int = 0,
        thin: int = 1,
        statistic: Statistic | None = None,
    ):
        self.sampler, self.statistic = sampler, statistic
        self.burn_in = require_count("burn_in", burn_in, 0)
        self.thin = require_count("thin", thin, 1)
        self.key = draw_key(rng)
        if state is None:
            chains = require_count("chains", 1 if chains is None else chains, 1)
            state = sampler.start(self.key, chains)
        else:
            state = np.array(state)
        state = sampler.check(state)
        if chains not in (None, len(state)):
            raise ValueError(
                f"chains is {chains}, and the state is that of {len(state)}; leave "
                "chains away, or repeat the state, np.repeat(state, chains, axis=0)"
            )
        self._kept: NDArray = np.empty((len(state), 0))  # no draws yet
        self._file: Path | None = None
        # Replaced as a whole: an interrupt, which can come between any two lines,
        # finds the chains before a chunk or after it.
        self._position = state, 0, 0

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
        """Return what was kept so far, (chain, draw, ...), also after an interrupt.

        It is no copy: what is changed there is changed for later calls too.
        """
        if not self._position[2]:
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
        progress : a label, with which the count of steps is shown on stderr
        checkpoint : a file that `load` reads, written at the beginning, every minute,
            and at the end of the run, whatever ends it

        After an interrupt (Ctrl-C) or an error the chains are as they were a tenth of a
        second before, or before the last step if that takes longer, and another call
        goes on from there. A process that is killed leaves its checkpoint:

            if path.exists():
                chains = Chains.load(path, sampler)
            else:
                chains = Chains(sampler, 100, rng=0)
            draws = chains.run(10_000, checkpoint=path)

        Raises DivergenceError if a chain meets a number that is not finite, ValueError
        if the draws are too many for a checkpoint, and FileExistsError if that is there
        and these chains were neither saved to it nor loaded from it.
        """
        draws = require_count("draws", draws, 1)
        chains, last = len(self._position[0]), self.burn_in + draws * self.thin
        if max(chains, last) >= LIMIT:
            raise ValueError(
                f"{chains} chains and {draws} draws: random numbers are addressed up "
                "to chain 2^32 and step 2^32, beyond which they would repeat; begin "
                "other chains from this state, with another rng"
            )
        self._kept = make_room(self._kept, self.statistic, self._position[0], draws)
        if checkpoint is not None:
            self._open(Path(checkpoint), draws)
        meter = Meter(progress, "step", last, self.step) if progress else None
        try:
            self._run(draws, executor, meter, checkpoint)
        finally:
            if meter:
                meter.close()
            if checkpoint is not None:
                self.save(checkpoint)
        return self.draws[:, :draws]

    def save(self, path: str | Path) -> None:
        """Write the chains and their draws to a file for `load`.

        Raises ValueError if they take more than 2 GiB, and TypeError if the sampler is
        no dataclass.
        """
        state, step, taken = self._position
        content = {
            "sampler": fingerprint(self.sampler),
            "statistic": name_of(self.statistic),
            "key": int(self.key),
            "step": step,
            "burn_in": self.burn_in,
            "thin": self.thin,
        }
        arrays = {"state": state}
        if taken:
            arrays["draws"] = self.draws
        write_archive(path, "chains", content, arrays)
        self._file = Path(path).absolute()

    @classmethod
    def load(
        cls,
        path: str | Path,
        sampler: Sampler,
        statistic: Statistic | None = None,
    ) -> "Chains":
        """Return the chains that `save` wrote, which go on as if never stopped.

        sampler, statistic : as they were; a statistic is known by its name

        Raises CheckpointError if the file is damaged or foreign, or if its chains have
        another sampler or statistic, and FileNotFoundError if there is none.
        """
        with refusing(path):
            content, (state, *drawn) = read_archive(path, "chains")
            if others := differences(content["sampler"], fingerprint(sampler)):
                raise ValueError(
                    f"its chains have a sampler of another {' and '.join(others)}"
                )
            if content["statistic"] != name_of(statistic):
                raise ValueError(
                    f"its statistic is {content['statistic']}, not {name_of(statistic)}"
                )
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
        chains._file = Path(path).absolute()
        return chains

    def _open(self, path: Path, draws: int) -> None:
        """Write the first checkpoint of a run, so that what could fail fails now."""
        if path.is_file() and path.absolute() != self._file:
            raise FileExistsError(
                f"{path} holds other chains, which these would overwrite: go on with "
                f"them by Chains.load({str(path)!r}, sampler), choose another path, or "
                "delete it"
            )
        require_room(self._position[0].nbytes + self._kept[:, :draws].nbytes)
        remove_partial(path)
        self.save(path)

    def _run(self, draws, executor, meter, checkpoint) -> None:
        """Go on in chunks until there are so many draws."""
        start = saved = time.perf_counter()
        steps = 1
        while self._position[2] < draws:
            before, began = self.step, time.perf_counter()
            self._run_chunk(*self._plan(draws, steps), executor)
            now = time.perf_counter()
            steps = next_steps(self.step - before, now - began)
            if meter:
                meter.show(self.step, now - start)
            if checkpoint is not None and now - saved > SAVE_SECONDS:
                self.save(checkpoint)
                saved = time.perf_counter()

    def _plan(self, draws: int, steps: int) -> tuple[int, int]:
        """Return (n, thin) of the next chunk, of about so many steps.

        n is zero if it ends before the next draw.
        """
        state, step, taken = self._position
        steps = min(steps, max(1, CHUNK_WORK // state.size))
        gap = self.burn_in + (taken + 1) * self.thin - step
        if gap != self.thin or steps < self.thin:
            return (1, gap) if gap <= steps else (0, steps)
        room = max(1, CHUNK_BYTES // state.nbytes)
        return min(steps // self.thin, draws - taken, room), self.thin

    def _run_chunk(self, n: int, thin: int, executor: Executor | None) -> None:
        """Take max(n, 1) thin steps and keep the n draws, all of it or nothing."""
        state, step, taken = self._position
        states, drawn = advance(
            self.sampler, self.key, state, step, max(n, 1), thin, executor
        )
        step += max(n, 1) * thin
        require_finite("the state", states[:, np.newaxis], step, 1, self.key)
        if n:
            values = measure(self.statistic, drawn)
            require_alike(values, self._kept)
            if self.statistic is not None:
                first = step - (n - 1) * thin
                require_finite("the statistic", values, first, thin, self.key)
            self._kept[:, taken : taken + n] = values
        self._position = states, step, taken + n


def next_steps(done: int, seconds: float) -> int:
    """Return how many steps to take in the next chunk, after these in so long."""
    return int(np.clip(done * CHUNK_SECONDS / seconds, 1, 8 * done))


def require_count(name: str, number: int, least: int) -> int:
    """Return a number as an int, or raise ValueError if it is none, or too small."""
    if not isinstance(number, int | np.integer) or number < least:
        raise ValueError(
            f"{name} is {number!r}; it counts, so it is an integer of at least "
            f"{least}: write 10**6 or int(1e6) for a million"
        )
    return int(number)
