"""A project with its server, as users have it, and the browser that looks at it."""

import os
import shutil
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.error import URLError
from urllib.request import urlopen

from forks import Forked, forks
from playwright.sync_api import Browser, Page, ViewportSize, expect, sync_playwright

from e2e.shell import Shell

ROOT = Path(__file__).parents[2]
AXE = ROOT / "ui" / "node_modules" / "axe-core" / "axe.min.js"
WINDOW: ViewportSize = {"width": 1280, "height": 800}
OF_COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of axe by which a page may be one in one theme and none in another."""
ARGUMENTS = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

STORY = '''
from latewood import Daily, Output, PartitionKey, Static, asset
from latewood.automation import Schedule

days = Daily("2026-01-01", "2026-02-10")

@asset(group="raw", owners=["team:data"], kinds=["csv"], tags={"tier": "raw"})
def orders() -> list[int]:
    """What was ordered."""
    return [1, 2, 3]

@asset(group="raw", owners=["team:data"])
def customers() -> list[str]:
    """Who ordered it."""
    return Output(["ann", "bob"], {"known": 2})

@asset(group="daily", owners=["team:analytics"], partitions=days)
def sales(orders: list[int], day: PartitionKey) -> int:
    """What was sold on a day."""
    return sum(orders)

@asset(group="reports", owners=["team:analytics"])
def revenue(orders: list[int], customers: list[str]) -> int:
    """What it comes to."""
    raise ValueError("no rate for EUR")

yearly = Schedule("yearly", "orders", "0 0 1 1 *")
'''


@dataclass
class Served:
    """A project whose server can be stopped and started again at the same address."""

    shell: Shell
    file: str
    port: int
    process: Forked | None = None

    @property
    def url(self) -> str:
        """Where the interface is."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> None:
        """Serve, and wait until it answers."""
        arguments = ["dev", "-f", self.file, "--port", str(self.port)]
        self.process = forks().start(arguments, self.shell.folder, self.shell.environ)
        for _ in range(1_500):
            try:
                urlopen(f"{self.url}/readyz", timeout=5).close()
            except (URLError, OSError):
                assert self.process.poll() is None, "the server has ended"
                time.sleep(0.02)
            else:
                return
        raise AssertionError("the server does not answer")

    def stop(self) -> None:
        """End it; nothing is left of it."""
        if self.process is not None:
            self.process.terminate()
            self.process.wait(timeout=30)
        self.process = None


@contextmanager
def serving(shell: Shell, file: str) -> Iterator[Served]:
    """The project in that folder, served as long as this lasts."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    served = Served(shell, file, port)
    try:
        served.start()
        yield served
    finally:
        served.stop()


def chromium() -> str | None:
    """Where a Chromium of this computer is."""
    return os.environ.get("LATEWOOD_CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


@contextmanager
def browsing(executable: str) -> Iterator[Browser]:
    """A browser that asks nobody but the server."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=executable, args=ARGUMENTS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def visiting(browser: Browser, served: Served) -> Iterator[Page]:
    """A page that a visitor has opened who has never been here."""
    context = browser.new_context(base_url=served.url, viewport=WINDOW, locale="en-GB")
    yield context.new_page()
    context.close()


def forget(page: Page) -> None:
    """Leave it as if its visitor had never been here, nowhere."""
    for other in page.context.pages:
        if other is not page:
            other.close()
    page.unroute_all()
    page.goto("/healthz")  # nothing of the interface goes on
    page.evaluate("localStorage.clear(), sessionStorage.clear()")
    page.context.clear_cookies()
    page.set_viewport_size(WINDOW)
    page.emulate_media(color_scheme="light")


@contextmanager
def complaining_of_nothing(page: Page, served: Served) -> Iterator[None]:
    """It says nothing of errors of scripts and the policy for contents, and asks nobody else."""
    complaints: list[str] = []
    heard = {
        "pageerror": lambda error: complaints.append(str(error)),
        "console": lambda said: complaints.append(said.text) if "Content Security Policy" in said.text else None,
        "request": lambda sent: None if sent.url.startswith(served.url) else complaints.append(sent.url),
    }
    for event, hear in heard.items():
        page.on(event, hear)
    yield
    for event, hear in heard.items():
        page.remove_listener(event, hear)
    assert complaints == []


def serious(page: Page, *rules: str) -> list[str]:
    """What axe finds on the page that keeps somebody from using it; by these rules alone, if any are named."""
    if not page.evaluate("'axe' in window"):
        page.evaluate(AXE.read_text())
    found = page.evaluate(
        "rules => axe.run(document, {resultTypes: ['violations'], ...(rules.length && {runOnly: rules})})", rules
    )
    return [
        f"{one['id']}: {node['html'][:160]}"
        for one in found["violations"]
        if one["impact"] in ("serious", "critical")
        for node in one["nodes"]
    ]


def serious_in_any_theme(page: Page) -> dict[str, list[str]]:
    """The same by theme: the page is the same in each, but for its colours."""
    found = {}
    for theme, rules in (("light", ()), ("dark", OF_COLOURS)):
        page.emulate_media(color_scheme=theme)
        expect(page.locator("html")).to_have_attribute("data-theme", theme)
        found[theme] = serious(page, *rules)
    return {theme: said for theme, said in found.items() if said}
