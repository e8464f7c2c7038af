"""The page of an asset: how it stands, why, and what it holds."""

import re

import pytest
from playwright.sync_api import expect

from browser.served import STORY, serious, serious_in_any_theme

REPORTS = '''
import pyarrow as pa
from latewood.sql import sql_asset

@asset(group="reports")
def prices() -> pa.Table:
    """What things cost."""
    return pa.table({"item": ["cup", "cup"], "price": [3, 4]})

totals = sql_asset("totals", "SELECT item, sum(price) AS total FROM prices GROUP BY item")
doubled = sql_asset("doubled", "SELECT item, total * 2 AS twice FROM totals")
'''


@pytest.fixture(scope="module")
def story():
    """Two queries more, below each other."""
    return STORY + REPORTS


def test_what_failed_says_so_and_the_panel_says_why_with_a_link_to_where_it_lies(page):
    page.goto("/assets/revenue")
    expect(page.get_by_role("heading", level=1)).to_have_text("revenue")
    expect(page.get_by_role("status").filter(has_text="failed").first).to_contain_text("the latest attempt failed")
    page.keyboard.press("w")
    why = page.get_by_role("dialog", name="Why revenue?")
    expect(why).to_contain_text("no rate for EUR")
    expect(page).to_have_url(re.compile("why=1"))
    page.keyboard.press("Escape")
    expect(why).to_be_hidden()
    page.get_by_role("link", name="orders").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("orders")


def test_a_partition_is_asked_for_by_its_key_and_stands_in_the_address(page):
    page.goto("/assets/sales")
    expect(page.get_by_text("40 partitions", exact=True)).to_be_visible()
    field = page.get_by_label("partition")
    expect(field).to_have_value("2026-02-09")
    field.fill("2026-01-05")
    field.press("Enter")
    expect(page).to_have_url(re.compile("partition=2026-01-05"))
    expect(field).to_have_value("2026-01-05")


def test_partitions_are_chosen_by_dragging_and_by_their_keys_and_what_there_is_to_do_is_told(page):
    page.goto("/assets/sales?tab=partitions")
    strip = page.get_by_role("img", name="All of them: 40 partitions")
    box = strip.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + box["width"] * 0.26, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.49, box["y"] + 20, steps=4)
    page.mouse.up()
    chosen = page.get_by_label("Chosen")
    expect(chosen).to_have_value("2026-01-11..2026-01-20")
    expect(page).to_have_url(re.compile(r"pick=2026-01-11\.\.2026-01-20"))
    expect(page.get_by_text("10 fresh", exact=True)).to_be_visible()
    page.keyboard.down("Alt")
    page.mouse.move(box["x"] + box["width"] * 0.31, box["y"] + 20)
    page.mouse.down()
    page.mouse.up()
    page.keyboard.up("Alt")
    expect(chosen).to_have_value("2026-01-11..2026-01-12, 2026-01-14..2026-01-20")
    expect(page.get_by_text("9 fresh", exact=True)).to_be_visible()
    expect(page.get_by_role("button", name="Materialize 0 partitions")).to_be_disabled()
    chosen.fill("2026-01-01..2026-01-03")
    chosen.press("Enter")
    expect(page.get_by_text("3 fresh", exact=True)).to_be_visible()
    chosen.fill("never")
    chosen.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("never")
    page.get_by_role("button", name=re.compile("fresh 40")).click()
    expect(page.get_by_text("40 fresh", exact=True)).to_be_visible()


