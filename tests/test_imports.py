"""Who may import whom: the arrows between the packages, read from the source.

Only the files of GROUND, which import nothing of ours but each other, may be imported
by optim and autodiff/compile.py against the arrows of MAY_IMPORT.
"""

import ast
import subprocess
import sys
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
MAY_IMPORT = {
    "autodiff": set(),
    "samplers": set(),
    "optim": {"autodiff"},
    "models": {"autodiff", "samplers", "optim"},
    "data": {"samplers"},
    "benchmarks": {"autodiff", "models", "samplers", "optim", "data"},
}
GROUND = {
    f"samplers.{name}"
    for name in [
        "archive",
        "cache",
        "elementary",
        "elementary32",
        "elementary64",
        "kernel",
        "progress",
    ]
}
MAY_IMPORT_GROUND = ["optim", "autodiff.compile"]
DEPENDENCIES = {"numpy", "scipy", "matplotlib", "numba", "llvmlite"}
OPTIONAL = {"tqdm", "torch", "jax", "sklearn", "autograd", "mygrad"}
# autodiff.table loads the rules of scipy at the first scipy function that it meets;
# the experiments and the rows of the speed table are found by name, and --doctor looks
# at each package.
MAY_LOAD_BY_NAME = {
    "autodiff.table",
    "benchmarks.environment",
    "benchmarks.experiment",
    "benchmarks.speed.row",
    "benchmarks.speed.worker",
}


def lies_in(name, packages):
    """Whether a dotted name is one of the packages or lies in one of them."""
    return any(f"{name}.".startswith(f"{package}.") for package in packages)


def imports(tree, modules):
    """Yield (module named, whether that is in a function) for each import of a file."""

    def walk(node, late):
        for child in ast.iter_child_nodes(node):
            match child:
                case ast.Import(names=names):
                    for alias in names:
                        yield alias.name, late
                case ast.ImportFrom(module=module, names=names, level=0):
                    inner = [f"{module}.{alias.name}" for alias in names]
                    known = {*modules, "matplotlib.pyplot"}
                    for name in inner:
                        yield name if name in known else module, late
                case ast.ImportFrom():
                    yield ".", late
            functions = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
            yield from walk(child, late or isinstance(child, functions))

    yield from walk(tree, False)


def loads_by_name(tree):
    """Whether a file calls import_module, __import__ or resolve_name."""
    calls = [node.func for node in ast.walk(tree) if isinstance(node, ast.Call)]
    names = {getattr(call, "id", getattr(call, "attr", None)) for call in calls}
    return bool(names & {"import_module", "__import__", "resolve_name"})


def complaint(module, target, late):
    """What is wrong with one import, or None."""
    package, top = module.split(".")[0], target.split(".")[0]
    if target == ".":
        return f"{module} has a relative import"
    if late and target != "matplotlib.pyplot" and top not in OPTIONAL:
        return f"{module} hides the import of {target} in a function"
    if not late and (target == "matplotlib.pyplot" or top in OPTIONAL):
        return f"{module} imports {target} before it is needed"
    if top in MAY_IMPORT:
        allowed = {package} | MAY_IMPORT[package]
        if lies_in(module, MAY_IMPORT_GROUND):
            allowed |= GROUND
        if module in GROUND:
            allowed = GROUND
        if not lies_in(target, allowed):
            return f"{module} may not import {target}"
    elif top not in DEPENDENCIES | OPTIONAL | sys.stdlib_module_names:
        return f"{module} imports {target}, which is not a dependency"
    return None


def complaints(texts):
    """All that is wrong with the imports of some modules, given as {name: text}."""
    found = []
    graph = {}
    for module, text in texts.items():
        tree = ast.parse(text)
        named = list(imports(tree, texts.keys()))
        found += [complaint(module, target, late) for target, late in named]
        if loads_by_name(tree) and module not in MAY_LOAD_BY_NAME:
            found.append(f"{module} loads modules by name")
        graph[module] = {
            target for target, late in named if target in texts and not late
        }
    try:
        TopologicalSorter(graph).prepare()
    except CycleError as error:
        found.append(f"{' <- '.join(error.args[1])} is a cycle")
    return [each for each in found if each]


def project():
    """The text of every module of ours, by its name."""
    files = [file for package in MAY_IMPORT for file in (ROOT / package).rglob("*.py")]
    names = [".".join(file.relative_to(ROOT).with_suffix("").parts) for file in files]
    return {
        name.removesuffix(".__init__"): file.read_text(encoding="utf-8")
        for name, file in zip(names, files, strict=True)
    }


