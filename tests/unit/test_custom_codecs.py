"""Codecs that are not Latewood's own: named in annotations or announced by packages, and held to their word."""

import importlib
import json
import sys
from pathlib import Path
from typing import Annotated, Any

import pytest

from latewood.engine.storage.store import ArtifactStore
from latewood.engine.values import codec_registry
from latewood.engine.values.annotations import type_spec
from latewood.engine.values.codecs import _BUILT_IN, decode, encode
from latewood.engine.values.edge import check_value
from latewood.engine.values.values import Values
from latewood.errors import DefinitionError, ValueRefused
from latewood.model.types import Pickled, display, fits
from latewood.plugin import Codec
from latewood.testing import check_codec


class Line:
    def __init__(self, slope, name=""):
        self.slope = slope
        self.name = name


class Steep(Line):
    pass


class Lines:
    """Writes all of a line."""

    name = "lines"
    version = 2

    def handles(self, cls):
        return issubclass(cls, Line)

    def encode(self, value, folder):
        return json.dumps([type(value).__name__, value.slope, value.name]).encode()

    def decode(self, path, version):
        kind, slope, name = json.loads(path.read_bytes())
        return {"Line": Line, "Steep": Steep}[kind](slope, name)


class InFile(Lines):
    def encode(self, value, folder):
        path = folder / "line.json"
        path.write_bytes(super().encode(value, folder))
        return path


class InFolder(Lines):
    def encode(self, value, folder):
        (folder / "line").mkdir()
        (folder / "line" / "all.json").write_bytes(super().encode(value, folder))
        return folder / "line"

    def decode(self, path, version):
        return super().decode(path / "all.json", version)


@pytest.fixture
def store(tmp_path):
    return ArtifactStore(tmp_path / "store", "test")


@pytest.mark.parametrize(
    ("codec", "extension"), [(Lines(), "lines.2"), (InFile(), "lines.2.json"), (InFolder(), "lines.2")]
)
def test_a_codec_in_the_annotation_stores_bytes_a_file_or_a_folder(store, codec, extension):
    annotation = Annotated[Line, codec] | None
    values = Values(store)
    staged = values.stage(Line(1.5, "a"), annotation, subject="out")
    again = values.load_artifact(staged.staged.address, annotation)

    assert staged.staged.address.partition(".")[2] == extension
    assert (type(again), again.slope, again.name) == (Line, 1.5, "a")
    assert staged.data_version.startswith("lines-2:")
    assert staged.data_version == values.stage(again, annotation, subject="out").data_version
    assert staged.data_version != values.stage(Line(1.5, "b"), annotation, subject="out").data_version
    assert values.load_artifact(values.stage(None, annotation, subject="out").staged.address, annotation) is None


