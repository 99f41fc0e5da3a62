"""The zoo: mistakes that samplers are prone to, each with a check that must see it.

A test that no mistake can make fail says nothing. Here the mistakes are made: a piece
in the source of a module is replaced, and the module run from that, as are all modules
of samplers that it imports, without a compiler. What others have imported is left as it
is.

The rows are in the files zoo_*.py of this folder. To add one, write under the module,
and under a check that must see it, what the mistake is, in words; the code as it is;
and as somebody could have written it.
"""

import sys
from collections.abc import Callable
from contextlib import contextmanager
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path
from types import ModuleType

SAMPLERS = Path(__file__).parents[2] / "samplers"
SHARED = {"samplers.errors"}  # so that an error is known by its type


class StaleFaultError(Exception):
    """What a fault was to replace is not in the source, or not only once."""


@dataclass(frozen=True)
class Fault:
    """One mistake, which the check must see.

    name : what goes wrong, in words
    module : the module of samplers whose source has `old` once, replaced by `new`
    check : takes a module; raises AssertionError if it is wrong
    given : the module that the check takes, which imports the other
    """

    name: str
    module: str
    old: str
    new: str
    check: Callable[[ModuleType], None]
    given: str

    def plant(self) -> ModuleType:
        """Return the module to be checked. Raises StaleFaultError."""
        source = (SAMPLERS / f"{self.module}.py").read_text(encoding="utf-8")
        if self.old == self.new or source.count(self.old) != 1:
            raise StaleFaultError(
                f"{self.name}: {self.old!r} is {source.count(self.old)} times in "
                f"samplers/{self.module}.py and would become {self.new!r}; the fault "
                "must change one place, so write it for the source as it is now"
            )
        return undecorated(
            self.given, {self.module: source.replace(self.old, self.new)}
        )


def faults(module, check, rows, given=None) -> list[Fault]:
    """Return the faults of a module that one check of it, or of the one given, sees.

    rows : {name: (old, new)}
    """
    return [
        Fault(name, module, old, new, check, given or module)
        for name, (old, new) in rows.items()
    ]


def undecorated(name: str, changed: dict[str, str] | None = None) -> ModuleType:
    """Return a module of samplers run anew, all kernels as they are before compilation.

    changed : for some modules, the source to be run in place of the file
    """
    with samplers_anew():
        plain = sys.modules["samplers.kernel"] = ModuleType("samplers.kernel")
        vars(plain).update(kernel=undecorate, inlined=undecorate)
        for each, source in (changed or {}).items():
            module = sys.modules[f"samplers.{each}"] = ModuleType(f"samplers.{each}")
            exec(compile(source, f"a mutant of {each}.py", "exec"), vars(module))
        return import_module(f"samplers.{name}")


def undecorate(function=None, **options):
    """Return the function, in place of samplers.kernel.kernel and inlined."""
    return undecorate if function is None else function


@contextmanager
def samplers_anew():
    """Within, imports find no module of samplers; afterwards those of before."""
    before = {name: sys.modules.pop(name) for name in loaded()}
    try:
        yield
    finally:
        for name in loaded():
            del sys.modules[name]
        sys.modules.update(before)


def loaded() -> list[str]:
    """Return the names of the modules of samplers that imports find."""
    ours = [name for name in sys.modules if f"{name}.".startswith("samplers.")]
    return [name for name in ours if name not in SHARED]
