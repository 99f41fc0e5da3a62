"""The sources that a result depends on, as one hash.

The import statements of the experiment's module, and import_module("a.b") with a name
that stands there, are followed through our six packages, and the texts of all modules
met are hashed under their import names: the same sources give the same hash in any
folder, on any system. No module is run for it but the packages' own `__init__`.
"""

import ast
import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from samplers.kernel import PACKAGES, imported_names


def source_hash(module: str) -> str:
    """Return the SHA-256 of a module's text and of all of ours that it imports."""
    digest = hashlib.sha256()
    for name, text in sorted(closure(module).items()):
        digest.update(f"{name}\n{len(text)}\n{text}".encode())
    return digest.hexdigest()


def closure(module: str) -> dict[str, str]:
    """Map every module of ours that is imported, directly or not, to its text."""
    texts: dict[str, str] = {}
    waiting = [module]
    while waiting:
        name = waiting.pop()
        if name in texts or (path := source(name)) is None:
            continue
        texts[name] = path.read_text(encoding="utf-8")
        tree = ast.parse(texts[name])
        named = [*imported_names(tree), *loaded_names(tree)]
        waiting += [found for found in named if found.split(".")[0] in PACKAGES]
        waiting.append(name.rpartition(".")[0])
    return texts


def loaded_names(tree: ast.Module) -> Iterator[str]:
    """Yield the names that stand as strings in calls of import_module."""
    for node in ast.walk(tree):
        match node:
            case ast.Call(
                func=ast.Name(id="import_module") | ast.Attribute(attr="import_module"),
                args=[ast.Constant(value=str(name)), *_],
            ):
                yield name


def source(name: str) -> Path | None:
    """Return the file of a module, or None where the name is not a module."""
    try:
        spec = find_spec(name) if name else None
    except ModuleNotFoundError:
        return None
    return Path(spec.origin) if spec and spec.origin else None
