"""The web interface in a browser without a window: how long until it can be used, and how long a frame takes.

`make bench-ui`, which writes UI.md; with `--quick` everything once, to see that it runs; with names, only these parts.
A project of 10,000 assets, then a grid of 100,000 partitions, then a run that has printed 100,000 lines.
"""

import argparse
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any, Final
from urllib.request import urlopen

from bench_plans import loaded_from, materialized
from bench_report import environment_lines
from bench_server import Bench, inherited, quiet, serving
from grouped import GROUPS, group_name, grouped, is_late
from playwright.sync_api import Browser, Page

from browser.served import browsing, chromium

LINES: Final = 100_000
RESULTS: Final = Path(__file__).with_name("UI.md")
LATEWOOD: Final = str(Path(sys.executable).with_name("latewood"))

_GRID: Final = """
from latewood import Daily, Static, asset
from latewood.partitions import Grid

@asset(partitions=Grid(day=Daily("2019-01-01", "2024-06-23"), region=Static([f"region-{n:02}" for n in range(50)])))
def sales() -> int:
    return 1
"""

_CHATTY: Final = """
from latewood import asset

@asset
def chatty() -> int:
    for n in range(100_000):
        print(f"{n} of the 100,000 lines that this prints, of a usual length, with {n * 7919 % 104729} somewhere in it")
    return 1
"""

_HELPERS: Final = """
window.frame = () => new Promise(requestAnimationFrame);
window.isThere = () => {
  const heading = document.querySelector('h1');
  return heading !== null && !document.querySelector('main [data-awaited]') ? heading.textContent : null;
};
window.hasCards = () => document.querySelector('[data-drawing] button');
window.until = async (is) => {
  for (const began = performance.now(); !is(); await frame())
    if (performance.now() - began > 60_000) throw new Error(`never: ${is}`);
  await frame();
};
window.timed = async (count, act) => {
  const times = [];
  let before = await frame();
  for (let n = 0; n < count; n++) { act(n); const now = await frame(); times.push(now - before); before = now; }
  return times;
};
window.wheel = (deltaY, shiftKey = false) => {
  const host = document.querySelector('[data-drawing]');
  const { left, top, width, height } = host.getBoundingClientRect();
  const at = { clientX: left + width / 2, clientY: top + height / 2 };
  host.dispatchEvent(new WheelEvent('wheel', { deltaY, shiftKey, ...at, bubbles: true, cancelable: true }));
};
window.follow = async (text) => {
  const link = [...document.querySelectorAll('nav a')].find((one) => one.textContent.startsWith(text));
  const began = performance.now();
  link.click();
  await until(() => isThere() === text || (link.getAttribute('aria-current') === 'page' && isThere()));
  return performance.now() - began;
};
"""

_CLICKED: Final = """async () => {
  const began = performance.now();
  document.querySelector('nav a[href^="/lineage"]').click();
  await until(hasCards);
  return performance.now() - began;
}"""


@dataclass(frozen=True, slots=True)
class Bar:
    """A line of the table: what is measured, and the most that its median and its 95th percentile may be."""

    name: str
    said: str
    most: float | None = None
    p95: float | None = None


BARS: Final = (
    Bar("paint", "first contentful paint of Home, 10,000 assets, nothing cached", 1_000),
    Bar("interactive", "the same until what it shows is there", 1_500),
    Bar("at once", "the same of a server that has only just begun to answer", 1_500),
    *(
        Bar(f"opened {name}", f"{name} opened by its address, until what it shows is there")
        for name in ("assets", "an asset", "runs", "run", "log", "automations", "deployments", "environments")
    ),
    *(
        Bar(f"to {name}", f"from another page to {name}, seen before", 100)
        for name in ("Home", "Assets", "Runs", "Log")
    ),
    Bar("graph", "Lineage of 10,000 assets, from the click until cards can be used", 1_000),
    Bar("graph at once", "the same opened by its address, nothing cached", 1_000),
    Bar("graph open", "the same with all groups open, which lays out all 10,000"),
    Bar("pan closed", "frame while it is moved, groups closed", 20, 40),
    Bar("zoom closed", "frame while it is zoomed, groups closed", 50, 100),
    Bar("pan open", "frame while it is moved, all groups open, all seen", 20, 40),
    Bar("zoom open", "frame while it is zoomed, all groups open, all seen", 50, 100),
    Bar("matrix", "100,000 partitions, from the click on a tab that was seen before until they are drawn", 150),
    Bar("lines", "frame while 100,000 lines are scrolled through", 17, 33),
    Bar("lines far", "frame while jumping a tenth of the lines that are there"),
)

