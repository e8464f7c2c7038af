"""Runs: as they come, by status and by time, and asked for anew."""

import re

from playwright.sync_api import expect


def rows(page):
    return page.get_by_role("grid", name="Runs").get_by_role("row").filter(has_not=page.get_by_role("columnheader"))


def test_a_run_comes_into_the_list_while_somebody_looks_and_waits_above_their_pointer(page, served):
    page.goto("/runs")
    expect(rows(page).first).to_be_visible()
    before = rows(page).count()
    served.shell("materialize", "customers", "--force", "-f", "story.py")
    expect(rows(page)).to_have_count(before + 1)
    expect(rows(page).first).to_contain_text("succeeded")

    rows(page).first.hover()
    served.shell("materialize", "orders", "--force", "-f", "story.py")
    expect(page.get_by_role("button", name="1 new run")).to_be_visible()
    expect(rows(page)).to_have_count(before + 1)
    page.get_by_role("button", name="1 new run").click()
    expect(rows(page)).to_have_count(before + 2)
    expect(rows(page).first).to_contain_text("orders")


def test_what_failed_is_found_and_tried_again(page):
    page.goto("/runs?status=failed")
    expect(rows(page).first).to_contain_text("1 failed")
    count = rows(page).count()
    page.keyboard.press("j")
    page.keyboard.press("x")
    page.get_by_role("button", name="Retry").click()
    expect(page.get_by_text("1 run asked for")).to_be_visible()
    expect(rows(page)).to_have_count(count + 1)  # it fails again


def test_a_part_of_the_time_is_chosen_by_dragging_and_given_up_by_a_click(page):
    page.goto("/runs?in=24h")
    expect(rows(page).first).to_be_visible()
    chart = page.get_by_role("img", name=re.compile("runs? from"))
    box = chart.bounding_box()
    page.mouse.move(box["x"] + 20, box["y"] + 20)
    page.mouse.down()
    page.mouse.move(box["x"] + 200, box["y"] + 20)
    page.mouse.up()
    expect(page).to_have_url(re.compile("from=.*to="))
    expect(page.get_by_text("No runs in this time")).to_be_visible()
    chart.click(position={"x": 100, "y": 20})
    expect(rows(page).first).to_be_visible()


def test_nobody_changes_the_past(page):
    page.goto("/runs?asOf=5")
    expect(page.get_by_role("button", name="Retry")).to_be_disabled()
