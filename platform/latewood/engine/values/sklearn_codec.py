"""scikit-learn estimators by skops: data and names of classes, where a pickle would be a program.

Only classes and functions of scikit-learn, numpy, scipy and xgboost are written and read. An estimator that holds
others (a transformer of the user's own, a lambda) is refused: `Pickled[…]` is the way to store it all the same.
"""

import io
import json
from hashlib import sha256
from pathlib import Path
from typing import Any, Final
from zipfile import ZipFile

import numpy as np
import skops.io

from latewood.decide.canonical import digest
from latewood.engine.values.table_codecs import array_digest

_TRUSTED: Final = ("sklearn.", "numpy.", "scipy.", "xgboost.")


class _ScikitLearn:
    """Estimators of scikit-learn, and whatever else is made of its classes."""

    name = "sklearn"
    version = 1

    def handles(self, cls: type) -> bool:
        return cls.__module__.startswith(_TRUSTED)

    def encode(self, value: Any, folder: Path) -> Path:
        content = skops.io.dumps(value)
        _trusted(content)
        path = folder / "model.skops"
        path.write_bytes(content)
        return path

    def decode(self, path: Path, _: int) -> Any:
        content = path.read_bytes()
        return skops.io.loads(content, trusted=_trusted(content))

    def content(self, value: Any) -> str:
        return _content_digest(skops.io.dumps(value))


def _trusted(content: bytes) -> list[str]:
    """The types in it that skops itself does not know as harmless. Raises ValueError for one that is not trusted."""
    unknown = skops.io.get_untrusted_types(data=content)
    foreign = [name for name in unknown if not name.startswith(_TRUSTED)]
    if foreign:
        raise ValueError(f"it holds {', '.join(foreign)}, which is not of scikit-learn")
    return list(unknown)


def _content_digest(content: bytes) -> str:
    """Of what skops wrote, without what differs each time: times in the archive, names by memory address."""
    with ZipFile(io.BytesIO(content)) as archive:
        files = {name: _file_digest(archive.read(name)) for name in archive.namelist() if name != "schema.json"}
        schema = json.loads(archive.read("schema.json"))
    known: dict[int, str] = {}

    def plain(node: Any) -> Any:
        match node:
            case dict() if "__loader__" in node:
                return node_digest(node)
            case dict():
                return {name: plain(part) for name, part in node.items()}
            case list():
                return list(map(plain, node))
        return node

    def node_digest(node: dict[str, Any]) -> str:
        """Each object once: one that is met again, as such or within itself, is what it was known as."""
        identity = int(node["__id__"])
        if node["__loader__"] == "CachedNode":
            return known[identity]
        known[identity] = "itself"
        parts = {name: plain(part) for name, part in node.items() if name not in _NOT_CONTENT}
        if "file" in parts:
            parts["file"] = files[parts["file"]]
        known[identity] = digest(parts)
        return known[identity]

    return node_digest(schema)


def _file_digest(content: bytes) -> str:
    """Of an array by its fields: what pads the nodes of a tree is whatever was in memory."""
    if not content.startswith(_NPY):
        return sha256(content).hexdigest()
    array = np.load(io.BytesIO(content), allow_pickle=False)
    return (
        digest([array_digest(array[name]) for name in array.dtype.names]) if array.dtype.names else array_digest(array)
    )


_NPY: Final = b"\x93NUMPY"
_NOT_CONTENT: Final = frozenset(("__id__", "protocol", "_skops_version"))

CODEC: Final = _ScikitLearn()