Measured = Iterator[tuple[str, Sequence[float]]]


# ── what is measured ────────────────────────────────────────────────────────────────────────────────────────


def pages(bench: Bench, browser: Browser, repetitions: int) -> Measured:
    """A project of 10,000 assets and 20,000 edges, half of it stale."""
    with materialized(bench, grouped, is_late) as environment:
        for _ in range(repetitions):
            with _visited(browser) as page, _served(environment) as url:
                yield "at once", [_opened(page, f"{url}/")]
        with _served(environment) as url:
            yield from _pages_of(url, browser, repetitions)


def _pages_of(url: str, browser: Browser, repetitions: int) -> Measured:
    paths = {
        "assets": "/assets",
        "an asset": "/assets/mart_orders_6/orders_5000",
        "runs": "/runs",
        "run": "/runs/bench0000000",
        "log": "/log",
        "automations": "/automations",
        "deployments": "/deployments",
        "environments": "/environments",
    }
    groups = ",".join(group_name(group) for group in range(GROUPS))
    for _ in range(repetitions):
        with _visited(browser, url) as page:
            seconds = _opened(page, "/")
            yield "interactive", [seconds]
            first = "performance.getEntriesByName('first-contentful-paint')[0].startTime"
            yield "paint", [page.evaluate(first)]
        for name, path in paths.items():
            with _visited(browser, url) as page:
                yield f"opened {name}", [_opened(page, path)]
        with _visited(browser, url) as page:
            _opened(page, "/")
            for _ in range(2):
                times = {name: page.evaluate("follow", name) for name in ("Assets", "Runs", "Log", "Home")}
            for name, took in times.items():
                yield f"to {name}", [took]
        with _visited(browser, url) as page:
            yield "graph at once", [_opened(page, "/lineage", "hasCards")]
        with _visited(browser, url) as page:
            _opened(page, "/")
            page.wait_for_timeout(500)
            yield "graph", [page.evaluate(_CLICKED)]
            yield from _gestures(page, "closed")
            yield "graph open", [_opened(page, f"/lineage?expand={groups}", "hasCards")]
            page.wait_for_timeout(1_500)
            page.evaluate("document.querySelector('[data-drawing] button').focus()")
            page.keyboard.press("0")
            page.wait_for_timeout(800)
            yield from _gestures(page, "open")


def _gestures(page: Page, how: str) -> Measured:
    page.wait_for_timeout(500)
    yield f"pan {how}", page.evaluate("timed(90, (n) => wheel(n % 30 < 15 ? 24 : -24, true))")
    page.wait_for_timeout(500)
    yield f"zoom {how}", page.evaluate("timed(60, (n) => wheel(n < 30 ? -40 : 40))")


def matrix(bench: Bench, browser: Browser, repetitions: int) -> Measured:
    """One asset by day and region, partitions stale here and there."""

    def grid(folder: Path) -> Any:
        return loaded_from(folder / "grid.py", _GRID)

    with materialized(bench, grid, lambda _, ordinal: ordinal % 7 < 2) as environment, _served(environment) as url:  # noqa: SIM117
        with _visited(browser, url) as page:
            _opened(page, "/assets/sales?tab=partitions")
            for _ in range(repetitions):
                page.evaluate("follow", "Overview")
                page.wait_for_timeout(300)
                quiet()
                yield "matrix", [page.evaluate("follow", "Partitions")]


def lines(bench: Bench, browser: Browser, repetitions: int) -> Measured:
    """A run of one step that has printed them."""
    with bench.fresh() as environment:
        file = bench.home / "chatty.py"
        file.write_text(_CHATTY, encoding="utf-8")
        command = [LATEWOOD, "materialize", "chatty", "--quiet", "-f", file.name]
        subprocess.run(command, cwd=bench.home, env=inherited() | environment, check=True, stdout=sys.stderr)
        with _served(environment) as url, _visited(browser, url) as page:
            _opened(page, "/runs")
            page.get_by_role("grid", name="Runs").get_by_role("gridcell").first.click()
            page.wait_for_url("**/runs/*")
            page.goto(f"{page.url.partition('?')[0]}?tab=logs")
            page.evaluate("until(() => document.querySelector('[aria-label=\"Lines\"] li'))")
            # all of them are read, as by somebody who scrolls up to where they begin
            page.evaluate("""async () => {
                const box = document.querySelector('[aria-label="Lines"]');
                for (let still = 0, before = 0; still < 100; still = box.scrollHeight === before ? still + 1 : 0) {
                    before = box.scrollHeight;
                    box.scrollTop = 0;
                    await frame();
                }
            }""")
            height = page.evaluate("document.querySelector('[aria-label=\"Lines\"]').scrollHeight")
            assert height >= LINES * 18, f"not all lines are there: {height}"
            for _ in range(repetitions):
                quiet()
                script = "(by) => { const box = document.querySelector('[aria-label=\"Lines\"]'); {} }"
                near = "box.scrollTop = box.scrollHeight / 3; return timed(120, () => { box.scrollTop += 400; });"
                far = "return timed(60, (n) => { box.scrollTop = box.scrollHeight * ((n * 7) % 10) / 10; });"
                yield "lines", page.evaluate(script.replace("{}", near))
                yield "lines far", page.evaluate(script.replace("{}", far))


