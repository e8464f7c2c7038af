"""A run: how far it is, what failed and why, ended and asked for anew."""

import re

from playwright.sync_api import expect

from browser.served import serious

SLOW = '''
import time

from latewood import Daily, PartitionKey, asset

days = Daily("2026-01-01", "2026-03-22")

@asset(partitions=days)
def slow(day: PartitionKey) -> int:
    """Takes its time."""
    for hour in range(24):
        print(f"{day} {hour}:00")
    time.sleep(0.5)
    return 1
'''


def test_what_failed_is_read_with_its_traceback_and_tried_again(page):
    page.goto("/runs?status=failed")
    page.get_by_role("grid", name="Runs").get_by_role("link").first.click()
    expect(page).to_have_url(re.compile(r"/runs/\w+$"))
    page.get_by_role("button", name="ValueError: no rate for EUR").click()
    panel = page.get_by_role("complementary")
    expect(panel).to_contain_text("Attempt 1")
    expect(panel.get_by_role("region")).to_contain_text('raise ValueError("no rate for EUR")')
    grid = page.get_by_role("grid", name="Steps")
    expect(grid.get_by_role("button", name="reports 1 step")).to_have_attribute("aria-expanded", "true")
    printed = page.get_by_role("region", name="What it printed")
    expect(printed.get_by_role("listitem").last).to_contain_text("ValueError: no rate for EUR")
    assert serious(page) == []
    grid.get_by_role("button", name="reports 1 step").click()
    expect(grid.get_by_role("row", name="revenue")).to_have_count(0)
    expect(page).to_have_url(re.compile("closed=reports"))
    expect(panel).to_be_visible()
    panel.get_by_role("button", name="Logs").click()
    lines = page.get_by_role("region", name="Lines").get_by_role("listitem")
    page.get_by_role("button", name="Others").click()
    expect(page).to_have_url(re.compile("level=error,warning"))
    expect(lines.first).to_contain_text("Traceback (most recent call last)")
    expect(lines.last).to_contain_text("ValueError: no rate for EUR")
    page.get_by_role("button", name="Fold all").click()
    expect(lines).to_have_count(1)
    lines.get_by_role("button", name="more lines").click()
    expect(lines.last).to_contain_text("ValueError: no rate for EUR")
    before = page.url
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("1 run asked for")).to_be_visible()
    expect(page).not_to_have_url(before)
    expect(page.get_by_role("button", name="ValueError: no rate for EUR")).to_be_visible()  # it fails again


def test_a_run_is_watched_and_cancelled(page, served):
    served.shell.write("slow.py", SLOW)
    assert served.shell.run("materialize", "slow", "--detach", "-f", "slow.py").code == 0
    page.goto("/runs?status=running")
    page.get_by_role("grid", name="Runs").get_by_role("link", name="slow").click()
    status = page.get_by_role("status").filter(has_text="running")
    expect(status).to_contain_text(re.compile(r"[1-9]\d* of 80 steps"))
    page.get_by_role("link", name="Steps in time").click()
    steps = page.get_by_role("grid", name="Steps").get_by_role("row", name="slow")
    expect(steps.filter(has_text="running").first).to_be_visible()
    page.get_by_label("Status").select_option("waiting")
    steps.last.click()
    expect(page.get_by_role("list", name="What it waits for")).to_contain_text("It waits for")
    page.get_by_role("link", name="Logs").click()
    lines = page.get_by_role("region", name="Lines").get_by_role("listitem")
    expect(page.get_by_text("Following")).to_be_visible()
    seen = lines.last.inner_text()
    expect(lines.last).not_to_have_text(seen)  # it goes on, and the last line is in sight
    expect(lines.last).to_be_in_viewport()
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("status").filter(has_text="cancelled").first).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_be_visible()
    expect(page.get_by_role("list", name="Steps by how they stand")).to_contain_text("not begun")
    page.get_by_role("link", name="Partitions").click()
    matrix = page.get_by_role("region", name="By partition")
    matrix.get_by_role("img", name="succeeded").click(position={"x": 3, "y": 5})
    expect(page.get_by_role("complementary")).to_contain_text("2026-01-01")
    page.get_by_role("link", name="Partitions").click()
    matrix.get_by_role("application").focus()
    for key in ("ArrowRight", "ArrowRight", "ArrowDown"):
        page.keyboard.press(key)
    expect(matrix.get_by_role("status")).to_have_text("slow 2026-01-02 succeeded")
    page.keyboard.press("Enter")
    expect(page.get_by_role("complementary")).to_contain_text("2026-01-02")
    page.get_by_role("link", name="Logs").click()
    page.get_by_role("img", name="When the steps ran").click(position={"x": 1, "y": 10})
    expect(page.get_by_role("button", name="slow 2026-01-0").first).to_be_visible()  # the first one that ran
    expect(page).to_have_url(re.compile("in="))
    page.get_by_role("link", name="Logs").click()
    page.keyboard.press("/")
    page.keyboard.type("2026-01-01 7:00")
    expect(lines).to_have_count(1)
    page.keyboard.press("Escape")  # leaves the field
    page.keyboard.press("n")
    expect(page.get_by_text("1 of 1 line")).to_be_visible()
    page.get_by_role("button", name="Point at line 8").click()
    expect(page).to_have_url(re.compile("line="))
    assert serious(page) == []
    page.goto(page.url.replace("q=", "was="))  # who gets the address sees the line among the others
    expect(page.locator("li[aria-current]")).to_contain_text("2026-01-01 7:00")
    expect(lines.filter(has_text="2026-01-01 8:00")).to_be_visible()


def test_in_the_past_a_run_stands_as_it_stood_and_nobody_changes_it(page, served):
    page.goto("/runs")
    page.get_by_role("grid", name="Runs").get_by_role("link", name="All assets").last.click()
    address = page.url
    expect(page.get_by_role("row", name="revenue")).to_contain_text("failed")
    count = page.get_by_role("grid", name="Steps by asset").get_by_role("row").count()
    assert count > 3
    page.get_by_role("link", name="Steps in time").click()
    page.get_by_role("button", name="Critical path").click()
    chain = page.get_by_role("grid", name="Steps").get_by_role("row").filter(has_text="on the critical path")
    expect(chain.first).to_contain_text("orders")  # is read by whatever ended last
    expect(page.get_by_role("row", name="customers")).to_have_count(0)
    position = page.request.post(
        "/graphql",
        headers={"X-Latewood-CSRF": "1"},
        data={"query": f'{{project {{ run(id: "{address.rsplit("/", 1)[1]}") {{ requestedPosition }} }} }}'},
    ).json()["data"]["project"]["run"]["requestedPosition"]
    page.goto(f"{address}?asOf={position}")
    expect(page.get_by_text("Nothing is planned yet")).to_be_visible()
    expect(page.get_by_role("button", name="Cancel")).to_be_disabled()
