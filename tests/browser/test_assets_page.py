"""The catalog: finding assets by text, by selection and by what they have."""

import re

from playwright.sync_api import expect


def rows(page):
    return page.get_by_role("grid", name="Assets").get_by_role("row").filter(has_not=page.get_by_role("columnheader"))


def test_a_text_and_a_click_narrow_the_list_and_a_link_restores_both(page):
    page.goto("/assets")
    expect(rows(page)).to_have_count(4)
    page.get_by_role("checkbox", name=re.compile("raw")).first.check()
    expect(rows(page)).to_have_count(2)
    page.get_by_role("searchbox").fill("cust")
    expect(rows(page)).to_have_count(1)
    expect(page).to_have_url(re.compile(r"q=cust"))
    other = page.context.new_page()
    other.goto(page.url)
    expect(rows(other)).to_have_count(1)
    other.get_by_role("button", name="Clear").click()
    expect(rows(other)).to_have_count(4)


def test_a_selection_is_asked_as_on_the_command_line(page):
    page.goto("/assets")
    page.get_by_role("searchbox").fill("orders+ and not group:daily")
    expect(rows(page)).to_have_count(2)
    expect(rows(page).nth(1)).to_contain_text("revenue")


def test_a_slip_of_the_pen_is_told_where_it_is(page):
    page.goto("/assets")
    page.get_by_role("searchbox").fill("group:")
    expect(page.get_by_role("alert")).to_contain_text("expected")
    page.get_by_role("searchbox").fill("group:raw")
    expect(page.get_by_role("alert")).to_be_hidden()
    expect(rows(page)).to_have_count(2)


def test_where_nothing_fits_there_is_a_way_back(page):
    page.goto("/assets?q=nothing%20like%20it")
    expect(page.get_by_text("No assets match")).to_be_visible()
    page.get_by_role("button", name="Clear the filter").click()
    expect(rows(page)).to_have_count(4)


def test_rows_are_walked_and_selected_by_keys(page):
    page.goto("/assets")
    expect(rows(page)).to_have_count(4)
    page.keyboard.press("j")
    expect(rows(page).nth(0)).to_be_focused()
    page.keyboard.press("j")
    page.keyboard.press("x")
    expect(rows(page).nth(1)).to_have_attribute("aria-selected", "true")
    expect(page.get_by_text("1 selected")).to_be_visible()
