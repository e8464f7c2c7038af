"""Databases and stores that cannot be used or were tampered with, and caches that nobody uses."""

import json
import os

from databases import execute
from latewood.engine.storage.caches import caches_in_use
from latewood_eventlog import server as embedded
from latewood_eventlog.database import bootstrap


def test_4_an_unreachable_database_and_its_password_stays_unsaid(shell):
    for url in ("postgresql://me:s3cret@127.0.0.1:9/db", "mysql://me:s3cret@127.0.0.1/db", "s3cret"):
        done = shell.here("assets", LATEWOOD_DATABASE_URL=url)
        assert (done.code, done.out) == (4, "")
        assert done.err.startswith("error: database ")
        assert "s3cret" not in done.err


def test_5_a_changed_byte_is_found_and_its_position_named(home, shell):
    superuser = embedded.superuser_url(home)
    url = bootstrap(superuser, "tampered", embedded.ensure_started(home).url.password)
    shell.write("tampered.py", "from latewood import asset\n@asset\ndef a() -> int: return 1\n")
    elsewhere = {"LATEWOOD_DATABASE_URL": url.reveal()}
    assert shell.here("materialize", "*", "-f", "tampered.py", **elsewhere).code == 0
    assert shell.here("log", "verify", **elsewhere).code == 0
    execute(
        superuser.with_database("tampered"),
        "SET session_replication_role = replica; "
        "UPDATE latewood.events SET data = replace(data::text, '\"a\"', '\"b\"')::json WHERE position = 1",
    )
    done = shell.here("log", "verify", **elsewhere)
    assert (done.code, done.out) == (5, "")
    assert "position 1" in done.err
    assert shell.here("db", "stop", **elsewhere).code == 2
    execute(superuser, "DROP DATABASE tampered WITH (FORCE)")


def test_6_a_store_that_cannot_be_written_and_2_one_that_cannot_be(shell):
    shell.write("stored.py", "from latewood import asset\n@asset\ndef a() -> int: return 1\n")
    done = shell.here("materialize", "*", "-f", "stored.py", LATEWOOD_STORE=str(shell.folder / "stored.py"))
    assert (done.code, done.out) == (6, "")
    assert f"cannot create {shell.folder}/stored.py: File exists" in done.err
    done = shell.here("assets", LATEWOOD_STORE="s3://bucket/store")
    assert (done.code, done.out) == (2, "")
    assert 'artifact store "s3://bucket/store": expected a folder or a file: URL, found scheme "s3"' in done.err


def test_a_store_that_cannot_be_used_ends_with_its_own_code_before_anything_is_deployed(shell):
    shell.write("stored.py", "from latewood import asset\n\n@asset\ndef one() -> int:\n    return 1\n")
    (shell.folder / "in_the_way").write_text("no folder")
    for store in ("/proc/store", str(shell.folder / "in_the_way")):
        done = shell.here("materialize", "*", "-f", "stored.py", LATEWOOD_STORE=store)
        assert (done.code, "LATEWOOD_STORE" in done.err) == (6, True), done.err
        assert json.loads(shell.here("assets", "--json").out)["assets"] == []


def test_caches_that_nobody_used_go_with_what_they_take_unless_they_are_in_use(shell, home):
    folder = home / "code" / "unused"
    folder.mkdir(parents=True)
    (folder / "assets.py").write_bytes(b"#" * 2_048)
    os.utime(folder, (0, 0))
    said = "1 folder (2 KiB) of unpacked code and virtual environments that nobody used for 30 days"
    assert f"would remove {said}" in shell("gc", "--dry-run")
    with caches_in_use(home):
        assert "are in use; none was removed" in shell("gc")
        assert json.loads(shell("gc", "--json"))["caches"]["in_use"]
    assert json.loads(shell("gc", "--dry-run", "--json"))["caches"]["folders"] == ["code/unused"]
    assert f"removed {said}" in shell("gc")
    found = json.loads(shell("gc", "--json"))["caches"]
    assert (found["in_use"], found["bytes"], found["folders"]) == (False, 0, [])
