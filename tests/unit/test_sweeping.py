"""What lies in a store, while runs go on in it."""

from latewood.engine.storage.store import ArtifactStore
from latewood.engine.storage.sweeping import stored


def test_what_a_run_names_while_somebody_looks_is_left_out(tmp_path):
    store = ArtifactStore(tmp_path, "default")
    staged = [store.stage(content, "json") for content in (b"one", b"two")]
    looking = stored(store)
    first = next(looking)
    store.commit(staged)
    assert first.name.startswith("staged/")
    assert list(looking) == []
    assert [file.name for file in stored(store)] == sorted(one.address for one in staged)
