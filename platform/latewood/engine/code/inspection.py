"""Code versions of live functions: their source, all that it reaches, and the values they captured.

Inspect right after the definitions are loaded: a version describes the sources as they are read here, which
are the ones that `Inspector.first_party_sources` hands to the deployment.
"""

import functools
import types
from collections.abc import Mapping
from hashlib import sha256
from importlib import metadata
from pathlib import Path

from latewood.decide.fingerprint import computed_version, digest_of, given_version
from latewood.engine.code.captures import Capture, Functions
from latewood.engine.code.commands import (
    UNDECLARED,
    Command,
    declared_files,
    file_part,
    template_part,
    undeclared_files,
)
from latewood.engine.code.queries import ANSWERED_HERE, LiveQuery
from latewood.engine.code.resolution import Resolution, is_own
from latewood.engine.storage.file_hash import sha256_of
from latewood.errors import DefinitionError
from latewood.model.code import CodePart, CodeVersion


class Inspector:
    """Code versions for the definitions of one load, and the sources they come from.

    Cost: each source file is read and parsed once, each definition digested once; then O(parts) per function.
    """

    def __init__(self, root: Path) -> None:
        self._root = root
        self._declared: dict[str, bytes] = {}
        self._resolution = Resolution(root)
        self._functions = Functions(self._resolution)

    def code_version(self, function: object, given: str | None = None) -> CodeVersion:
        """The code version of a callable: `given`, or computed from all first-party code that it reaches.

        Accepts functions, wrappers, partials, bound methods, callable instances, and Latewood's own objects,
        which count by the function they hold. Where source or a captured value cannot be known, the version
        is one that never occurs again and `uncovered` says why: never a false hit.
        """
        while is_own(function) and hasattr(function, "function"):
            function = function.function
        file, qualname = self._home(_innermost(function))
        if given is not None:
            return given_version(given, file=file, qualname=qualname)
        capture = Capture(self._resolution, self._functions)
        text = capture.text(function, qualname)
        reached = capture.reached
        if not isinstance(function, types.FunctionType):
            reached.parts.add(CodePart(name=f"{file}:{qualname}[callable]", digest=digest_of([text])))
        return computed_version(text, reached.parts, reached.packages, reached.uncovered, file=file, qualname=qualname)

    def with_io(self, code: CodeVersion, stored: Mapping[str, tuple[type, str]]) -> CodeVersion:
        """The version with the IO that stores each output: the class with all that it reaches, and its configuration.

        A given version is a promise about the function alone, so that it gets what tells the IO apart.
        """
        reached, packages, uncovered, texts = set(code.parts), set(code.packages), set(code.uncovered), []
        for output, (cls, configuration) in sorted(stored.items()):
            capture = Capture(self._resolution, self._functions)
            text = f"latewood.io.{cls.__name__}" if is_own(cls) else capture.text(cls, cls.__qualname__)
            part = CodePart(name=f"{code.file}:{code.qualname}[io]", digest=digest_of([output, text, configuration]))
            reached |= {part, *capture.reached.parts}
            packages |= capture.reached.packages
            uncovered |= capture.reached.uncovered
            texts.append(part.digest)
            texts += [part.digest for part in sorted(capture.reached.parts, key=lambda part: part.name)]
        if code.given:
            version = f"{code.version}+io.{digest_of(texts)[:12]}"
            return given_version(version, file=code.file, qualname=code.qualname)
        return computed_version(code.version, reached, packages, uncovered, file=code.file, qualname=code.qualname)

    def command_version(self, command: Command, given: str | None = None) -> CodeVersion:
        """The version of a command: `given`, or of its signature, its template and the files that it declares.

        Raises DefinitionError for a file that is not there, and for one that is there, named and not declared.
        """
        declared = declared_files(command, self._root)
        if undeclared := next(undeclared_files(command, declared, self._root), None):
            raise DefinitionError(
                f"command: {undeclared} is a file of the project, and not declared; it would not be where the command "
                f'is started. Declare all that it runs: files=["{undeclared}"]'
            )
        own = {name: path.read_bytes() for name, path in declared.items() if not Path(name).is_absolute()}
        self._declared |= own
        digests = {name: sha256_of(path) for name, path in declared.items() if name not in own}
        digests |= {name: sha256(content).hexdigest() for name, content in own.items()}
        code = self.code_version(command.function, given)
        if given is not None:
            return code
        parts = {template_part(command, f"{code.file}:{code.qualname}"), *map(file_part, digests, digests.values())}
        uncovered = {*code.uncovered, *([UNDECLARED] if command.files is None else [])}
        parts |= set(code.parts)
        return computed_version(code.version, parts, code.packages, uncovered, file=code.file, qualname=code.qualname)

    def query_version(self, live: LiveQuery, given: str | None = None) -> CodeVersion:
        """The version of a query: `given`, or of what it says and of what answers it.

        Raises DefinitionError for a file that is not the project's.
        """
        own = live.file.is_relative_to(self._root)
        file = live.file.relative_to(self._root).as_posix() if own else live.file.name
        qualname = live.function.__qualname__
        if live.content is not None and not own:
            raise DefinitionError(f"{live.file} is not below the project's root, and would not be deployed with it")
        if live.content is not None:
            self._declared[file] = live.content
        if given is not None or live.query is None:
            return given_version(given or "", file=file, qualname=qualname)
        part = CodePart(name=f"{file}:{qualname}", digest=live.query.digest)
        is_here = live.query.dialect == ANSWERED_HERE
        packages = [(ANSWERED_HERE, metadata.version(ANSWERED_HERE))] if is_here else []
        return computed_version(part.digest, [part], packages, [], file=file, qualname=qualname)

    def first_party_sources(self) -> dict[str, bytes]:
        """The sources of the first-party modules that are loaded or were reached, and all files that were declared.

        By path under the root.
        """
        return self._resolution.sources.first_party() | self._declared

    def _home(self, function: object) -> tuple[str, str]:
        """File and qualified name, for messages. Code without a source file has an empty file."""
        if isinstance(function, types.FunctionType):
            code = function.__code__
            source = self._resolution.sources.of_file(code.co_filename, function.__globals__)
            return (source.file if source else ""), code.co_qualname
        kind = function if isinstance(function, type) else type(function)
        place = self._resolution.place(kind)
        named = function if hasattr(function, "__qualname__") else kind
        return (place[0].file if place else ""), str(getattr(named, "__qualname__", ""))


def _innermost(function: object) -> object:
    """The plain function inside wrappers, partials and methods, as far as it can be seen."""
    while True:
        if isinstance(function, functools.partial):
            function = function.func
        elif isinstance(function, types.MethodType):
            function = function.__func__
        elif not isinstance(function, type) and "__wrapped__" in getattr(function, "__dict__", {}):
            function = function.__dict__["__wrapped__"]
        elif is_own(function) and hasattr(function, "function"):
            function = function.function
        else:
            return function
