"""What people come for, from where they come in to where they are done, on the year of flights."""

import re
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from playwright.sync_api import expect

from browser.flights import PROBLEM, edit, flights
from browser.served import Served, serving
from databases import copied
from e2e.shell import Shell


@pytest.fixture(scope="module")
def served(
    home: Path, environ: dict[str, str], platform_template: str, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Served]:
    """The flights, with a server and an engine."""
    with copied(home, platform_template) as url:
        shell = Shell(tmp_path_factory.mktemp("flights"), {**environ, "LATEWOOD_DATABASE_URL": url.reveal()})
        with serving(flights(shell, "+reports/worst_routes", january=5, slowly=0.05), "flights/assets.py") as found:
            yield found


def listed(page, name):
    """The rows of a table but the first, which has its titles."""
    return page.get_by_role("grid", name=name).get_by_role("row").filter(has=page.get_by_role("gridcell"))


def test_the_broken_asset_and_its_cause_are_found_from_home(page):
    page.goto("/")
    needed = page.locator("section").filter(has=page.get_by_role("heading", name="Needs attention"))
    needed.get_by_role("listitem").filter(has_text="failed").get_by_role("link", name="reports/worst_routes").click()
    expect(page.get_by_role("button", name="Why?")).to_be_visible()  # keys are heard by what is there
    page.keyboard.press("w")
    why = page.get_by_role("dialog", name="Why reports/worst_routes?")
    expect(why).to_contain_text(PROBLEM)
    why.get_by_role("listitem").filter(has_text="the latest attempt").get_by_role(
        "link", name=re.compile("log")
    ).click()
    page.get_by_role("dialog", name=re.compile("Event")).get_by_role("link", name=re.compile("^run.")).click()
    page.get_by_role("button", name=f"ValueError: {PROBLEM}").click()
    expect(page.get_by_role("complementary").get_by_role("region")).to_contain_text(f'raise ValueError("{PROBLEM}")')


def brushed(page, first, last):
    """As somebody does who drags over days of the year, by their numbers."""
    box = page.get_by_role("img", name="All of them: 365 partitions").bounding_box()
    across = [box["x"] + box["width"] * (day + 0.5) / 365 for day in (first, last)]
    page.mouse.move(across[0], box["y"] + 20)
    page.mouse.down()
    page.mouse.move(across[1], box["y"] + 20, steps=4)
    page.mouse.up()


def test_thirty_days_are_brushed_and_backfilled_before_ones_eyes_and_the_rest_is_cancelled(page):
    page.goto("/assets/flights/daily?tab=partitions")
    expect(page.get_by_role("button", name="fresh 5", exact=True)).to_be_visible()
    brushed(page, 30, 59)
    expect(page.get_by_role("textbox", name="Chosen")).to_have_value("2013-01-31..2013-03-01")
    page.get_by_role("button", name="Materialize 30 partitions").click()
    expect(page.get_by_role("dialog").get_by_role("button", name="Run 30 steps")).to_be_enabled()
    page.keyboard.press("Control+Enter")
    status = page.get_by_role("main").get_by_role("status").first
    expect(status).to_contain_text(re.compile(r"[1-9]\d* of 30 steps"))
    expect(status).to_contain_text("succeeded")
    page.get_by_role("grid", name="Steps by asset").get_by_role("link", name="flights/daily").click()
    page.get_by_role("navigation", name="Of this asset").get_by_role("link", name="Partitions").click()
    expect(page.get_by_role("button", name="fresh 35", exact=True)).to_be_visible()

    brushed(page, 100, 364)
    page.get_by_role("button", name="Materialize 265 partitions").click()
    page.get_by_role("dialog").get_by_role("button", name="Run 265 steps").click()
    expect(status).to_contain_text(re.compile(r"[1-9]\d* of 265 steps"))
    page.get_by_role("button", name="Cancel").click()
    expect(status).to_contain_text("cancelled")
    expect(page.get_by_role("list", name="Steps by how they stand")).to_contain_text("not begun")
    page.go_back()
    expect(page.get_by_role("button", name=re.compile(r"^fresh (?!35$)\d+$"))).to_be_visible()  # what was done stays


def test_two_versions_are_compared_then_one_is_rolled_back_to_and_that_is_undone(page):
    page.goto("/assets/flights/daily")
    page.get_by_role("navigation", name="Of this asset").get_by_role("link", name="Versions").click()
    page.get_by_role("searchbox", name="Partition").fill("2013-01-05")
    rows = listed(page, "Versions")
    expect(rows).to_have_count(2)
    page.get_by_role("searchbox", name="Partition").blur()  # by escape it would be emptied, too
    for key in "jxjx":
        page.keyboard.press(key)
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_role("region", name="Difference")).to_contain_text(
        "return pc.add(pc.cast(delay, pa.float64()), 0)"
    )
    page.get_by_role("button", name="All versions").click()
    expect(rows.nth(0)).to_contain_text("head")
    rows.nth(0).click()  # is not chosen any more: both still were
    page.get_by_role("button", name="Roll back to it").click()
    expect(rows.nth(1)).to_contain_text("head")
    expect(rows.nth(0)).not_to_contain_text("head")
    page.get_by_role("button", name="Undo").click()
    expect(rows.nth(0)).to_contain_text("head")


