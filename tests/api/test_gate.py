"""Who is let in: by tokens, by sessions of browsers, and by nothing where nobody has to log in."""

import asyncio
import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import pytest
from sqlalchemy import event, text
from starlette.testclient import TestClient

from api.conftest import SESSIONS, open_app
from latewood.commands.tokens import create_token, revoke_token
from latewood.commands.workspace import of_project
from latewood.model.access import Role
from latewood_graphql.app import app
from latewood_graphql.buckets import Buckets, Guesses, TooOften
from latewood_graphql.errors import Refused
from latewood_graphql.limits import Limits
from latewood_graphql.serving import Serving, _config
from latewood_graphql.sessions import Session, Sessions, key_in
from latewood_graphql.web import files

ASK = {"query": "{ projects }"}


def code(answer):
    return answer.status_code, answer.json()["errors"][0]["extensions"]["code"]


def by(token):
    return {"Authorization": f"Bearer {token.text}"}


def test_nothing_is_served_without_saying_to_whom(api):
    with pytest.raises(TypeError, match="known"):
        app(api.service)


def test_a_token_lets_into_its_project(serve, api):
    ann = create_token(api.workspace, "ann", Role.VIEWER)
    lab = create_token(of_project(api.workspace, "lab"), "ann", Role.VIEWER)
    everywhere = create_token(api.workspace, "all", Role.VIEWER, everywhere=True)
    client = serve()
    for token, projects in ((ann, ["default"]), (lab, ["lab"]), (everywhere, ["default", "lab"])):
        assert client.post("/graphql", json=ASK, headers=by(token)).json()["data"] == {"projects": projects}


def test_without_a_good_token_nobody_is_let_in(serve, api):
    token = create_token(api.workspace, "ann", Role.ADMIN, days=2)
    client = serve()
    for wrong in (
        None,
        "",
        "Bearer",
        "Bearer ",
        f"Bearer {token.text}x",
        f"Basic {token.text}",
        f"Bearer {token.row.token}",
    ):
        answer = client.post("/graphql", json=ASK, headers={} if wrong is None else {"Authorization": wrong})
        assert code(answer) == (401, "UNAUTHENTICATED"), wrong
        assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert code(client.get("/metrics")) == (401, "UNAUTHENTICATED")
    later = api.workspace.clock() + timedelta(days=3)
    assert code(serve(clock=lambda: later).post("/graphql", json=ASK, headers=by(token))) == (401, "UNAUTHENTICATED")
    assert client.post("/graphql", json=ASK, headers=by(token)).status_code == 200
    revoke_token(api.workspace, "ann")
    assert code(client.post("/graphql", json=ASK, headers=by(token))) == (401, "UNAUTHENTICATED")


def test_on_this_computer_nobody_logs_in_until_there_is_a_token(serve, api):
    client = serve(is_local=True)
    assert client.post("/graphql", json=ASK).status_code == 200
    assert code(serve(is_local=False).post("/graphql", json=ASK)) == (401, "UNAUTHENTICATED")
    token = create_token(api.workspace, "ann", Role.VIEWER)
    assert code(client.post("/graphql", json=ASK)) == (401, "UNAUTHENTICATED")
    assert client.post("/graphql", json=ASK, headers=by(token)).status_code == 200


@pytest.mark.parametrize("host", ["localhost", "LOCALHOST:80", "localhost.", "127.0.0.2:4100", "[::1]:4100"])
def test_this_computer_has_several_names(serve, host):
    assert serve(is_local=True).post("/graphql", json=ASK, headers={"Host": host}).status_code == 200


FOREIGN = (
    {"Origin": "https://evil.example"},
    {"Origin": "null"},
    {"Origin": "http://["},
    {"Origin": "http://localhost:81"},
    {"Sec-Fetch-Site": "cross-site"},
    {"Sec-Fetch-Site": "same-site"},
    {"Origin": "https://evil.example", "Sec-Fetch-Site": "same-origin", "X-Latewood-CSRF": "1"},
)


