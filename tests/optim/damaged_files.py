"""Damaged, foreign and hostile files, and what reading each of them comes to.

python -m tests.optim.damaged_files 20000 FOLDER reads so many and prints the tally; a
file that gave neither CheckpointError nor what was written stays in the folder.
"""

import copy
import functools
import io
import itertools
import json
import re
import resource
import sys
import time
import warnings
import zipfile
import zlib
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from models import MLP
from models.mlp import Dense
from optim import Adam, Batches, descent, fit
from optim.checkpoint import Checkpoint
from optim.early_stopping import EarlyStopping
from optim.snapshot import take
from optim.storage import load, save
from samplers.archive import CheckpointError

EXTREMES = (0, 1, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0x80000000, 0xFFFFFFFF)
NODES = (
    *(None, True, -1, 0, 3, 2**31, 2**63, 2**64, 10**400, -0.5, 1e308, "", "x", "<f8"),
    *("|O", "<f4", "<U999999999", "run", "model", "os.system", "models.mlp.Dense"),
    *([], {}, [[]], [0], [10**12], [2**40, 0], [-1, -1], [0, 0], [[1, 2], [3, 4]]),
    *({"array": 0}, {"array": 10**9}, {"same": 0}, {"same": -1}, {"same": 10**9}),
    *({"float": "00"}, {"scalar": ["<f8", ""]}, {"scalar": ["|O", "00" * 8]}),
    *({"tuple": [[]]}, {"dict": [["a", 1], ["a", 2]]}, {"dict": [[[], 1]]}),
    *({"object": ["os.system", {}]}, {"object": ["models.mlp.Dense", {}]}),
    *({"generator": {}}, {"generator": {"state": {}, "pool_size": 10**9}}),
    "y" * 100_000,
)


def squares(model, x):
    return np.mean((model(x) - x) ** 2)


def steps_of(steps, path, resume=False):
    """Begin or resume the run whose files are damaged; return all that it comes to."""
    rng = np.random.default_rng(0)
    x = rng.standard_normal((9, 2))
    state = (MLP.create((2, 3, 2), rng=rng), Adam(), rng.spawn(1)[0])
    stopping = EarlyStopping("loss", patience=3)
    batches = Batches(x, size=4, rng=rng)
    learn = descent(squares)

    def step(state, batch, rng):
        learn(state[:2], batch, rng)
        return state, {"loss": state[2].random() + 1.0}

    state, history = fit(
        step,
        state,
        batches,
        steps=steps,
        rng=rng,
        callbacks=[stopping],
        checkpoint=Checkpoint(path, resume=resume),
    )
    return [state, dict(history), batches.cursor, stopping.cursor]


def model_of_all_kinds():
    rng = np.random.default_rng(1)
    return {
        "network": MLP.create((3, 4, 2), rng=rng),
        "arrays": [rng.random((2, 3, 4)).transpose(1, 2, 0), np.zeros(()), np.int8(1)],
        "equal": (np.zeros(6), np.zeros(6), np.ones((2, 3)), np.ones((2, 3)).T.copy()),
        "words": np.array(["one", "three"]),
        "others": (None, True, 2**100, 0.1, np.inf, "a string"),
        "streams": [np.random.Generator(bits(2)) for bits in (
            np.random.PCG64, np.random.MT19937, np.random.Philox, np.random.SFC64)],
        3: [],
    }  # fmt: skip


# 1. Mutations of bytes. Each takes the bytes of a file and of another, and an rng.


def flip_bits(data, other, rng):
    damaged = bytearray(data)
    for place in rng.integers(len(data), size=rng.integers(1, 9)):
        damaged[place] ^= 1 << rng.integers(8)
    return damaged


def truncate(data, other, rng):
    return data[: rng.integers(len(data))]


def extend(data, other, rng):
    extra = rng.bytes(rng.integers(1, 100))
    return data + extra if rng.random() < 0.5 else extra + data


def splice(data, other, rng):
    place = rng.integers(len(data))
    return data[:place] + other[rng.choice([place, rng.integers(len(other))]) :]


def overwrite(data, other, rng):
    damaged = bytearray(data)
    start, source = rng.integers(len(data), size=2)
    length = rng.integers(1, 200)
    block = rng.choice(["zeros", "copy"])
    new = bytes(length) if block == "zeros" else data[source : source + length]
    damaged[start : start + len(new)] = new
    return damaged


