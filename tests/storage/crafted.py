"""Saved files as a stranger may craft them, with checksums that are right."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path
from zipfile import ZIP_DEFLATED, ZIP_STORED, ZipFile

import numpy as np

import skood
from skood import (
    ConformalOutlierDetector,
    KNNOutlierDetector,
    LCPOutlierDetector,
    make_outlier_detector,
    open_rows,
)
from skood.storage import _container
from skood.storage._names import STABLE_NAMES

from ..detectors import rows

VALUES = [
    None, True, -1, 0, 3, 10**30, 1e308, float("nan"), "", "x" * 1000, "\x1b[2J", "é\ud800", [], {},
    [[]], {"a": 1}, "/etc/passwd", "//host/share/x.npy", "http://127.0.0.1:9/x", "99.0", "[" * 3000,
    '"/etc/hostname"', '"http://127.0.0.1:9/x"', "1" * 5000, [1] * 300, "os", "system", "..", 2**63,
]  # fmt: skip
LOADERS = """CachedNode ConstructorFromReduceNode DTypeNode DefaultDictNode DictNode FunctionNode
    JsonNode ListNode LossNode MaskedArrayNode MethodNode NdArrayNode ObjectNode OperatorFuncNode
    PartialNode RandomGeneratorNode RandomStateNode SetNode SliceNode SparseMatrixNode TreeNode
    TupleNode TypeNode BytesNode BytearrayNode""".split()  # noqa: SIM905
CLASSES = [
    *sorted(STABLE_NAMES), "builtins.range", "numpy.dtype", "torch.device", "builtins.eval",
    "os.system", "builtins.bytearray", "numpy.random.seed", "numpy.void", "builtins.str",
]  # fmt: skip
HEADERS = [
    (b"<f8", "(10**12, 3)"), (b"<f8", "(2**31,)"), (b"|V0", "(10**15,)"), (b"|O", "(3,)"),
    (b"<f8", "(-1, 3)"), (b"<U1000000", "(9,)"), (b"<f8", "()"), (b"<f8", "(0, 10**18)"),
]  # fmt: skip


def make_bases(folder: Path) -> list[Path]:
    """Saved estimators of several kinds."""
    np.save(folder / "train.npy", rows(40, 20))
    on_disk = open_rows(folder / "train.npy")
    estimators = [
        KNNOutlierDetector(algorithm="exact").fit(rows(20, 2)),
        KNNOutlierDetector(algorithm="exact").fit(on_disk),
        make_outlier_detector("tabular").fit(rows(40, 3)),
        ConformalOutlierDetector(LCPOutlierDetector(), random_state=0).fit(rows(60, 3)),
        KNNOutlierDetector(random_state=np.random.default_rng(0)),
        make_outlier_detector("embedding").fit(rows(400, 24)[:, ::2]),
    ]
    if skood._optional.is_installed("torch") and skood._optional.is_installed("safetensors"):
        from skood.deep import AutoencoderTransformer

        net = AutoencoderTransformer((5,), 2, epochs=1, random_state=0).fit(rows())
        estimators += [net, net]
    paths = [folder / f"{number}.skood" for number in range(len(estimators))]
    for estimator, path in zip(estimators, paths, strict=True):
        skood.save(estimator, path)
    return paths


def craft(base: Path, path: Path, random: np.random.Generator) -> str:
    """Write a changed copy of a file with right checksums, and say what was changed."""
    with ZipFile(base) as archive:
        members = {name: archive.read(name) for name in archive.namelist()}
    manifest = json.loads(members.pop("manifest.json"))
    kinds = [_manifest, _manifest, _schema, _schema, _schema, _array, _weights, _zip, _bytes, _bomb]
    kind = kinds[random.integers(len(kinds))]
    options = {"compress": None}
    text = kind(members, manifest, random, options)
    manifest_bytes = options.get("manifest")
    if manifest_bytes is None:
        import hashlib

        if isinstance(manifest, dict) and isinstance(manifest.get("members"), dict):
            for name in manifest["members"]:
                if name in members and isinstance(manifest["members"][name], str):
                    manifest["members"][name] = hashlib.sha256(members[name]).hexdigest()
        manifest_bytes = json.dumps(manifest).encode()
    with ZipFile(path, "w") as archive:
        for name, content in [*members.items(), ("manifest.json", manifest_bytes)]:
            packed = ZIP_DEFLATED if name == options["compress"] else ZIP_STORED
            archive.writestr(name, content, packed)
            if name == options.get("twice"):
                archive.writestr(name, content)
        archive.comment = b"0" * _container._SEAL_LENGTH
    for place, value in options.get("bytes", []):
        content = bytearray(path.read_bytes())
        content[60 + place % (len(content) - 200)] = value
        path.write_bytes(content)
    if "header" in options:  # sizes, flags and names in the directory that are not the members'
        content = bytearray(path.read_bytes())
        place = content.rfind(b"PK\x01\x02")
        content[place + 6 + options["header"] % 40] ^= 1 + options["header"] % 255
        path.write_bytes(content)
    _container._seal(path)
    return f"{base.stem} {kind.__name__[1:]} {text!r}"


def damage(base: Path, path: Path, random: np.random.Generator) -> str:
    """Write a damaged copy of a file, with the checksums that it had, and say what was changed."""
    content = bytearray(base.read_bytes())
    start, stop = sorted(random.integers(len(content) + 1, size=2).tolist())
    how = random.integers(8)
    if how < 3:
        for place in random.integers(len(content), size=random.integers(1, 5)):
            content[place] ^= random.integers(1, 256)
    elif how == 3:
        del content[start : max(stop, start + 1)]
    elif how == 4:
        content[start:start] = random.bytes(random.integers(1, 300))
    elif how == 5:
        content[start:stop] = bytes(max(1, stop - start))
    elif how == 6:
        content = content[random.integers(1, len(content)) :] + content
    else:
        content[start:stop] = random.bytes(max(1, stop - start))
    path.write_bytes(content)
    return f"{base.stem} {how} {start} {stop}"


def _places(tree, path=()):
    """The path of each value in a tree of JSON."""
    yield path
    items = (
        tree.items()
        if isinstance(tree, dict)
        else enumerate(tree)
        if isinstance(tree, list)
        else ()
    )
    for key, value in items:
        yield from _places(value, (*path, key))


def _at(tree, path):
    for key in path:
        tree = tree[key]
    return tree


def _change(tree, random, value=None):
    """Replace or delete a value somewhere in the tree, or copy another one there."""
    places = [path for path in _places(tree) if path]
    path = places[random.integers(len(places))]
    owner, key = _at(tree, path[:-1]), path[-1]
    how = random.integers(8)
    if how == 0:
        del owner[key]
    elif how == 1:
        owner[key] = _at(tree, places[random.integers(len(places))])
        try:
            json.dumps(owner[key])
        except (ValueError, RecursionError):
            owner[key] = None
    elif how == 2 and isinstance(owner, dict):
        owner[str(key) + "x"] = owner.pop(key)
    else:
        owner[key] = VALUES[random.integers(len(VALUES))] if value is None else value
    return f"{path} {how}"


def _manifest(members, manifest, random, options):
    if random.integers(12) == 0:
        texts = [
            b"[" * 100_000,
            b"[" + b"[]," * 300_000 + b"1]",
            b"{}",
            b"[]",
            b"\xff\xfe",
            b"",
            b"nul",
        ]
        options["manifest"] = texts[random.integers(len(texts))]
        return "text"
    return [_change(manifest, random) for _ in range(random.integers(1, 3))]


def _with_schema(members, change):
    """Change the schema, and the arrays, of the estimator among the members."""
    with ZipFile(io.BytesIO(members["estimator.skops"])) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    schema = json.loads(parts["schema.json"])
    text = change(schema, parts)
    if not isinstance(parts["schema.json"], str):
        parts["schema.json"] = json.dumps(schema)
    target = io.BytesIO()
    with ZipFile(target, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    members["estimator.skops"] = target.getvalue()
    return text


def _schema(members, manifest, random, options):
    def change(schema, parts):
        states = [
            p
            for p in _places(schema)
            if isinstance(_at(schema, p), dict) and "__loader__" in _at(schema, p)
        ]
        state = _at(schema, states[random.integers(len(states))])
        how = random.integers(6)
        if how == 0:
            state["__loader__"] = LOADERS[random.integers(len(LOADERS))]
        elif how == 1:
            name = CLASSES[random.integers(len(CLASSES))]
            state["__module__"], _, state["__class__"] = name.rpartition(".")
            state["__loader__"] = LOADERS[random.integers(len(LOADERS))]
        elif how == 2:
            leaves = [_at(schema, p) for p in states if _at(schema, p)["__loader__"] == "JsonNode"]
            leaf = leaves[random.integers(len(leaves))]
            leaf["content"] = json.dumps(VALUES[random.integers(len(VALUES))])
            return leaf["content"][:40]
        elif how == 3:
            other = _at(schema, states[random.integers(len(states))])
            state["__id__"] = other.get("__id__")
        else:
            return _change(schema, random)
        return f"{state.get('__module__')}.{state.get('__class__')} {state['__loader__']} {how}"

    return _with_schema(members, change)


def _array(members, manifest, random, options):
    def change(schema, parts):
        names = [name for name in parts if name.endswith(".npy")]
        if not names:
            return "none"
        name = names[random.integers(len(names))]
        descr, shape = HEADERS[random.integers(len(HEADERS))]
        header = b"{'descr': '%s', 'fortran_order': False, 'shape': %s, }" % (
            descr,
            str(eval(shape)).encode(),  # noqa: S307 - a text of this file
        )
        how = random.integers(4)
        if how == 0:
            parts[name] = parts[name][: random.integers(len(parts[name]))]
        else:
            body = b"" if how == 1 else parts[name][-64:]
            parts[name] = b"\x93NUMPY\x01\x00" + struct.pack("<H", len(header)) + header + body
        return f"{descr} {shape} {how}"

    return _with_schema(members, change)


def _weights(members, manifest, random, options):
    names = [name for name in members if name.endswith("safetensors")]
    if not names:
        return _schema(members, manifest, random, options)
    how = random.integers(5)
    name = names[random.integers(len(names))]
    if how == 0:
        length = [0, 2**62, 10**8, 5][random.integers(4)]
        members[name] = struct.pack("<Q", length) + members[name][8:]
        return f"length {length}"
    if how == 1:
        members[name] = members[name][: random.integers(len(members[name]))]
        return "cut"
    if how == 2:
        (n,) = struct.unpack("<Q", members[name][:8])
        header = json.loads(members[name][8 : 8 + n])
        text = _change(header, random)
        changed = json.dumps(header).encode()
        members[name] = struct.pack("<Q", len(changed)) + changed + members[name][8 + n :]
        return text
    modules = list(manifest["modules"].values())
    module = modules[random.integers(len(modules))]
    if how == 3:
        module["recipe"]["hidden"] = [[10**9], [40_000, 40_000], [1] * 100_000, [-1], ["x"]][
            random.integers(5)
        ]
        return "hidden"
    module["recipe"] = {"builder": "linear", "in_features": 40_000, "out_features": 40_000}
    return "linear"


def _zip(members, manifest, random, options):
    how = random.integers(9)
    if how == 0:
        options["compress"] = "estimator.skops"
        members["estimator.skops"] = bytes(200_000_000)
    elif how == 1:
        options["compress"] = "manifest.json"
        options["manifest"] = json.dumps(manifest).encode() + b" " * 100_000_000
    elif how == 2:
        options["twice"] = "estimator.skops"
    elif how == 3:
        del members["estimator.skops"]
    elif how == 4:  # as many empty members as the file has room for
        members.update({f"{i:x}": b"" for i in range(20_000)})
    elif how == 5:
        members |= {name.upper(): content for name, content in members.items()}
    elif how == 6:
        members["../../evil"] = members["/tmp/evil"] = b"x"  # noqa: S108 - a name, not a file
    elif how == 7:
        options["header"] = random.integers(2**16)
    else:
        members["estimator.skops"] = zlib.compress(members["estimator.skops"])
    return how


def _bytes(members, manifest, random, options):
    options["bytes"] = random.integers(
        (0, 0), (1 << 40, 256), size=(random.integers(1, 6), 2)
    ).tolist()
    return len(options["bytes"])


def _state(loader, kind, number, **content):
    module, _, name = kind.rpartition(".")
    return {
        "__class__": name,
        "__module__": module,
        "__loader__": loader,
        "__id__": number,
        **content,
    }


def _bomb(members, manifest, random, options):
    """A few bytes that would take much memory or time, in place of the estimator."""
    how = random.integers(8)

    def change(schema, parts):
        leaf = _state("JsonNode", "builtins.str", 1, content="1", is_json=True)
        new = _state("ListNode", "builtins.list", 10, content=[leaf])
        if how == 0:  # a list of lists that hold themselves twice
            for number in range(11, 60):
                new = _state(
                    "ListNode", "builtins.list", number, content=[new, {"__id__": number - 1}]
                )
        elif how == 1:  # one array, read again and again
            parts["a.npy"] = _npy(np.zeros(100_000))
            many = [
                _state("NdArrayNode", "numpy.ndarray", i, type="numpy", file="a.npy")
                for i in range(20, 2000)
            ]
            new["content"] = many
        elif how == 2:  # a view of a few values that lie far from each other
            parts["a.npy"] = _npy(np.zeros(10_000))
            stride = _state("JsonNode", "builtins.str", 2, content="40960", is_json=True)
            values = _state("NdArrayNode", "numpy.ndarray", 3, type="numpy", file="a.npy")
            strides = _state("ListNode", "builtins.list", 4, content=[stride])
            both = _state("TupleNode", "builtins.tuple", 5, content=[values, strides])
            new = _state("ConstructorFromReduceNode", "skood.parts.StoredView", 6, content=both)
        elif how == 3:
            leaf["content"] = "[" + "[]," * 400_000 + "1]"
        elif how == 4:  # a folder of Parquet files, opened by its constructor
            new = _state("ListNode", "skood.parts.ParquetRows", 6, content=[leaf])
            leaf["content"] = '"/etc/passwd"'
        elif how == 5:
            for number in range(11, 400):
                new = _state("ListNode", "builtins.list", number, content=[new])
        elif how == 6:  # a compressed sparse matrix of zeros
            packed = io.BytesIO()
            with ZipFile(packed, "w", ZIP_DEFLATED) as archive:
                for name in ("indices", "indptr", "data", "shape", "format"):
                    archive.writestr(f"{name}.npy", _npy(np.zeros(1_000_000)))
            parts["a.npz"] = packed.getvalue()
            new = _state(
                "SparseMatrixNode", "scipy.sparse._csr.csr_matrix", 7, type="scipy", file="a.npz"
            )
        else:  # arrays of bytes
            parts["a.bin"] = bytes(1_000_000)
            new["content"] = [
                _state("BytesNode", "builtins.bytes", i, file="a.bin") for i in range(20, 999)
            ]
        kept = {key: schema[key] for key in ("protocol", "_skops_version")}
        schema.clear()
        schema.update(new, **kept)
        return how

    return _with_schema(members, change)


def _npy(array):
    target = io.BytesIO()
    np.save(target, array)
    return target.getvalue()
