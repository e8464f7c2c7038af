"""Who is let in, and what they find: by a token, which is sent once."""

import re

from playwright.sync_api import expect

CHANGES = re.compile("Materialize|Backfill|Retry|Cancel|Roll|Go back|Turn o|New environment|Promote|Drop|Create|Revoke")
"""What buttons are called that change something."""

PAGES = {
    "/": "Needs attention",
    "/assets": "4 assets",
    "/assets/revenue": "the latest attempt failed",
    "/assets/sales?tab=partitions&pick=2026-01-01": "1 fresh",
    "/assets/orders?tab=versions": "1 version",
    "/lineage?focus=revenue": "Causes",
    "/automations": "1 of 1 on",
    "/deployments": "1 deployment",
    "/environments": "prod",
    "/settings": "viewer",
}
"""What is seen on each once it is there."""


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
    for address, seen in PAGES.items():
        page.goto(address)
        expect(page.get_by_role("main").get_by_text(seen).first).to_be_visible()
        expect(page.get_by_role("main").get_by_role("button", name=CHANGES)).to_have_count(0)

    page.get_by_role("button", name="vera").click()
    expect(page.get_by_label("Token")).to_be_visible()