def set_field(data, other, rng):
    """Set a number in a header of a member, or in the directory at the end."""
    marks = [b"PK\x03\x04", b"PK\x01\x02", b"PK\x05\x06", b"\x93NUMPY"]
    mark = marks[rng.integers(len(marks))]
    places = [match.start() for match in re.finditer(re.escape(mark), data)]
    place = places[rng.integers(len(places))] + rng.integers(46)
    width = int(rng.choice([1, 2, 4]))
    value = int(rng.choice([*EXTREMES, len(data), rng.integers(2**32)]))
    damaged = bytearray(data)
    damaged[place : place + width] = (value % 256**width).to_bytes(width, "little")
    return damaged[: len(data)]


# 2. Mutations of members, with true checksums in the zip archive.


def unpack(data):
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [[info.filename, archive.read(info)] for info in archive.infolist()]


def pack(members, compression=zipfile.ZIP_STORED, comment=b""):
    file = io.BytesIO()
    with warnings.catch_warnings(), zipfile.ZipFile(file, "w") as archive:
        warnings.simplefilter("ignore")  # a name that is there twice
        archive.comment = comment
        for name, data in members:
            archive.writestr(zipfile.ZipInfo(name), data, compression)
    return file.getvalue()


def rearrange(data, other, rng):
    members, others = unpack(data), unpack(other)
    one, two = rng.integers(len(members), size=2)
    match rng.integers(12):
        case 0:
            del members[one]
        case 1:
            members.insert(one, list(members[two]))
        case 2:
            members[one][1], members[two][1] = members[two][1], members[one][1]
        case 3:
            members[one][0], members[two][0] = members[two][0], members[one][0]
        case 4:
            members[one], members[two] = members[two], members[one]
        case 5:
            members[one][0] = rng.choice(
                ["../evil.npy", "/etc/x", "x", "a\0b", "ü.npy"]
            )
        case 6:
            members.append(["extra.npy", rng.bytes(100)])
        case 7:
            members[one] = others[rng.integers(len(others))]
        case 8:
            return pack(members, zipfile.ZIP_DEFLATED)
        case 9:
            return pack(members, comment=b"hello")
        case 10:
            members[one][1] = flip_bits(members[one][1], b"", rng)
        case 11:
            members[one][1] = truncate(members[one][1], b"", rng)
    return pack(members)


def edit_header(data, other, rng):
    """Give an array another header, and half of the time the manifest its checksum."""
    members = unpack(data)
    member = members[rng.integers(len(members) - 1)]
    old = member[1]
    length = 10 + int.from_bytes(old[8:10], "little")
    header = io.BytesIO()
    shape = [(), (3,), (10**9,), (10**6, 10**6), (2**62, 8), (0, 5)][rng.integers(6)]
    dtype = ["<f8", ">f8", "|O", "<U3", "|V8", "<c16", "<M8[s]"][rng.integers(7)]
    fields = {"descr": dtype, "fortran_order": rng.random() < 0.3, "shape": shape}
    if rng.random() < 0.5:
        np.lib.format.write_array_header_1_0(header, fields)
    else:
        np.lib.format.write_array_header_2_0(header, fields)
    member[1] = header.getvalue() + old[length:]
    if rng.random() < 0.5:
        manifest = json.loads(members[-1][1])
        for row in manifest["arrays"]:
            if f"{row['name']}.npy" == member[0]:
                row["crc32"] = zlib.crc32(member[1])
        members[-1][1] = json.dumps(manifest).encode()
    return pack(members)


# 3. Mutations of the manifest, with true checksums: some of them are other sound files.


def edit_manifest(data, other, rng):
    members = unpack(data)
    manifest = json.loads(members[-1][1])
    for _ in range(rng.integers(1, 3)):
        places = list(containers(manifest))
        place = places[rng.integers(len(places))]
        keys = list(place) if isinstance(place, dict) else list(range(len(place)))
        if keys:
            key = keys[rng.integers(len(keys))]
            choice = rng.integers(4)
            if choice == 0:
                del place[key]
            elif choice == 1:
                container = places[rng.integers(len(places))]
                place[key] = copy.deepcopy(container)
            else:
                place[key] = copy.deepcopy(NODES[rng.integers(len(NODES))])
    members[-1][1] = json.dumps(manifest).encode()
    return pack(members)


def containers(tree) -> Iterator:
    """Yield every list and dict of a JSON tree."""
    if isinstance(tree, (list, dict)):
        yield tree
        for item in tree.values() if isinstance(tree, dict) else tree:
            yield from containers(item)


