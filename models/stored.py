"""A model that is written to a file and read back, bit for bit."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar, TypeVar

from optim import storage
from samplers.archive import refusing

Self = TypeVar("Self", bound="Stored")


@dataclass(eq=False)
class Stored:
    """A dataclass of parameters with `save` and `load`.

    Its fields are kept, other attributes, such as the history of a fit, are not.

    parts : the classes of which a model is made, besides its own
    """

    parts: ClassVar[tuple[type, ...]] = ()

    def save(self, path: str | Path) -> None:
        """Write the parameters to a file, for `load`.

        A file that is already there is replaced in one step. Raises ValueError or
        TypeError if the parameters are such that `load` would refuse them, and OSError
        if the file cannot be written.
        """
        storage.save(path, replace(self))

    def __post_init__(self):
        """Raise ValueError or TypeError if the fields do not fit together."""

    @classmethod
    def load(cls: type[Self], path: str | Path) -> Self:
        """Return the model that `save` wrote.

        Raises CheckpointError if the file is damaged or holds no model of this class,
        and FileNotFoundError if there is none.
        """
        model = storage.load(path, [cls, *cls.parts])
        with refusing(path):
            if not isinstance(model, cls):
                raise ValueError(f"it holds no {cls.__name__}: {model!r:.80}")
            model.__post_init__()
        return model