def test_two_versions_are_compared_and_a_rollback_is_undone(page, served):
    served.shell("materialize", "customers", "--force", "--quiet", "-f", served.file)
    page.goto("/assets/customers")
    page.get_by_role("navigation", name="Of this asset").get_by_role("link", name="Versions").click()
    rows = page.get_by_role("grid", name="Versions").get_by_role("row").filter(has=page.get_by_role("gridcell"))
    expect(rows).to_have_count(2)
    expect(rows.nth(0)).to_contain_text("head")
    rows.nth(0).click()
    rows.nth(1).click()
    page.get_by_role("button", name="Compare").click()
    expect(page.get_by_text("Both hold the same.")).to_be_visible()
    expect(page).to_have_url(re.compile(r"a=.+&b=.+"))
    page.go_back()
    rows.nth(0).click()  # is not chosen any more: both still were
    page.get_by_role("button", name="Roll back to it").click()
    expect(rows.nth(1)).to_contain_text("head")
    page.get_by_role("button", name="Undo").click()
    expect(rows.nth(0)).to_contain_text("head")


def test_a_number_is_read_off_at_each_version_and_leads_to_what_that_one_has_otherwise(page, served):
    served.shell("materialize", "customers", "--force", "--quiet", "-f", served.file)
    page.goto("/assets/customers?tab=metrics")
    chart = page.get_by_role("slider", name=re.compile("known over"))
    expect(chart).to_have_attribute("aria-valuetext", re.compile("^2, "))
    last = chart.get_attribute("aria-valuenow")
    chart.press("ArrowLeft")
    expect(chart).to_have_attribute("aria-valuenow", str(int(last) - 1))
    chart.press("End")
    chart.press("Enter")
    expect(page).to_have_url(re.compile(r"tab=versions.*a=.+&b=.+"))
    expect(page.get_by_text("Both hold the same.")).to_be_visible()


def test_a_column_is_followed_to_what_it_was_computed_from_and_to_what_was_computed_from_it(page):
    page.goto("/assets/totals?tab=columns")
    page.get_by_role("button", name="total").click()
    graph = page.get_by_role("region", name="What total was computed from, and what from it")
    expect(graph.get_by_role("link")).to_have_count(3)
    expect(graph.get_by_role("link", name="price prices")).to_contain_text("not known: Python")
    expect(graph.get_by_role("link", name="twice")).to_contain_text("total * 2")
    graph.get_by_role("link", name="price prices").focus()  # its own path stands out
    expect(graph.locator("li[data-on]")).to_have_count(3)
    page.context.grant_permissions(["clipboard-read", "clipboard-write"])
    page.get_by_role("figure", name="Computed as").get_by_role("button", name="Copy").click()
    expect(page.get_by_text("Copied")).to_be_visible()
    assert "price" in page.evaluate("navigator.clipboard.readText()")
    assert serious_in_any_theme(page) == {}
    graph.get_by_role("link", name="price prices").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("prices")
    whole = page.get_by_role("region", name="What price was computed from, and what from it")
    expect(whole.get_by_role("link", name="twice")).to_contain_text("doubled")  # over both queries


def test_code_is_shown_by_what_its_words_are(page):
    page.goto("/assets/sales?tab=code")
    line = page.get_by_role("list", name="Source").get_by_role("listitem").filter(has_text="def sales")
    expect(line.locator("[data-kind=keyword]")).to_have_text("def")


def test_the_runs_that_made_it_are_listed(page):
    page.goto("/assets/orders?tab=runs")
    rows = page.get_by_role("grid", name="Runs").get_by_role("row").filter(has=page.get_by_role("gridcell"))
    expect(rows.first).to_contain_text("failed")
    expect(rows.first).to_contain_text("All assets")


@pytest.mark.parametrize(
    "address",
    [
        "/assets/revenue",
        "/assets/revenue?why=1",
        "/assets/sales",
        "/assets/sales?tab=versions",
        "/assets/sales?tab=partitions",
        "/assets/sales?tab=runs",
        "/assets/sales?tab=code",
        "/assets/customers?tab=metrics",
        "/assets/nothing",
    ],
)
def test_nothing_keeps_somebody_from_using_it(page, address):
    page.goto(address)
    page.wait_for_timeout(800)
    assert serious_in_any_theme(page) == {}
    if address == "/assets/revenue":  # on a small screen every button still has a name
        page.set_viewport_size({"width": 390, "height": 844})
        page.wait_for_timeout(300)
        assert serious(page) == []