def test_nothing_is_left_beside_the_store(store, tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    Values(store).stage(Line(1.0), Annotated[Line, InFile()], subject="out")
    with pytest.raises(ValueRefused):
        Values(store).stage(Line(1.0, "a"), Annotated[Line, Forgets()], subject="out")

    assert list((tmp_path / "temporary").iterdir()) == []
    assert len(list((tmp_path / "store").rglob("*/staged/*"))) == 1


class Forgets(Lines):
    def decode(self, path, version):
        return Line(json.loads(path.read_bytes())[1])


class ForgetsBoth(Lines):
    def encode(self, value, folder):
        return json.dumps(["Line", value.slope, ""]).encode()


class Restless(Lines):
    def __init__(self):
        self.times = 0

    def encode(self, value, folder):
        self.times += 1
        return super().encode(value, folder) + b" " * self.times


class Fails(Lines):
    def encode(self, value, folder):
        raise OSError("disk on fire")


class Nothing(Lines):
    def encode(self, value, folder):
        return folder / "never_written"


class Compared(ForgetsBoth):
    def content(self, value):
        return {"slope": value.slope, "words": [value.name]}


class Unspeakable(Lines):
    def content(self, value):
        return object()


class Chatty(Lines):
    def metadata(self, value):
        return {"slope": object()}


FAITHLESS = [
    (Forgets(), Line(1.0, "a"), "does not come back as it was: attribute name: 'a' became ''"),
    (Forgets(), Steep(1.0), "does not come back as it was: it became a Line"),
    (ForgetsBoth(), Line(1.0, "a"), "attribute name: 'a' became ''"),
    (Restless(), Line(1.0), "encoded a second time it is something else; give the codec a method content"),
    (Fails(), Line(1.0), "encode: OSError: disk on fire"),
    (Nothing(), Line(1.0), "encode: expected bytes or the path of a file that is there, found"),
    (Compared(), Line(1.0, "a"), "content: words: [0]: 'a' became ''"),
    (Unspeakable(), Line(1.0), "content: a value of type builtins.object has no canonical encoding"),
    (Chatty(), Line(1.0), "metadata 'slope' of codec \"lines\" 2: expected numbers, text"),
]


@pytest.mark.parametrize(
    ("codec", "value", "problem"), FAITHLESS, ids=[type(codec).__name__ for codec, _, _ in FAITHLESS]
)
def test_what_does_not_come_back_is_refused_when_it_is_written(codec, value, problem):
    with pytest.raises(ValueRefused) as refused:
        encode(value, Annotated[Line, codec])

    assert problem in str(refused.value)
    assert 'codec "lines" 2' in str(refused.value)


@pytest.mark.parametrize("codec", [Lines(), InFile(), InFolder()], ids=lambda codec: type(codec).__name__)
def test_a_sound_codec_passes_its_contract(codec):
    check_codec(codec, [Line(1.0), Line(2.0), Line(2.0, "a"), Steep(2.0)])


class Greedy(Lines):
    def handles(self, cls):
        return True


class Selective(Lines):
    def handles(self, cls):
        return cls is Steep


class Blind(Lines):
    def content(self, value):
        return value.slope


class Lazily(Lines):
    """What it reads stays in the file until somebody asks, when the file may be gone."""

    def decode(self, path, version):
        return Unread(path)


class Unread(Line):
    def __init__(self, path):
        self.path = path

    def __eq__(self, other):
        return True

    __hash__ = None

    @property
    def slope(self):
        return json.loads(self.path.read_bytes())[1]

    name = ""


BROKEN = [
    *((codec, [value], problem) for codec, value, problem in FAITHLESS),
    (Lines(), [], "expected values to store, found none"),
    (Lines, [Line(1.0)], "expected a codec, an object with name"),
    (Greedy(), [Line(1.0)], "handles a class that it cannot know"),
    (Selective(), [Line(1.0)], 'codec "lines" does not handle Line'),
    (Blind(), [Line(1.0), Line(1.0, "a")], "have one data version, lines-2:"),
]


@pytest.mark.parametrize(("codec", "values", "problem"), BROKEN, ids=[problem for *_, problem in BROKEN])
def test_a_codec_that_breaks_its_contract_is_told_the_rule(codec, values, problem):
    with pytest.raises(AssertionError) as broken:
        check_codec(codec, values)

    assert problem in str(broken.value)


def test_what_is_read_must_outlive_its_artifact(tmp_path):
    (tmp_path / "line.json").write_text('["Line", 1.0, ""]')
    with pytest.raises(AssertionError, match="needs its artifact, which is gone"):
        check_codec(Lazily(), [Unread(tmp_path / "line.json")])


class Told(Restless):
    """Its bytes differ each time; what it says of the content does not."""

    def content(self, value):
        return [value.slope, value.name]

    def metadata(self, value):
        return {"slope": value.slope}


def test_a_codec_may_say_what_counts_and_what_is_worth_knowing(store):
    values, annotation = Values(store), Annotated[Line, Told()]
    one, other = (values.stage(Line(1.0), annotation, subject="out") for _ in range(2))

    assert one.data_version == other.data_version
    assert one.staged.address != other.staged.address
    assert one.metadata == {"slope": 1.0}


class Equal(Line):
    def __eq__(self, other):
        return self.slope == other.slope

    __hash__ = None


class Equals(Lines):
    def decode(self, path, version):
        return Equal(json.loads(path.read_bytes())[1], "another")


def test_a_class_with_equality_of_its_own_is_compared_by_it():
    encoded = encode(Equal(1.0, "a"), Annotated[Equal, Equals()])
    with encoded.scratch:
        assert encoded.extension == "lines.2"


def test_what_an_older_version_wrote_is_read_by_its_version(store):
    encoded = encode(Line(1.0), Annotated[Line, Lines()])
    with encoded.scratch:
        staged = store.stage(encoded.content, encoded.extension)

    class Newer(Lines):
        version = 3

        def decode(self, path, version):
            raise ValueError(f"{version} is too old")

    with pytest.raises(
        ValueRefused, match='codec "lines" 3 cannot read what its version 2 wrote: ValueError: 2 is too old'
    ):
        decode(store.open(staged.address), Annotated[Line, Newer()])
    with pytest.raises(ValueRefused, match="no codec is named lines; install the package"):
        decode(store.open(staged.address), Any)


def test_the_wrong_class_is_refused_at_the_edge():
    with pytest.raises(ValueRefused, match="out: expected Steep, found Line"):
        check_value(Line(1.0), Annotated[Steep, Lines()], subject="out")


class Unnumbered(Lines):
    version = 0


class BadName(Lines):
    name = "parquet"


MISNAMED = [
    (Annotated[int, Lines()], 'codec "lines" does not handle int'),
    (Annotated[Line, Unnumbered()], "expected a version from 1 on, found 0"),
    (Annotated[Line, BadName()], 'found "parquet"'),
    (Line, "name a codec, or allow pickle with Pickled[Line]"),
    (list[Annotated[Line, Lines()]], "a Line cannot be stored inside another value"),
]


@pytest.mark.parametrize(("annotation", "problem"), MISNAMED)
def test_an_annotation_that_cannot_be_stored_is_refused_when_definitions_load(annotation, problem):
    with pytest.raises(DefinitionError) as refused:
        type_spec(annotation)

    assert problem in str(refused.value)


def test_objects_fit_by_class():
    line, steep = type_spec(Annotated[Line, Lines()]), type_spec(Annotated[Steep, Lines()])

    assert display(steep) == "Steep"
    assert fits(steep, line) is None
    assert fits(line, steep) == "expected Steep, found Line"
    assert fits(line, type_spec(Pickled[Line])) is None
    assert fits(type_spec(Pickled[Line]), type_spec(Pickled[Steep])) == "expected Pickled[Steep], found Pickled[Line]"


def test_names_of_built_in_codecs_are_taken():
    assert {codec.name for codec in _BUILT_IN} == codec_registry._BUILT_IN
    assert isinstance(Lines(), Codec)


MODULE = """
class Shape:
    def __init__(self, sides):
        self.sides = sides

class Shapes:
    name = "{name}"
    version = 1

    def handles(self, cls):
        return cls is Shape

    def encode(self, value, folder):
        return bytes([value.sides])

    def decode(self, path, version):
        return Shape(path.read_bytes()[0])

CODEC = Shapes()
"""
SOUND = MODULE.format(name="acme_shapes")


@pytest.fixture
def install(tmp_path, monkeypatch):
    """Put a distribution with a module `acme_shapes` and entry points on the path."""

    def put(distribution, *points, module=SOUND):
        folder = tmp_path / distribution
        info = folder / f"{distribution}-1.0.dist-info"
        info.mkdir(parents=True)
        (folder / "acme_shapes.py").write_text(module)
        (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {distribution}\nVersion: 1.0\n")
        (info / "entry_points.txt").write_text("\n".join(["[latewood.codecs]", *points]))
        monkeypatch.syspath_prepend(folder)
        forget()

    def forget():
        codec_registry._announced.cache_clear()
        codec_registry.codec_named.cache_clear()
        sys.modules.pop("acme_shapes", None)
        importlib.invalidate_caches()

    yield put
    monkeypatch.undo()
    forget()


def test_an_announced_codec_is_found_by_class_and_by_artifact_and_imported_only_then(install, store):
    install("acme", "acme_shapes = acme_shapes:CODEC", "other = no_such_module:CODEC")
    assert type_spec(Path).kind == "path"
    assert "acme_shapes" not in sys.modules

    shape = importlib.import_module("acme_shapes").Shape
    assert display(type_spec(shape)) == "Shape"
    values = Values(store)
    for annotation in (shape, Any, shape | None):
        staged = values.stage(shape(5), annotation, subject="out")
        assert staged.staged.address.endswith(".acme_shapes.1")
        assert values.load_artifact(staged.staged.address, Any).sides == 5


AMISS = [
    (["acme_shapes = acme_shapes:CODEC"], MODULE.format(name="round"), 'name, "acme_shapes", found "round"'),
    (["acme_shapes = acme_shapes:Shapes"], SOUND, "expected a codec, an object with name"),
    (["acme_shapes = acme_shapes:NONE"], SOUND, "of acme cannot be loaded: AttributeError"),
    (["acme_shapes = no_such_module:C"], SOUND, "; install no_such_module"),
]


@pytest.mark.parametrize(("points", "module", "problem"), AMISS)
def test_an_announcement_that_is_no_codec_is_refused_by_name(install, points, module, problem):
    install("acme", *points, module=module)

    with pytest.raises(DefinitionError) as refused:
        type_spec(importlib.import_module("acme_shapes").Shape)

    assert problem in str(refused.value)
    assert "acme" in str(refused.value)


def test_two_codecs_of_one_name_are_refused_naming_both_packages(install):
    install("acme", "acme_shapes = acme_shapes:CODEC")
    install("rival", "acme_shapes = acme_shapes:CODEC")

    with pytest.raises(DefinitionError, match='"acme_shapes" is announced by acme and rival: uninstall all but one'):
        type_spec(importlib.import_module("acme_shapes").Shape)