def test_a_week_later_the_state_of_today_is_looked_at_and_left(page_of_its_own):
    page = page_of_its_own  # its clock goes on from another time
    made = page.request.post(
        "/graphql",
        headers={"X-Latewood-CSRF": "1"},
        data={"query": "{ project { runs { nodes { selection endedAt } } } }"},
    ).json()["data"]["project"]["runs"]["nodes"]
    before_it_failed = datetime.fromisoformat(made[-1]["endedAt"]) + timedelta(seconds=1)
    page.clock.set_system_time(before_it_failed + timedelta(days=7))
    page.goto("/assets/reports/worst_routes")
    expect(page.get_by_role("main").get_by_text("failed").first).to_be_visible()
    page.keyboard.press("t")
    page.get_by_role("button", name="7 days ago").click()
    expect(page.get_by_text(re.compile("Viewing"))).to_be_visible()
    expect(page.get_by_role("main").get_by_text("fresh").first).to_be_visible()
    expect(page.get_by_role("button", name="Materialize")).to_be_disabled()
    page.get_by_role("button", name="What changed since").click()
    since = page.get_by_role("dialog", name=re.compile("^Since"))
    expect(since).to_contain_text("flights/daily")
    page.keyboard.press("Escape")
    expect(since).to_be_hidden()
    other = page.context.new_page()  # who gets the address sees the same
    other.goto(page.url)
    expect(other.get_by_role("main").get_by_text("fresh").first).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("main").get_by_text("failed").first).to_be_visible()
    expect(page.get_by_role("button", name="Materialize")).to_be_enabled()


def test_the_graph_is_walked_by_keys_alone_from_what_is_read_to_what_is_made_of_it(page):
    page.goto("/")
    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("l")
    expect(page.get_by_role("combobox", name="Selection")).to_be_visible()
    focused = page.locator("button[data-node]:focus")
    expect(page.locator("button[data-node]").first).to_be_visible()
    for _ in range(30):
        page.keyboard.press("Tab")
        if focused.count():
            break
    expect(focused).to_have_accessible_name(re.compile("^group daily, "))
    page.keyboard.press("ArrowDown")  # into it
    expect(focused).to_have_accessible_name("flights/daily, stale, 1 upstream, 2 downstream")
    page.keyboard.press("ArrowLeft")
    expect(focused).to_have_accessible_name(re.compile("^flights/raw, fresh, 0 upstream"))
    expect(page.get_by_role("complementary", name="Causes and effects")).to_contain_text("directly")
    page.keyboard.press("ArrowRight")
    expect(focused).to_have_accessible_name(re.compile("^flights/daily, "))
    page.keyboard.press("Enter")
    expect(page.get_by_role("heading", level=1)).to_have_text("flights/daily")
    page.go_back()
    expect(page).to_have_url(re.compile("/lineage"))
    page.keyboard.press("l")
    expect(page.get_by_role("treegrid", name="Lineage as a list").get_by_role("row", selected=True)).to_be_visible()


def test_a_report_is_repaired_then_made_with_several_values_and_what_came_of_them_is_compared(page, served):
    broken = f'raise ValueError("{PROBLEM}")\n    often = delays'
    edit(served.shell.folder / "flights" / "assets.py", broken, "often = delays")
    served.shell("deploy", "-f", "flights/assets.py")
    page.goto("/assets/reports/worst_routes?do=materialize&sel=reports/worst_routes")
    dialog = page.get_by_role("dialog", name="Materialize")
    form = dialog.get_by_role("region", name="Parameters")
    form.get_by_label("routes", exact=True).fill("5")
    form.get_by_role("button", name="Try another value of routes").click()
    form.get_by_label("routes, value 2").fill("8")
    expect(form).to_contain_text("2 variants")
    dialog.get_by_role("button", name="Run 2 steps").click()
    page.get_by_role("button", name="Compare variants").click()
    table = page.get_by_role("table", name="Versions side by side")
    table.get_by_role("button", name="rows").click()
    rows = table.get_by_role("row")
    expect(rows).to_have_count(3)
    expect(rows.nth(1)).to_contain_text(re.compile("8.*8"))  # the most rows are of the largest value
    expect(rows.nth(2)).to_contain_text(re.compile("5.*5"))
