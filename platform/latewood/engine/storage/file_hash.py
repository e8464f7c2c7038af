"""The data version of a file or a directory: its content, whatever its name, place, times or modes."""

import os
from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path

from latewood.decide.canonical import digest

_BLOCK = 1 << 20


def path_version(path: Path) -> str:
    """`file1:` and the SHA-256 of the file's bytes, or `dir1:` and `tree_digest` of the files in it.

    Cost: O(bytes). Raises OSError where something cannot be read.
    """
    if path.is_dir():
        files = {name: sha256_of(path / name) for name in files_in(path)}
        return f"dir1:{tree_digest(files)}"
    return f"file1:{sha256_of(path)}"


def tree_digest(files: dict[str, str]) -> str:
    """The digest of a directory: of its files' relative names and digests. Empty directories do not count."""
    return digest(files)


def files_in(directory: Path) -> Iterator[str]:
    """The relative names, with `/`, of all files below a directory. Links are followed, as open() does."""
    for folder, _, names in os.walk(directory, followlinks=True):
        for name in names:
            yield (Path(folder) / name).relative_to(directory).as_posix()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, 64 hexadecimal digits."""
    sha = sha256()
    with path.open("rb", buffering=0) as file:
        while block := file.read(_BLOCK):
            sha.update(block)
    return sha.hexdigest()


def content_of(named: str, root: Path) -> str | None:
    """The content hash of the file or folder of that name below the root, or by an absolute one; None without any."""
    path = root / named
    return path_version(path) if os.path.exists(path) else None  # noqa: PTH110 - Path.exists() raises for long names
