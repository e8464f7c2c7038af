"""Code versions as pure functions of their parts: how parts are digested, combined and compared."""

import hashlib
from collections.abc import Iterable

from latewood.decide.syntax import SCHEME
from latewood.model.code import CodeChange, CodePart, CodeVersion
from latewood.model.definitions import TaskDefinition


def digest_of(texts: Iterable[str]) -> str:
    """32 hexadecimal digits of a sequence of texts, each preceded by its length so that none run together."""
    encoded = [text.encode("utf-8", "surrogatepass") for text in texts]
    return hashlib.sha256(b"".join(b"%d:%b" % (len(text), text) for text in encoded)).hexdigest()[:32]


def combine(entry: str, parts: Iterable[CodePart], packages: Iterable[tuple[str, str]]) -> str:
    """The computed version of code made of `parts` that imports `packages`. Order: of either, irrelevant.

    `entry` says which of the parts is called: two functions that call each other have the same parts.
    """
    texts = [SCHEME, entry]
    for part in sorted(parts, key=_identity):
        texts += ("part", part.name, part.digest)
    for name, version in sorted(packages):
        texts += ("package", name, version)
    return digest_of(texts)


def given_version(version: str, *, file: str, qualname: str) -> CodeVersion:
    """The version an author wrote: their promise that nothing else changed."""
    return CodeVersion(version=version, given=True, scheme="given", file=file, qualname=qualname)


def computed_version(
    entry: str,
    parts: Iterable[CodePart],
    packages: Iterable[tuple[str, str]],
    uncovered: Iterable[str],
    *,
    file: str,
    qualname: str,
) -> CodeVersion:
    """The version that is the digest of `parts`, of which `entry` is called, and `packages`."""
    sorted_parts = tuple(sorted(parts, key=_identity))
    sorted_packages = tuple(sorted(packages))
    return CodeVersion(
        version=combine(entry, sorted_parts, sorted_packages),
        given=False,
        scheme=SCHEME,
        file=file,
        qualname=qualname,
        parts=sorted_parts,
        packages=sorted_packages,
        uncovered=tuple(sorted(uncovered)),
    )


def changed_parts(old: CodeVersion, new: CodeVersion) -> tuple[CodeChange, ...]:
    """What differs between two versions of a task's logic, so that `why` can name it.

    Order: parts, then packages, each by name. Empty if and only if the versions are equal. Where the schemes
    differ nothing else can be compared; where no part differs the version itself is named.
    """
    if (old.version, old.scheme) == (new.version, new.scheme):
        return ()
    if old.scheme != new.scheme:
        return (CodeChange(subject="scheme", name=new.qualname, before=old.scheme, after=new.scheme),)
    before, after = _digests(old), _digests(new)
    packages_before, packages_after = dict(old.packages), dict(new.packages)
    changes = (
        *(
            CodeChange(subject="part", name=name, before=before.get(name), after=after.get(name))
            for name in sorted(before.keys() | after.keys())
            if before.get(name) != after.get(name)
        ),
        *(
            CodeChange(subject="package", name=name, before=packages_before.get(name), after=packages_after.get(name))
            for name in sorted(packages_before.keys() | packages_after.keys())
            if packages_before.get(name) != packages_after.get(name)
        ),
    )
    whole = CodeChange(subject="version", name=new.qualname, before=old.version, after=new.version)
    return changes or (whole,)


def changed_task(old: TaskDefinition, new: TaskDefinition) -> tuple[CodeChange, ...]:
    """The same of two tasks: where one of them is another location's, that it is now from another deployment first."""
    changes = changed_parts(old.code, new.code)
    shared = new.shared or old.shared
    if not changes or shared is None or old.shared == new.shared:
        return changes
    before, after = (found.deployment if found else None for found in (old.shared, new.shared))
    return (CodeChange(subject="shared", name=str(shared), before=before, after=after), *changes)


def _digests(code: CodeVersion) -> dict[str, str]:
    """Digest by name. Several parts may bear one name (two functions named `_`): then all their digests."""
    found: dict[str, str] = {}
    for part in code.parts:
        found[part.name] = f"{found[part.name]},{part.digest}" if part.name in found else part.digest
    return found


def _identity(part: CodePart) -> tuple[str, str]:
    return part.name, part.digest
