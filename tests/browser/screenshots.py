"""Pictures of every page in both themes, in ui/screenshots: `make screenshots`, then look at them.

They show the year of flights after an edit that makes things stale and a report that fails.
"""

import os
import sys
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from playwright.sync_api import Page

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
    "asset": ("/assets/reports/monthly", ""),
    "asset-why": ("/assets/reports/worst_routes", "w"),
    "asset-partitions": ("/assets/flights/daily?tab=partitions&pick=2013-02-01..2013-03-31", ""),
    "asset-versions": ("/assets/flights/daily?tab=versions&partition=2013-01-05", ""),
    "asset-metrics": ("/assets/flights/daily?tab=metrics", ""),
    "asset-columns": ("/assets/flights/daily?tab=columns", ""),
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
    "materialize": ("/assets/flights/daily?do=materialize&sel=flights/daily%2B&part=2013-02-01..2013-03-31", ""),
    "moment": ("/runs?in=1h", "t"),
    "palette": ("/assets", "Control+k f l i"),
    "shortcuts": ("/assets", "?"),
    "nothing": ("/assets?q=nothing", ""),
}
"""By name: where, and the keys that are pressed there. Who adds a page adds its pictures."""

SIZES: Final = {"": (1280, 800), "phone": (390, 844)}


def shoot(page: Page, address: str, keys: str, to: Path) -> None:
    """One picture, once nothing is awaited any more."""
    page.goto(address)
    page.wait_for_load_state("load")
    page.wait_for_timeout(900)
    for key in keys.split():
        page.keyboard.press(key)
        page.wait_for_timeout(150)
    page.wait_for_timeout(400)
    page.screenshot(path=to)


def main() -> None:
    """All of them, or those whose names are given."""
    executable = chromium()
    if executable is None:
        sys.exit("there is no Chromium: `apt-get install chromium`, or say where one is by LATEWOOD_CHROMIUM")
    wanted = sys.argv[1:] or list(SHOTS)
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
                    for size, (width, height) in SIZES.items():
                        context = browser.new_context(
                            base_url=served.url,
                            color_scheme=theme,
                            viewport={"width": width, "height": height},
                            locale="en-GB",
                        )
                        page = context.new_page()
                        for name in wanted:
                            shoot(page, *SHOTS[name], TO / f"{'-'.join(filter(None, (name, size, theme)))}.png")
                        context.close()
        finally:
            remove(home)
    print(f"{TO}: {len(wanted) * 2 * len(SIZES)} pictures")


if __name__ == "__main__":
    main()
