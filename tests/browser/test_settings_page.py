"""Settings: who is there, the theme, and tokens by which others come in."""

import re

from playwright.sync_api import expect


def test_a_theme_is_chosen(page):
    page.goto("/settings")
    page.get_by_role("combobox", name="Theme").select_option("dark")
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")


def test_the_first_token_is_not_made_where_it_would_lock_its_maker_out(page):
    page.goto("/settings")
    expect(page.get_by_text("latewood token create NAME --role admin")).to_be_visible()
    expect(page.get_by_role("button", name="New token")).to_have_count(0)


def test_an_admin_makes_a_token_that_is_shown_once_and_revokes_it(page, served):
    created = served.shell.run("token", "create", "root", "--role", "admin")
    page.goto("/settings")
    page.get_by_label("Token").fill(re.search(r"lw_\S+", created.out)[0])
    page.keyboard.press("Enter")
    page.get_by_role("button", name="New token").click()
    page.get_by_role("textbox", name="Name").fill("ci")
    page.get_by_role("combobox", name="Role").select_option("OPERATOR")
    page.get_by_role("button", name="Create").click()
    expect(page.get_by_text("It is shown this once")).to_be_visible()
    expect(page.get_by_text("lw_")).to_be_visible()
    page.get_by_role("button", name="Done").click()
    row = page.get_by_role("main").get_by_role("listitem").filter(has_text="ci")
    expect(row).to_contain_text("operator")
    expect(row).to_contain_text("usable")
    row.get_by_role("button", name="Revoke ci").click()
    expect(row).to_contain_text("revoked")
