"""The sources that a result depends on, as one hash.

The import statements of the experiment's module, and import_module("a.b") with a name
that stands there, are followed through our six packages, and the texts of all modules
met, without their docstrings, are hashed under their import names: the same programs
give the same hash in any folder, on any system, however they are explained. No module
is run for it but the packages' own `__init__`.
"""

import ast
import hashlib
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path

from samplers.kernel import PACKAGES, imported_names


def source_hash(module: str) -> str:
    """Return the SHA-256 of a module's program and of all of ours that it imports."""
    digest = hashlib.sha256()
    for name, text in sorted(closure(module).items()):
        kept = without_docstrings(text)
        digest.update(f"{name}\n{len(kept)}\n".encode() + kept)
    return digest.hexdigest()


def without_docstrings(text: str) -> bytes:
    """Return the text of a module but for its docstrings, in UTF-8."""
    lines = text.encode().splitlines(keepends=True)
    for node in ast.walk(ast.parse(text)):
        match node:
            case (
                ast.Module(body=[ast.Expr(ast.Constant(str())) as doc, *_])
                | ast.ClassDef(body=[ast.Expr(ast.Constant(str())) as doc, *_])
                | ast.FunctionDef(body=[ast.Expr(ast.Constant(str())) as doc, *_])
            ):
                first, last = doc.lineno - 1, (doc.end_lineno or doc.lineno) - 1
                before = lines[first][: doc.col_offset]
                after = lines[last][doc.end_col_offset :]
                lines[first : last + 1] = [before + after] + [b""] * (last - first)
    return b"".join(lines)


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
