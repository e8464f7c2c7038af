"""What holds on every page: ways to others, looking back, and what becomes of it when the server goes away."""

import re

import pytest
from playwright.sync_api import expect

from browser.served import serious_in_any_theme

ROUTES = [
    "/",
    "/log",
    "/automations",
    "/deployments",
    "/environments",
    "/settings",
    "/assets",
    "/runs",
    "/backfills",
    "/assets?asOf=5",
    "/lineage?focus=revenue&view=graph",
    "/lineage?focus=revenue&view=list",
    "/no/such/page",
]


def test_who_comes_sees_what_needs_them_and_goes_on_by_keys(page):
    page.goto("/")
    expect(page.get_by_role("heading", name="Needs attention")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("a")
    expect(page.get_by_role("row", name=re.compile("revenue.*"))).to_contain_text("failed")
    page.keyboard.press("g")
    page.keyboard.press("r")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    page.keyboard.press("g")
    page.keyboard.press("b")
    expect(page.get_by_role("heading", name="Backfills")).to_be_visible()
    page.go_back()
    page.go_back()
    expect(page.get_by_role("heading", name="Assets")).to_be_visible()


def test_the_palette_finds_by_name_and_returns_the_focus(page):
    page.goto("/runs")
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    page.keyboard.press("Control+k")
    expect(page.get_by_role("combobox", name="Find")).to_be_focused()
    page.keyboard.type("sale")
    expect(page.get_by_role("option", name=re.compile("sales"))).to_be_visible()
    page.keyboard.press("Escape")
    expect(page.get_by_role("combobox", name="Find")).to_be_hidden()
    page.keyboard.press("/")
    page.keyboard.type("assets")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/assets$"))


def test_the_past_is_framed_goes_along_and_is_left_by_escape(page):
    page.goto("/assets?asOf=5")
    expect(page.get_by_text("Viewing log 5")).to_be_visible()
    page.get_by_role("navigation").get_by_role("link", name="Runs").click()
    expect(page).to_have_url(re.compile(r"/runs\?asOf=5"))
    expect(page.get_by_role("heading", name="Runs")).to_be_visible()  # keys are heard by what is there
    page.keyboard.press("[")
    expect(page).to_have_url(re.compile("asOf=4"))
    page.keyboard.press("Escape")
    expect(page).to_have_url(re.compile("/runs$"))
    page.keyboard.press("t")
    box = page.get_by_role("textbox", name=re.compile("A position"))
    box.fill("999 999")
    expect(page.get_by_text(re.compile("The log ends at"))).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("/runs$"))
    box.fill("3")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"asOf=3"))


def test_a_moment_is_chosen_by_keys_among_the_runs(page):
    page.goto("/assets")
    expect(page.get_by_role("heading", name="Assets")).to_be_visible()
    page.keyboard.press("t")
    slider = page.get_by_role("slider", name="Moment")
    slider.focus()
    for _ in range(2):
        page.keyboard.press("ArrowLeft")
    page.keyboard.press("Shift+Enter")
    expect(page).to_have_url(re.compile(r"asOf=20\d\d-.*since=1"))
    expect(page.get_by_role("dialog", name=re.compile("^Since"))).to_be_visible()
    page.keyboard.press("Escape")
    page.keyboard.press("t")
    slider.focus()
    page.keyboard.press("Home")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"asOf=20\d\d-"))
    expect(page.get_by_role("alert")).to_contain_text("is before the log")
    expect(page.get_by_text("orders")).to_be_hidden()


def test_while_the_server_is_away_what_was_read_stays_and_it_comes_back_by_itself(page, served):
    page.route(re.compile("/_app/runs-"), lambda route: route.abort())  # nor is that of runs there before it is wanted
    with page.expect_event("requestfailed", lambda request: "/_app/runs-" in request.url):
        page.goto("/assets")
    row = page.get_by_role("row", name=re.compile("revenue.*"))
    expect(row).to_be_visible()
    served.stop()
    page.unroute(re.compile("/_app/runs-"))
    try:
        expect(page.get_by_text("The server does not answer.")).to_be_visible(timeout=20_000)
        expect(row).to_be_visible()
        page.get_by_role("navigation").get_by_role("link", name="Runs").click()  # was never open
        expect(page.get_by_text("Waiting for the server").first).to_be_visible()
        expect(page.get_by_role("alert")).to_have_count(0)
    finally:
        served.start()
    expect(page.get_by_text("The server does not answer.")).to_be_hidden(timeout=20_000)
    expect(page.get_by_role("row", name=re.compile("failed")).first).to_be_visible()
    page.go_back()
    expect(row).to_be_visible()


@pytest.mark.parametrize("route", ROUTES)
def test_nobody_is_kept_out_and_nothing_is_wider_than_a_phone(page, route):
    page.goto(route)
    expect(page.get_by_text(re.compile("log [0-9]")).first).to_be_visible()
    page.wait_for_timeout(300)
    assert serious_in_any_theme(page) == {}
    page.set_viewport_size({"width": 390, "height": 800})
    page.wait_for_timeout(100)
    # a drawing that is moved about behind its window is as wide as it is
    wide = "[...document.querySelectorAll('*')].filter(one => one.scrollWidth > 390 && !one.closest('[data-drawing]'))"
    wide += ".map(one => one.className)"
    assert page.evaluate(wide) == []
