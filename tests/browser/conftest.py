"""A browser, and a project that it looks at. Where there is no Chromium these tests say so; in CI they fail."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect

from browser.served import STORY, Served, browsing, chromium, serving
from databases import copied
from e2e.conftest import environ, home, platform_template  # noqa: F401 - fixtures
from e2e.shell import Shell

expect.set_options(timeout=10_000)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of one file: what drives it has an event loop, which tests of other files have their own of."""
    executable = chromium()
    if executable is None:
        say = "there is no Chromium: `apt-get install chromium`, or say where one is by LATEWOOD_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(say)
        pytest.skip(say)
    with browsing(executable) as found:
        yield found


@pytest.fixture(scope="module")
def story() -> str:
    """What the project defines."""
    return STORY


@pytest.fixture(scope="module")
def served(
    story: str,
    home: Path,  # noqa: F811 - a fixture
    environ: dict[str, str],  # noqa: F811 - the same
    platform_template: str,  # noqa: F811 - the same
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """A project of which one asset has failed, with a server and an engine."""
    with copied(home, platform_template) as url:
        shell = Shell(tmp_path_factory.mktemp("story"), {**environ, "LATEWOOD_DATABASE_URL": url.reveal()})
        shell.write("story.py", story)
        assert "no rate for EUR" in shell.run("materialize", "*", "-f", "story.py").err
        with serving(shell, "story.py") as found:
            yield found


@pytest.fixture
def context(browser: Browser, served: Served) -> Iterator[BrowserContext]:
    """A visitor who has never been here."""
    made = browser.new_context(base_url=served.url, viewport={"width": 1280, "height": 800}, locale="en-GB")
    yield made
    made.close()


@pytest.fixture
def page(context: BrowserContext, served: Served) -> Iterator[Page]:
    """A page that complains of nothing, errors of scripts and the policy for contents, and asks nobody else."""
    complaints: list[str] = []
    found = context.new_page()
    found.on("pageerror", lambda error: complaints.append(str(error)))
    found.on("console", lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None)
    found.on("request", lambda sent: None if sent.url.startswith(served.url) else complaints.append(sent.url))
    yield found
    assert complaints == []