@pytest.mark.parametrize(
    "headers",
    [
        *FOREIGN,
        {"Host": "evil.example"},
        {"Host": "localhost.evil.example"},
        {"Host": "["},
        {"Host": "127.0.0.2.evil.example"},
        {"X-Forwarded-For": "8.8.8.8"},
    ],
)
def test_pages_of_other_sites_do_nothing_where_nobody_logs_in(serve, headers):
    assert code(serve(is_local=True).post("/graphql", json=ASK, headers=headers)) == (403, "FORBIDDEN")


@pytest.fixture
def logged_in(serve, api):
    token = create_token(api.workspace, "ann", Role.VIEWER)
    client = serve()
    answer = client.post("/login", json={"token": token.text})
    assert (answer.status_code, answer.json()["name"], answer.json()["role"]) == (200, "ann", "viewer")
    said = answer.headers["Set-Cookie"]
    assert {"HttpOnly", "SameSite=strict", "Path=/"} <= {part.strip() for part in said.split(";")}
    assert token.text not in said
    return client


def test_the_session_of_another_server_on_this_computer_keeps_nobody_out(serve, api):
    other = Sessions(b"o" * 32)
    own = {"Sec-Fetch-Site": "same-origin"}
    there = {"Cookie": f"{other.cookie}=x", **own}
    assert other.cookie != SESSIONS.cookie
    assert serve(is_local=True).post("/graphql", json=ASK, headers=there).status_code == 200
    kept = {"Cookie": f"{SESSIONS.cookie}=x", **own}  # one of before its log was made anew
    assert serve(is_local=True).post("/graphql", json=ASK, headers=kept).status_code == 200
    client, token = serve(is_local=True), create_token(api.workspace, "ann", Role.VIEWER)
    client.cookies.set(other.cookie, "x")
    assert client.post("/login", json={"token": token.text}).status_code == 200
    assert client.post("/graphql", json=ASK, headers=own).status_code == 200


def test_a_browser_logs_in_and_out(logged_in):
    own = {"Origin": "http://localhost"}
    assert logged_in.post("/graphql", json=ASK, headers=own).json()["data"] == {"projects": ["default"]}
    assert logged_in.post("/logout", headers=own).status_code == 200
    assert code(logged_in.post("/graphql", json=ASK, headers=own)) == (401, "UNAUTHENTICATED")


@pytest.mark.parametrize("headers", [{}, *FOREIGN])
def test_pages_of_other_sites_do_nothing_with_the_session_of_a_browser(logged_in, headers):
    assert code(logged_in.post("/graphql", json=ASK, headers=headers)) == (403, "FORBIDDEN")
    if headers:
        assert code(logged_in.post("/logout", headers=headers)) == (403, "FORBIDDEN")
        assert code(logged_in.post("/login", json={"token": "x"}, headers=headers)) == (403, "FORBIDDEN")


@pytest.mark.parametrize("headers", [{"X-Latewood-CSRF": "1"}, {"Sec-Fetch-Site": "same-origin"}])
def test_own_pages_are_told_by_what_others_cannot_send(logged_in, headers):
    assert logged_in.post("/graphql", json=ASK, headers=headers).status_code == 200


def test_a_session_ends_with_its_token(logged_in, api):
    revoke_token(api.workspace, "ann")
    assert code(logged_in.post("/graphql", json=ASK, headers={"X-Latewood-CSRF": "1"})) == (401, "UNAUTHENTICATED")


def test_over_https_a_cookie_is_for_https_alone(serve, api):
    token = create_token(api.workspace, "ann", Role.VIEWER)
    answer = serve(base_url="https://localhost").post("/login", json={"token": token.text})
    assert "; Secure" in answer.headers["Set-Cookie"]
    assert "Strict-Transport-Security" in answer.headers


def test_what_is_no_token_does_not_log_in(serve, api):
    create_token(api.workspace, "ann", Role.VIEWER)
    client = serve()
    assert code(client.post("/login", json={"token": "lw_no"})) == (401, "UNAUTHENTICATED")
    for wrong in ({}, [], {"token": 1}, "lw_no"):
        assert code(client.post("/login", json=wrong)) == (400, "BAD_INPUT")
    assert code(client.post("/login", content='{"token": "x"}', headers={"Content-Type": "text/plain"})) == (
        400,
        "BAD_INPUT",
    )
    assert code(client.post("/login", json={"token": "x" * 5_000})) == (413, "TOO_LARGE")


