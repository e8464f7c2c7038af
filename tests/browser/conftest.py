"""A browser, and a project that it looks at. Where there is no Chromium these tests say so; in CI they fail."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from functools import cache
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from browser.served import STORY, Served, browsing, chromium, complaining_of_nothing, forget, serving, visiting
from databases import copied
from e2e.conftest import environ, home  # noqa: F401 - fixtures
from e2e.shell import Shell

expect.set_options(timeout=10_000)

_AFTER_ALL = ExitStack()


@pytest.hookimpl(wrapper=True)
def pytest_runtest_teardown(item: pytest.Item, nextitem: pytest.Item | None) -> Iterator[None]:
    """The browser ends with the last of these tests: what drives it has an event loop, and others have their own."""
    yield
    if nextitem is None or nextitem.path.parent != item.path.parent:
        _AFTER_ALL.close()
        _browser.cache_clear()


@cache
def _browser() -> Browser:
    executable = chromium()
    if executable is None:
        say = "there is no Chromium: `apt-get install chromium`, or say where one is by LATEWOOD_CHROMIUM"
        if os.environ.get("CI"):
            pytest.fail(say)
        pytest.skip(say)
    return _AFTER_ALL.enter_context(browsing(executable))


@pytest.fixture(scope="module")
def browser() -> Browser:
    """The one of all files here that follow each other."""
    return _browser()


@pytest.fixture(scope="module")
def story() -> str:
    """What the project defines."""
    return STORY


@pytest.fixture(scope="module")
def served(
    story: str,
    home: Path,  # noqa: F811 - a fixture
    environ: dict[str, str],  # noqa: F811 - the same
    platform_template: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Served]:
    """A project of which one asset has failed, with a server and an engine."""
    with copied(home, platform_template) as url:
        shell = Shell(tmp_path_factory.mktemp("story"), {**environ, "LATEWOOD_DATABASE_URL": url.reveal()})
        shell.write("story.py", story)
        assert "no rate for EUR" in shell.run("materialize", "*", "-f", "story.py").err
        with serving(shell, "story.py") as found:
            yield found


@pytest.fixture(scope="module")
def visited(browser: Browser, served: Served) -> Iterator[Page]:
    """One page for all tests of a file: a process that has read the scripts before takes a third of the time."""
    with visiting(browser, served) as page:
        yield page


@pytest.fixture
def page(visited: Page, served: Served) -> Iterator[Page]:
    """A page of a visitor who has never been here."""
    with complaining_of_nothing(visited, served):
        yield visited
        forget(visited)


@pytest.fixture
def page_of_its_own(browser: Browser, served: Served) -> Iterator[Page]:
    """The same for a story after which nothing would be as it was."""
    with visiting(browser, served) as page, complaining_of_nothing(page, served):
        yield page
