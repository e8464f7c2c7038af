"""Automations are turned off, and on again by who did not mean it."""

from playwright.sync_api import expect


def test_one_is_turned_off_and_that_is_taken_back(page):
    page.goto("/automations")
    expect(page.get_by_text("1 of 1 on")).to_be_visible()
    expect(page.get_by_text("schedule at 0 0 1 1 * (UTC)")).to_be_visible()
    page.get_by_role("button", name="Turn off yearly").click()
    expect(page.get_by_text("0 of 1 on")).to_be_visible()
    page.get_by_role("button", name="Undo").click()
    expect(page.get_by_text("1 of 1 on")).to_be_visible()


def test_nobody_turns_one_off_in_the_past(page):
    page.goto("/automations?asOf=20")
    expect(page.get_by_role("button", name="Turn off yearly")).to_be_disabled()