def hostile_json(data, other, rng):
    members = unpack(data)
    text = members[-1][1].decode()
    place = int(rng.integers(len(text)))
    deep = int(rng.choice([90, 200, 10_000, 500_000]))
    inserted = [
        "[" * deep,
        "[" * deep + "]" * deep,
        '{"tuple": [' * (deep // 50) + "]}" * (deep // 50),
        "[]," * deep,
        "9" * min(deep, 10_000),
        "1e999",
        "NaN",
        '"format": "ab-initio", ',
        "\\ud800",
        "\xff",
        "\0",
        text,
    ][rng.integers(12)]
    members[-1][1] = (text[:place] + inserted + text[place:]).encode("latin-1")
    if rng.random() < 0.3:
        members[-1][1] = inserted.encode("latin-1")
    return pack(members)


# 4. Files of other programs.


def foreign(data, other, rng):
    file = io.BytesIO()
    x = rng.standard_normal(100)
    match rng.integers(9):
        case 0:
            file.write(rng.bytes(rng.integers(1000)))
        case 1:
            np.savez(file, x=x)
        case 2:
            np.savez_compressed(file, x=x)
        case 3:
            np.savez(file, x=np.array([{}, []], dtype=object))
        case 4:
            np.save(file, x)
        case 5:  # a bomb: 50 MB of zeros in 50 kB
            return bomb()
        case 6:
            return pack([["a.zip", data], *unpack(data)])
        case 7:
            return pack([])
        case 8:
            file.write(json.dumps({"format": "ab-initio"}).encode())
    return file.getvalue()


@functools.cache
def bomb():
    return pack([["manifest.json", bytes(50_000_000)]], zipfile.ZIP_DEFLATED)


EXACT: tuple[Callable, ...] = (
    *(flip_bits, truncate, extend, splice, overwrite, set_field),
    *(rearrange, edit_header, foreign),
)
OTHER: tuple[Callable, ...] = (edit_manifest, hostile_json)


def same(one, other) -> bool:
    """Whether two trees are equal bit for bit, and lie alike in memory."""
    one, other = take(one, "tree"), take(other, "tree")
    return json.dumps(one.tree) == json.dumps(other.tree) and all(
        a.tobytes() == b.tobytes()
        and (a.dtype, a.shape, a.strides) == (b.dtype, b.shape, b.strides)
        for a, b in zip(one.arrays.values(), other.arrays.values(), strict=True)
    )


def peak_memory() -> int:
    """Return the most memory that this process has had, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def read_all(count: int, folder: Path) -> dict:
    """Read `count` files; return how often what happened, and the memory it took."""
    rng = np.random.default_rng(0)
    classes = (MLP, Dense)
    path = folder / "damaged.npz"
    save(folder / "model.npz", model_of_all_kinds())
    save(folder / "other.npz", MLP.create((3, 4, 2), rng=7))
    steps_of(3, folder / "run.npz")
    steps_of(2, folder / "shorter.npz")
    names = ("model.npz", "other.npz", "run.npz", "shorter.npz")
    model, other, run, shorter = ((folder / name).read_bytes() for name in names)
    cases = [
        (model, other, lambda: load(path, classes)),
        (run, shorter, lambda: steps_of(3, path, resume=True)),
    ]
    sound = [load(folder / "model.npz", classes), steps_of(3, folder / "run.npz", True)]
    spliced = [load(folder / "other.npz", classes), sound[1]]
    tally, wrong, slowest = Counter(), [], 0.0
    warnings.simplefilter("ignore")  # a damaged record of the environment
    bomb()  # made before memory is measured
    before = peak_memory()
    mutations = itertools.cycle(EXACT + OTHER)
    for number, mutate in zip(range(count), mutations, strict=False):
        which = number // len(EXACT + OTHER) % 2
        data, another, read = cases[which]
        path.unlink(missing_ok=True)  # to write over a file is slow on some disks
        path.write_bytes(mutate(data, another, rng))
        start = time.process_time()
        try:
            result = read()
        except CheckpointError:
            outcome = "CheckpointError"
        except Exception as error:
            outcome = f"{type(error).__name__}: {error}"[:200]
        else:
            outcome = "silently wrong"
            if same(result, sound[which]):
                outcome = "identical"
            # Spliced in its first bytes a file becomes the other one.
            elif mutate in OTHER or (mutate is splice and same(result, spliced[which])):
                outcome = "another file"
        slowest = max(slowest, time.process_time() - start)
        tally[f"{mutate.__name__}: {outcome}"] += 1
        if outcome not in ("CheckpointError", "identical", "another file"):
            wrong.append(outcome)
            (folder / f"wrong-{number}.npz").write_bytes(path.read_bytes())
    return {
        "tally": dict(sorted(tally.items())),
        "wrong": wrong,
        "slowest, s": slowest,
        "memory, MB": (peak_memory() - before) / 2**20,
        "largest file, MB": max(map(len, (model, run))) / 2**20,
    }


if __name__ == "__main__":
    begin = time.perf_counter()
    found = read_all(int(sys.argv[1]), Path(sys.argv[2]))
    found["seconds"] = time.perf_counter() - begin
    json.dump(found, sys.stdout, indent=1)