def test_a_cookie_is_read_as_it_was_written_and_otherwise_not_at_all(workspace):
    now = workspace.clock()
    session = Session(project="default", token="ab", expires_at=(now + timedelta(hours=1)).replace(microsecond=0))
    written = SESSIONS.written(session)
    assert SESSIONS.read(written, now) == session
    assert SESSIONS.read(written, now + timedelta(hours=2)) is None
    assert Sessions(b"x" * 32).read(written, now) is None
    for wrong in (
        "",
        ".",
        "a.b.c.d",
        "ü",
        written[:-1],
        written.replace("default", "lab"),
        written.replace(".ab.", ".cd."),
    ):
        assert SESSIONS.read(wrong, now) is None, wrong


def test_servers_of_one_home_have_one_key_which_nobody_else_reads(tmp_path):
    key = key_in(tmp_path / "home")
    assert (len(key), key_in(tmp_path / "home")) == (32, key)
    (file,) = (tmp_path / "home").iterdir()
    assert file.stat().st_mode & 0o777 == 0o600


def test_large_requests_are_refused_whether_they_say_how_large_they_are_or_not(serve, api):
    token = create_token(api.workspace, "ann", Role.VIEWER)
    client = serve(limits=Limits(request_bytes=1_000))
    large = b'{"query": "' + b" " * 1_000 + b'{ projects }"}'
    headers = {**by(token), "Content-Type": "application/json"}
    assert code(client.post("/graphql", content=large, headers=headers)) == (413, "TOO_LARGE")
    assert code(client.post("/graphql", content=iter([large]), headers=headers)) == (413, "TOO_LARGE")
    assert (
        client.post("/graphql", content=iter([large[-15:].join([b'{"query": "', b""])]), headers=headers).status_code
        == 200
    )


def test_who_asks_too_often_is_told_when_to_ask_again_and_others_are_not(serve, api):
    ann, ben = (create_token(api.workspace, name, Role.VIEWER) for name in ("ann", "ben"))
    client = serve(limits=Limits(rate=0.5, burst=2))
    answers = [client.post("/graphql", json=ASK, headers=by(ann)) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert code(answers[-1]) == (429, "TOO_MANY")
    assert answers[-1].headers["Retry-After"] == "2"
    assert client.post("/graphql", json=ASK, headers=by(ben)).status_code == 200


def test_what_comes_by_a_connection_that_stays_open_is_counted_too(serve, api):
    token = create_token(api.workspace, "ann", Role.VIEWER)
    client = serve(limits=Limits(rate=0.1, burst=2))
    with client.websocket_connect("/graphql", ["graphql-transport-ws"], headers=by(token)) as socket:
        socket.send_json({"type": "connection_init"})
        assert socket.receive_json()["type"] == "connection_ack"
        for id_ in ("1", "2"):
            socket.send_json({"type": "subscribe", "id": id_, "payload": ASK})
        told = [socket.receive_json() for _ in range(3)]
    by_id = {(each["id"], each["type"]): each.get("payload") for each in told}
    assert by_id["1", "next"]["data"] == {"projects": ["default"]}
    assert by_id["2", "error"][0]["extensions"] == {"code": "TOO_MANY"}


def test_a_bucket_fills_at_its_rate():
    now = [0.0]
    buckets = Buckets(2.0, 4.0, clock=lambda: now[0])
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]
    now[0] = 0.5
    assert [buckets.take("a"), buckets.take("a")] == [0, 0.5]
    now[0] = 100
    assert [buckets.take("a") for _ in range(5)] == [0, 0, 0, 0, 0.5]


