"""The lineage page: the graph by keys and by pointer, the same as a list, and how it follows what happens."""

import json
import re

import pytest
from playwright.sync_api import expect


def card(page, name):
    """Of an asset or a group, by how it is read aloud."""
    return page.get_by_role("button", name=re.compile(f"^{name}, "))


def test_the_broken_asset_is_traced_to_what_it_reads_by_keys_alone(page):
    page.goto("/lineage?focus=revenue")
    failed = card(page, "revenue")
    expect(failed).to_have_accessible_name("revenue, failed, 2 upstream, 0 downstream")
    expect(failed).to_have_attribute("tabindex", "0")
    failed.focus()
    page.keyboard.press("ArrowLeft")
    expect(page).to_have_url(re.compile(r"focus=(orders|customers)$"))
    expect(page.locator("button:focus")).to_have_attribute("aria-current", "true")
    expect(page.get_by_role("status").filter(has_text="0 upstream, ")).to_have_count(1)
    page.keyboard.press("ArrowRight")
    expect(page).to_have_url(re.compile(r"focus=(sales|revenue)$"))


def test_what_leads_to_an_asset_and_follows_from_it_stands_beside_it(page):
    page.goto("/lineage")
    expect(card(page, "orders")).to_contain_text(re.compile(r"(now|\d+[sm])$"))  # since it was made
    card(page, "orders").click()
    beside = page.get_by_role("complementary", name="Causes and effects")
    expect(beside).to_contain_text("Causes 0 assets")
    beside.get_by_role("button", name="revenue").click()
    expect(page).to_have_url(re.compile("focus=revenue$"))
    expect(beside).to_contain_text("Causes 2 assets")
    page.get_by_role("button", name="Only these").click()
    expect(card(page, "sales")).to_have_count(0)


def test_groups_open_and_close_where_they_stand(page):
    page.goto("/lineage?expand=,")
    group = card(page, "group raw")
    expect(group).to_have_attribute("aria-expanded", "false")
    before = group.bounding_box()
    group.focus()
    page.keyboard.press("Enter")
    expect(card(page, "orders")).to_be_visible()
    expect(group).to_have_attribute("aria-expanded", "true")
    page.wait_for_timeout(400)
    after = group.bounding_box()
    assert (after["x"], after["y"]) == pytest.approx((before["x"], before["y"]), abs=2)
    assert "expand=raw" in page.url
    group.locator("[data-toggle]").click()
    expect(card(page, "orders")).to_have_count(0)


def test_a_selection_is_completed_and_the_server_says_what_it_means(page):
    page.goto("/lineage")
    field = page.get_by_role("combobox", name="Selection")
    field.click()
    page.keyboard.type("group:rep")
    expect(page.get_by_role("option", name="group:reports")).to_be_visible()
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("q=group:reports"))
    expect(page.get_by_text("1 asset · 0 edges")).to_be_visible()
    field.fill("nothing:here")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("expected one of")


def test_the_list_says_what_the_graph_shows(page):
    page.goto("/lineage?view=list")
    grid = page.get_by_role("treegrid", name="Lineage as a list")
    expect(grid.get_by_role("row", name=re.compile("revenue failed"))).to_contain_text("2 upstream")
    grid.focus()
    page.keyboard.press("End")
    page.keyboard.press("ArrowLeft")
    page.keyboard.press("ArrowLeft")
    expect(grid.get_by_role("row", selected=True)).to_have_attribute("aria-expanded", "false")


def test_what_happens_meanwhile_is_seen_and_moves_nothing(page, served):
    page.goto("/lineage")
    customers = card(page, "customers")
    expect(customers).to_have_accessible_name(re.compile("fresh"))
    before = customers.bounding_box()
    [run] = [run["run"] for run in json.loads(served.shell.run("runs", "--json").out)]
    wrong = ("retract", run, "--asset", "customers")
    said = served.shell.run(*wrong, "--reason", "wrong names")
    assert said.code == 0, said.err
    try:
        expect(customers).to_have_accessible_name(re.compile("failed"))
        assert customers.bounding_box() == before
    finally:
        served.shell.run(*wrong, "--undo")