PARTS: Final = {"pages": pages, "matrix": matrix, "lines": lines}


# ── how ─────────────────────────────────────────────────────────────────────────────────────────────────────


@contextmanager
def _served(environment: Mapping[str, str]) -> Iterator[str]:
    """Where a server of that project is, until it is ended."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [LATEWOOD, "server", "--port", str(port)], env=inherited() | environment, stdout=sys.stderr
    )
    url = f"http://127.0.0.1:{port}"
    try:
        for _ in range(300):
            try:
                urlopen(f"{url}/readyz", timeout=5).close()
                break
            except OSError:
                time.sleep(0.1)
        yield url
    finally:
        process.terminate()
        process.wait()


@contextmanager
def _visited(browser: Browser, url: str | None = None) -> Iterator[Page]:
    """A page of a visitor who was never there."""
    quiet()
    with closing(browser.new_context(base_url=url, viewport={"width": 1440, "height": 900})) as context:
        context.add_init_script(_HELPERS)
        yield context.new_page()


def _opened(page: Page, path: str, until: str = "isThere") -> float:
    """Milliseconds from asking for a page until what it shows is there."""
    page.goto(path, wait_until="commit")
    taken: float = page.evaluate(f"until({until}).then(() => performance.now())")
    return taken


def _table(times: Mapping[str, Sequence[float]]) -> Iterator[str]:
    yield "| what | ms, median | 95 % | may be | reached |"
    yield "| --- | --- | --- | --- | --- |"
    for bar in BARS:
        if not times.get(bar.name):
            continue
        found = sorted(times[bar.name])
        middle, high = median(found), found[min(len(found) - 1, int(len(found) * 0.95))]
        is_met = bar.most is None or (round(middle) <= bar.most and (bar.p95 is None or round(high) <= bar.p95))
        goal = "-" if bar.most is None else f"{bar.most:,.0f}" + (f", 95 % {bar.p95:,.0f}" if bar.p95 else "")
        reached = "-" if bar.most is None else "yes" if is_met else "**no**"
        yield f"| {bar.said} | {middle:,.1f} | {high:,.1f} | {goal} | {reached} |"


def main() -> None:
    """Measure what was asked for, print it, and keep the table of a full run."""
    parser = argparse.ArgumentParser(description="Latewood's web interface, measured")
    parser.add_argument("parts", nargs="*", metavar="PART", help=f"of {', '.join(PARTS)}; by default all")
    parser.add_argument("--quick", action="store_true", help="once, to see that everything runs")
    asked = parser.parse_args()
    if unknown := set(asked.parts) - set(PARTS):
        parser.error(f"no part is named {', '.join(sorted(unknown))}")
    executable = chromium()
    if executable is None:
        sys.exit("there is no Chromium: `apt-get install chromium`, or say where one is by LATEWOOD_CHROMIUM")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that the servers do not outlive us
    repetitions, times = 1 if asked.quick else 5, dict[str, list[float]]()
    with serving() as bench:
        for name in asked.parts or PARTS:
            with browsing(executable) as browser:
                for bar, found in PARTS[name](bench, browser, repetitions):
                    times.setdefault(bar, []).extend(found)
                    print(f"{bar} {median(found):.4g}", file=sys.stderr)
        about = environment_lines(bench.facts(), repetitions)
    text = "\n".join([*_ABOUT, *(f"- {line}" for line in about if "repetitions" not in line), "", *_table(times), ""])
    print(text)
    if not asked.parts and not asked.quick:
        RESULTS.write_text(text, encoding="utf-8")


_ABOUT: Final = (
    "# The web interface, measured",
    "",
    "Written by `make bench-ui`: Chromium without a window and without a graphics card, 1440 by 900, the interface as",
    "it is built, a server of its own. Each page is opened five times by somebody who was never there; frames are",
    "those of five times 60 to 120. What may be is the bar that was set for it.",
    "",
)

if __name__ == "__main__":
    main()