def test_guessing_is_slowed_down_and_who_knows_is_not(serve, api):
    token = create_token(api.workspace, "ann", Role.VIEWER)
    client, looked = serve(), []
    assert client.post("/graphql", json=ASK, headers=by(token)).status_code == 200
    event.listen(api.workspace.log.engine, "before_cursor_execute", lambda *given: looked.append(given[2]))
    guesses = [client.post("/graphql", json=ASK, headers={"Authorization": f"Bearer lw_{n}"}) for n in range(60)]
    found = Counter(guess.status_code for guess in guesses)
    assert (found[401] >= 30, found[429] > 0, found.total()) == (True, True, 60)
    assert len(looked) == found[401], "nothing is looked up for one guess too many"
    assert 429 in {client.post("/login", json={"token": "lw_no"}).status_code for _ in range(5)}, "by whichever way"
    assert client.post("/graphql", json=ASK, headers=by(token)).status_code == 200
    assert client.post("/login", json={"token": token.text}).status_code == 200
    (session,) = client.cookies
    assert client.post("/graphql", json=ASK, headers={"X-Latewood-CSRF": "1"}).status_code == 200, "nobody guesses one"
    for wrong in ("of.nobody.1.x", "é"):
        cookie = {"X-Latewood-CSRF": "1", "Cookie": f"{session}={wrong}".encode()}
        assert serve().post("/graphql", json=ASK, headers=cookie).status_code == 401


def test_who_shows_nothing_guesses_nothing(serve, api):
    token = create_token(api.workspace, "ann", Role.VIEWER)
    client = serve()
    for headers in ({}, {"Cookie": "of_another_port=1"}):
        found = {client.post("/graphql", json=ASK, headers=headers).status_code for _ in range(40)}
        assert found == {401}
    assert client.post("/graphql", json=ASK, headers=by(token)).status_code == 200
    assert client.post("/login", json={"token": token.text}).status_code == 200


def refuse():
    raise Refused("UNAUTHENTICATED", "wrong")


def wrong_guesses(guesses, shown, times=100):
    """How many of so many are looked at, one after the other."""
    looked = Counter()

    def look():
        looked.update(["here"])
        refuse()

    for n in range(times):
        with suppress(TooOften, Refused):
            guesses.counted("here", shown.format(n), look)
    return looked.total()


def shown_at_once(guesses, shown, look):
    """What comes of each that is looked up while all others are: found, or the error."""

    def one(text):
        def wait():
            together.wait()
            return look()

        try:
            return guesses.counted("here", text, wait)
        except Refused as refused:
            return refused.code

    together = threading.Barrier(len(shown), timeout=60)
    with ThreadPoolExecutor(len(shown)) as threads:
        return list(threads.map(one, shown))


def test_however_many_show_something_right_at_once_from_an_address_it_counts_as_no_guess():
    guesses = Guesses()
    for shown in (["Bearer right"] * 100, [f"Bearer {n}" for n in range(100)]):
        assert shown_at_once(guesses, shown, lambda: "ann") == ["ann"] * 100
    assert wrong_guesses(guesses, "Bearer wrong {}") in (30, 31)


def test_guesses_count_by_whom_a_proxy_asks_for_if_it_is_named_and_else_by_the_proxy(serve):
    def refused(proxies, by="10.0.0.7"):
        web = serve().app
        config = _config(lambda: web, Serving(proxies=proxies))
        config.load()
        client = TestClient(config.loaded_app, client=(by, 4_000))

        def guess(asked_for):
            headers = {"X-Forwarded-For": asked_for}
            return client.post("/login", json={"token": "lw_no"}, headers=headers).status_code

        assert 429 in {guess("192.0.2.1") for _ in range(40)}
        return guess("192.0.2.2")

    assert (refused(("10.0.0.0/8",)), refused(())) == (401, 429)
    assert refused((), by="127.0.0.1") == 401, "one at this computer is believed"


def test_processes_that_answer_at_one_address_let_through_together_what_one_does():
    assert [wrong_guesses(Guesses(processes), "Bearer wrong {}") for processes in (1, 3, 100)] == [30, 10, 1]
    assert shown_at_once(Guesses(100), ["Bearer right"], lambda: "ann") == ["ann"]


def test_the_same_wrong_guess_made_many_times_at_once_counts_as_often_as_it_is_made():
    guesses = Guesses()
    assert shown_at_once(guesses, ["Bearer wrong"] * 60, refuse) == ["UNAUTHENTICATED"] * 60
    with pytest.raises(TooOften) as error:
        guesses.counted("here", "Bearer wrong", refuse)
    assert error.value.waits > 25, "what was beyond the bucket is owed"


