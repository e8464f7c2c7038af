"""Pictures of every page in both themes, in ui/screenshots: `make screenshots`, then look at them.

They show the year of flights after an edit that makes things stale and a report that fails. Those that the README shows
are taken by `make pictures`, in few bytes.
"""

import base64
import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Page, expect

from browser.flights import flights
from browser.served import ROOT, browsing, chromium, serving
from e2e.shell import LATEWOOD, Shell
from latewood_eventlog.server import ensure_started, remove

TO: Final = ROOT / "ui" / "screenshots"

SHOTS: Final[dict[str, tuple[str, str]]] = {
    "home": ("/", ""),
    "home-past": ("/?asOf=800", ""),
    "log": ("/log", ""),
    "log-event": ("/log?type=run", "j Enter"),
    "automations": ("/automations", ""),
    "deployments": ("/deployments", ""),
    "environments": ("/environments", ""),
    "settings": ("/settings", ""),
    "assets": ("/assets", ""),
    "assets-narrowed": ("/assets?q=flights/daily%2B&status=stale", ""),
    "assets-past": ("/assets?asOf=2000", ""),
    "assets-since": ("/assets?asOf=2000&since=1", ""),
    "asset": ("/assets/reports/monthly", ""),
    "asset-why": ("/assets/reports/worst_routes", "w"),
    "asset-partitions": ("/assets/flights/daily?tab=partitions&pick=2013-02-01..2013-03-31", ""),
    "asset-versions": ("/assets/flights/daily?tab=versions&partition=2013-01-05", ""),
    "asset-metrics": ("/assets/flights/daily?tab=metrics", ""),
    "asset-columns": ("/assets/flights/daily?tab=columns", ""),
    "asset-column": ("/assets/flights/daily?tab=columns&column=dep_delay", ""),
    "asset-checks": ("/assets/flights/daily?tab=checks", ""),
    "asset-runs": ("/assets/flights/daily?tab=runs", ""),
    "asset-code": ("/assets/flights/daily?tab=code", ""),
    "lineage": ("/lineage", ""),
    "lineage-focus": ("/lineage?focus=flights/daily", ""),
    "lineage-groups": ("/lineage?expand=,", ""),
    "lineage-list": ("/lineage?view=list&focus=reports/worst_routes", ""),
    "runs": ("/runs?in=1h", ""),
    "run": ("/runs?in=1h", "j j j Enter"),
    "run-failed": ("/runs?in=1h", "j j Enter"),
    "backfills": ("/backfills", ""),
    "materialize": ("/assets/flights/daily?do=materialize&sel=flights/daily%2B&part=2013-02-01..2013-03-31", ""),
    "moment": ("/runs?in=1h", "t"),
    "palette": ("/assets", "Control+k f l i"),
    "shortcuts": ("/assets", "?"),
    "nothing": ("/assets?q=nothing", ""),
    "no-page": ("/no/such/page", ""),
}
"""By name: where, and the keys that are pressed there. Who adds a page adds its pictures."""

IN_README: Final = ("home", "asset", "lineage-focus", "run", "asset-why", "materialize")
README_TO: Final = ROOT / "ui" / "pictures"
MOST_BYTES: Final = 100_000

SIZES: Final = {"": (1280, 800), "phone": (390, 844)}


def show(page: Page, address: str, keys: str) -> None:
    """What is to be seen there, once nothing is awaited any more."""
    page.goto(address)
    page.wait_for_load_state("load")
    settle(page)
    for key in keys.split():
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    settle(page)


def settle(page: Page) -> None:
    """Until nothing is awaited, and what came was drawn."""
    page.wait_for_timeout(400)
    expect(page.locator("[data-awaited], [aria-busy=true]")).to_have_count(0, timeout=30_000)
    page.wait_for_timeout(400)


def small(page: Page) -> bytes:
    """What is to be seen as WebP."""
    asked = {"format": "webp", "quality": 82, "optimizeForSpeed": False}
    found = base64.b64decode(page.context.new_cdp_session(page).send("Page.captureScreenshot", asked)["data"])
    assert len(found) < MOST_BYTES, f"{len(found):,} bytes"
    return found


def main() -> None:
    """All of them, those whose names are given, or with `--readme` those that the README shows."""
    executable = chromium()
    if executable is None:
        sys.exit("there is no Chromium: `apt-get install chromium`, or say where one is by LATEWOOD_CHROMIUM")
    is_readme = sys.argv[1:] == ["--readme"]
    wanted = list(IN_README) if is_readme else sys.argv[1:] or list(SHOTS)
    sizes = {"": SIZES[""]} if is_readme else SIZES
    README_TO.mkdir(exist_ok=True)
    with TemporaryDirectory() as folder:
        home = Path(folder, "home")
        ensure_started(home, durable=False)
        try:
            kept = {name: value for name, value in os.environ.items() if not name.startswith("LATEWOOD_")}
            path = f"{LATEWOOD.parent}{os.pathsep}{kept.get('PATH', '')}"
            environ = {**kept, "PATH": path, "LATEWOOD_HOME": str(home), "LATEWOOD_ACTOR": "ann"}
            shell = flights(Shell(Path(folder), environ))
            with serving(shell, "flights/assets.py") as served, browsing(executable) as browser:
                for theme in ("light", "dark"):
                    for size, (width, height) in sizes.items():
                        context = browser.new_context(
                            base_url=served.url,
                            color_scheme=theme,
                            viewport={"width": width, "height": height},
                            locale="en-GB",
                        )
                        page = context.new_page()
                        for name in wanted:
                            show(page, *SHOTS[name])
                            if is_readme:
                                (README_TO / f"{name}-{theme}.webp").write_bytes(small(page))
                            else:
                                page.screenshot(path=TO / f"{'-'.join(filter(None, (name, size, theme)))}.png")
                        context.close()
        finally:
            remove(home)
    print(f"{README_TO if is_readme else TO}: {len(wanted) * 2 * len(sizes)} pictures")


if __name__ == "__main__":
    main()