def test_project_keeps_the_arrows():
    texts = project()
    assert texts.keys() >= MAY_IMPORT.keys()
    assert complaints(texts) == []


ALLOWED = {
    "benchmarks.page": "from models.mlp import MLP\nfrom data import load_digits",
    "models.rbm": "from autodiff import grad\nfrom samplers.gibbs import sweep",
    "optim.adam": "from samplers.kernel import kernel\nimport samplers.elementary",
    "autodiff.compile": "from samplers import kernel",
    "autodiff.draw": "def draw():\n    import matplotlib.pyplot as plt",
    "autodiff.table": "from importlib import import_module\nimport_module('scipy')",
    "optim.progress": "def bar():\n    from tqdm import tqdm",
    "data.ising": "import numpy as np\nfrom samplers.ising import sample",
    "optim.checkpoint": "from samplers.archive import write_archive",
    "samplers.kernel": "import numba\nfrom samplers.cache import cache_home",
    "samplers.elementary": "from samplers.kernel import kernel",
}


def test_allowed_imports_are_not_reported():
    assert complaints(ALLOWED) == []


@pytest.mark.parametrize(
    ("module", "text", "words"),
    [
        ("autodiff.tape", "import models", "may not import models"),
        ("autodiff.tape", "from samplers.kernel import kernel", "may not import"),
        ("autodiff.compiled", "import samplers.kernel", "may not import"),
        ("samplers.gibbs", "from autodiff import grad", "may not import autodiff"),
        ("samplers.kernel", "from samplers.gibbs import sweep", "may not import"),
        ("samplers.archive", "import autodiff", "may not import autodiff"),
        ("optim.fit", "import models.mlp", "may not import models.mlp"),
        ("optim.fit", "from samplers.gibbs import sweep", "may not import"),
        ("optim.fit", "from samplers import gibbs, kernel", "may not import"),
        ("data.ising", "from autodiff import grad", "may not import autodiff"),
        ("models.rbm", "from benchmarks import page", "may not import benchmarks"),
        ("models.rbm", "import tests.helper", "not a dependency"),
        ("models.rbm", "import pandas", "not a dependency"),
        ("models.rbm", "from . import mlp", "relative"),
        ("models.rbm", "from ..optim import fit", "relative"),
        ("models.rbm", "def f():\n    import optim", "hides the import of optim"),
        ("models.rbm", "def f():\n    from json import load", "hides the import"),
        ("models.rbm", "class A:\n    def f(self):\n        import scipy", "hides"),
        ("models.rbm", "async def f():\n    if 1:\n        import numba", "hides"),
        ("models.rbm", "import tqdm", "before it is needed"),
        ("models.rbm", "try:\n    import torch\nexcept E:\n    0", "before it"),
        ("models.rbm", "import matplotlib.pyplot as plt", "before it is needed"),
        ("models.rbm", "from matplotlib import pyplot", "before it is needed"),
        ("models.rbm", "import_module('optim')", "by name"),
        ("models.rbm", "importlib.import_module('optim')", "by name"),
        ("models.rbm", "__import__('optim')", "by name"),
        ("models.rbm", "pkgutil.resolve_name('optim')", "by name"),
    ],
)
def test_planted_violation_is_reported(module, text, words):
    modules = {"samplers.gibbs": "", "samplers.kernel": "", "benchmarks.page": ""}
    [found] = complaints(modules | {module: text})
    assert words in found
    assert module in found


def test_planted_cycle_is_reported():
    texts = {
        "optim.a": "from optim import b",
        "optim.b": "import optim.c",
        "optim.c": "from optim.a import x",
    }
    [found] = complaints(texts)
    assert found.endswith("is a cycle")
    assert all(module in found for module in texts)


def test_import_of_a_name_from_the_own_package_is_a_cycle():
    texts = {"optim": "from optim.fit import fit", "optim.fit": "from optim import SGD"}
    assert complaints(texts)[0].endswith("is a cycle")


@pytest.mark.parametrize("package", ["autodiff", "data"])
def test_a_package_is_light(package):
    """A fresh import loads neither numba, scipy nor matplotlib."""
    code = f"import sys, {package}; print(*sys.modules)"
    loaded = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True
    )
    assert loaded.returncode == 0, loaded.stderr
    modules = set(loaded.stdout.split())
    assert package in modules
    assert modules.isdisjoint({"numba", "llvmlite", "scipy", "matplotlib"})