def test_every_answer_tells_browsers_what_not_to_do(serve, api):
    create_token(api.workspace, "ann", Role.VIEWER)
    client = serve()
    html = {"Accept": "text/html"}
    for answer in (
        client.get("/"),
        client.get("/graphql", headers=html),
        client.post("/graphql"),
        client.get("/healthz"),
    ):
        policy = answer.headers["Content-Security-Policy"]
        assert "default-src 'self'" in policy
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"


def test_the_page_that_asks_needs_nothing_from_elsewhere(serve, api):
    create_token(api.workspace, "ann", Role.VIEWER)
    client = serve()
    page = client.get("/graphql", headers={"Accept": "text/html,*/*"})
    assert page.status_code == 200
    for file in ("explorer.js", "explorer.css"):
        assert f'"/explorer/{file}"' in page.text
        answer = client.get(f"/explorer/{file}")
        assert "//" not in answer.text.replace("// ", "")
        again = client.get(f"/explorer/{file}", headers={"If-None-Match": answer.headers["ETag"]})
        assert (again.status_code, again.content) == (304, b"")
    assert "<script>" not in page.text
    assert "http" not in page.text


@pytest.fixture
def built(monkeypatch, tmp_path):
    """What stands for the interface."""
    (tmp_path / "_app").mkdir()
    (tmp_path / "index.html").write_text("the interface")
    (tmp_path / "_app" / "index-4k0w.js").write_text("1")
    monkeypatch.setattr(files, "STATIC", tmp_path)


@pytest.mark.usefixtures("built")
@pytest.mark.parametrize("path", ["/", "/assets/orders", "/assets/sales/v1.2", "/login", "/runs/4k0w"])
def test_a_path_of_the_interface_is_its_page(serve, path):
    answer = serve().get(path)
    assert answer.text == "the interface"
    assert answer.headers["Cache-Control"] == "no-cache"


@pytest.mark.usefixtures("built")
def test_what_is_named_by_its_content_is_never_asked_for_again(serve):
    client = serve()
    assert "immutable" in client.get("/_app/index-4k0w.js").headers["Cache-Control"]
    assert client.get("/_app/index-of-before.js").status_code == 404


def test_a_server_whose_interface_was_not_built_says_how_it_is(serve, monkeypatch, tmp_path):
    monkeypatch.setattr(files, "STATIC", tmp_path / "static")
    assert "make ui" in serve().get("/runs").text


def test_who_goes_away_before_all_is_sent_is_no_error(api):
    """As browsers do with each stream that they leave at once."""
    scope = {"type": "http", "method": "POST", "path": "/graphql", "raw_path": b"/graphql", "query_string": b""}
    headers = [(b"host", b"localhost"), (b"content-type", b"application/json"), (b"accept", b"text/event-stream")]
    sent = []

    async def gone():
        return {"type": "http.disconnect"}

    async def send(message):
        sent.append(message)

    server = {"scheme": "http", "server": ("localhost", 80), "client": ("127.0.0.1", 1), "http_version": "1.1"}
    asyncio.run(open_app(api.service)({**scope, **server, "headers": headers}, gone, send))
    assert sent[0]["status"] == 400


def test_metrics_count_requests(serve, api):
    token = create_token(api.workspace, "ann", Role.VIEWER)
    client = serve()
    client.get("/healthz")
    found = client.get("/metrics", headers=by(token)).text
    assert 'status="200"} 1.0' in found
    assert "latewood_server_request_seconds_bucket" in found


def test_what_a_token_is_stands_in_no_log(serve, api, caplog):
    caplog.set_level("DEBUG")
    token = create_token(api.workspace, "ann", Role.VIEWER)
    client = serve()
    client.post("/login", json={"token": token.text})
    client.post("/graphql", json={"query": "{ no }"}, headers=by(token))
    client.post("/graphql", json=ASK, headers={"Authorization": f"Bearer {token.text} x"})
    secret = token.text.removeprefix("lw_")
    assert secret not in caplog.text
    with api.workspace.log.engine.connect() as connection:
        assert secret not in str(connection.execute(text("SELECT * FROM latewood.events")).all())
    assert SESSIONS.cookie in client.cookies
