"""Home: what needs somebody, as it happens, and what changed; the log behind it."""

import re

from playwright.sync_api import expect


def panel(page, title):
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_what_failed_is_found_with_how_groups_stand_and_what_changed(page):
    page.goto("/")
    needed = panel(page, "Needs attention").get_by_role("listitem").filter(has_text="revenue")
    expect(needed).to_contain_text("failed")
    expect(panel(page, "Changed lately")).to_contain_text("failed: 1 failed")
    panel(page, "Freshness by group").get_by_role("link", name="reports").click()
    expect(page).to_have_url(re.compile(r"/assets\?group=reports"))


def test_a_run_that_ends_is_seen_without_asking_again(page, served):
    page.goto("/")
    changes = panel(page, "Changed lately").get_by_role("listitem")
    expect(changes.first).to_be_visible()
    before = changes.filter(has_text="succeeded").count()
    served.shell("materialize", "orders", "--force", "-f", "story.py")
    expect(changes.filter(has_text="succeeded")).to_have_count(before + 1)


def test_home_of_the_past_is_that_of_then(page):
    page.goto("/?asOf=1")
    expect(page.get_by_text("No assets yet")).to_be_visible()


def test_the_log_is_narrowed_and_an_event_leads_to_how_all_stood_then(page):
    page.goto("/log")
    rows = page.get_by_role("grid", name="Events").get_by_role("row")
    expect(rows.nth(1)).to_be_visible()
    page.get_by_role("combobox", name="About").select_option("deployment")
    expect(page).to_have_url(re.compile("type=deployment"))
    expect(rows.nth(1)).to_contain_text("story.py deployed")
    page.keyboard.press("j")
    page.keyboard.press("Enter")
    expect(page.get_by_role("dialog")).to_contain_text("deployment.created")
    page.get_by_role("button", name="View as of here").click()
    expect(page).to_have_url(re.compile(r"asOf=\d+"))
    expect(page.get_by_text(re.compile("Viewing log"))).to_be_visible()
