"""Who is let in, and what they find: by a token, which is sent once."""

import re

from playwright.sync_api import expect


def test_a_viewer_logs_in_sees_all_changes_nothing_and_leaves(page, served):
    created = served.shell.run("token", "create", "vera", "--role", "viewer")
    token = re.search(r"lw_\S+", created.out)[0]
    page.goto("/runs?status=failed")
    field = page.get_by_label("Token")
    expect(field).to_be_focused()
    field.fill("lw_wrong")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).to_contain_text("not known")
    field.fill(token)
    page.keyboard.press("Enter")

    expect(page.get_by_role("heading", name="Runs")).to_be_visible()
    expect(page).to_have_url(re.compile("status=failed"))
    expect(page.get_by_role("row", name=re.compile("failed")).first).to_be_visible()
    expect(page.get_by_role("button", name="Retry")).to_have_count(0)
    assert token not in page.evaluate("JSON.stringify([document.cookie, {...localStorage}, {...sessionStorage}])")

    page.get_by_role("button", name="vera").click()
    expect(page.get_by_label("Token")).to_be_visible()
