"""Secrets kept out of what is recorded: every value that this process has seen, in the forms that it is met in.

A form is the value itself, as a URL, JSON or Python writes it, in base64 wherever it begins, and each long line of a
value of several. Values of fewer than four characters are not looked for: they would be found everywhere.
"""

import base64
import json
import re
from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, quote_plus

from latewood.engine.storage.file_hash import files_in
from latewood.engine.values.encoded import Encoded
from latewood.secrets import seen

_LENGTH_MIN: Final = 4
_REFUSED_LENGTH_MIN: Final = 6
"""Characters from which on an output that holds the value is refused: shorter ones may be there by chance."""

_LINE_MIN: Final = 8
_BASE64_MIN: Final = 6
_BLOCK: Final = 1 << 20


def redacted(text: str) -> str:
    """The text with `[secret NAME]` in place of each secret. To be applied before anything is cut off the text."""
    if not seen() or not (forms := _forms(tuple(seen().items()))):
        return text
    return _pattern(tuple(forms)).sub(lambda match: f"[secret {forms[match[0]]}]", text)


def settled(text: str) -> int:
    """How many of its first characters can be redacted whatever follows: with none of them begins a secret's rest."""
    if not seen() or not (forms := _forms(tuple(seen().items()))):
        return len(text)
    end = len(text)
    for form in forms:
        start = text.find(form[0], max(0, len(text) - len(form) + 1))
        while 0 <= start < end:
            if form.startswith(text[start:]):
                end = start
            start = text.find(form[0], start + 1)
    for match in _pattern(tuple(forms)).finditer(text):
        if match.start() < end < match.end():
            return match.start()
    return end


def redacted_json(value: Any) -> Any:
    """The same of every text and name in a JSON value, and of a number that is a secret."""
    match value:
        case str():
            return redacted(value)
        case list() | tuple():
            return [redacted_json(part) for part in value]
        case Mapping():
            return {redacted(str(name)): redacted_json(part) for name, part in value.items()}
        case int() | float() if str(value) in _forms(tuple(seen().items())):
            return redacted(str(value))
    return value


def secret_in(encoded: Encoded) -> str | None:
    """The name of a secret whose value is in an artifact, as far as that can be told; None where there is none.

    What is compressed is not looked into, but the texts of tables are. Cost: O(content) once a secret was seen.
    """
    forms = {form: name for form, name in _forms(tuple(seen().items())).items() if len(form) >= _REFUSED_LENGTH_MIN}
    if not forms:
        return None
    # numpy keeps texts in the second of these.
    needles = {f.encode(coding, "surrogatepass"): n for f, n in forms.items() for coding in ("utf-8", "utf-32-le")}
    for block in _blocks(encoded.content, max(map(len, needles))):
        for needle, name in needles.items():
            if needle in block:
                return name
    if encoded.table is None:
        return None
    return next((name for form, name in forms.items() if _holds(encoded.table, form)), None)


@lru_cache(maxsize=8)
def _forms(values: tuple[tuple[str, str], ...]) -> dict[str, str]:
    """What to look for, the longest first, with the secret's name."""
    found: dict[str, str] = {}
    for value, name in values:
        for form in _forms_of(value):
            if len(form) >= _LENGTH_MIN:
                found.setdefault(form, name)
    return {form: found[form] for form in sorted(found, key=len, reverse=True)}


def _forms_of(value: str) -> Iterator[str]:
    lines = [line.strip() for line in value.splitlines()]
    # The first and last line of a PEM file are those of any other.
    long = [line for line in lines if len(line) >= _LINE_MIN and not line.startswith("-----")]
    for text in (value, value.strip(), *(long if len(lines) > 1 else ())):
        yield text
        for quoted in (quote(text), quote(text, safe=""), quote_plus(text)):
            yield quoted
            yield re.sub("%[0-9A-F]{2}", lambda match: match[0].lower(), quoted)
        yield json.dumps(text)[1:-1]
        yield json.dumps(text, ensure_ascii=False)[1:-1]
        yield repr(text)[1:-1]
        yield from _in_base64(text.encode("utf-8", "surrogatepass"))


def _in_base64(value: bytes) -> Iterator[str]:
    """The characters that stand for these bytes alone, where they begin at the first, second or third of a group."""
    for offset in range(3):
        whole = base64.b64encode(bytes(offset) + value + bytes(2)).decode()
        certain = whole[-(-offset * 8 // 6) : (offset + len(value)) * 8 // 6]
        if len(certain) >= _BASE64_MIN:
            yield certain
            yield certain.replace("+", "-").replace("/", "_")


@lru_cache(maxsize=8)
def _pattern(forms: tuple[str, ...]) -> "re.Pattern[str]":
    return re.compile("|".join(map(re.escape, forms)))


def _blocks(content: Any, overlap: int) -> Iterator[bytes]:
    """The content in pieces of which each repeats the end of the one before; of a folder, names and files."""
    if not isinstance(content, Path):
        yield bytes(content)
    elif content.is_dir():
        for name in files_in(content):
            yield name.encode("utf-8", "surrogateescape")
            yield from _blocks(content / name, overlap)
    else:
        with content.open("rb") as file:
            block = b""
            while piece := file.read(_BLOCK):
                block = block[-overlap:] + piece
                yield block


def _holds(table: Any, form: str) -> bool:
    return any(_array_holds(chunk, form) for column in table.columns for chunk in column.chunks)


def _array_holds(array: Any, form: str) -> bool:
    """Whether a text or binary value of an arrow array, however deep, has the form in it."""
    import pyarrow as pa  # noqa: PLC0415 - start-up: loaded by now, there is a table
    import pyarrow.compute as pc  # noqa: PLC0415 - the same

    kind = array.type
    if pa.types.is_dictionary(kind):
        return _array_holds(array.dictionary, form)
    if pa.types.is_struct(kind):
        return any(_array_holds(part, form) for part in array.flatten())
    if pa.types.is_map(kind):
        return _array_holds(array.keys, form) or _array_holds(array.items, form)
    if pa.types.is_list(kind) or pa.types.is_large_list(kind) or pa.types.is_fixed_size_list(kind):
        return _array_holds(array.flatten(), form)
    if pa.types.is_string_view(kind) or pa.types.is_binary_view(kind):
        array = array.cast(pa.large_binary())
    kinds = (pa.string(), pa.large_string(), pa.binary(), pa.large_binary())
    return array.type in kinds and bool(pc.any(pc.match_substring(array, form)).as_py())
