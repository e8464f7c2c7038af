"""Deployments: what one changed, and the way back."""

from playwright.sync_api import expect

from browser.served import STORY


def test_what_a_deployment_changed_is_read_and_taken_back_and_forth(page, served):
    served.shell.write("story.py", STORY.replace("return [1, 2, 3]", "return [1, 2, 4]"))
    served.shell.run("deploy", "-f", "story.py")
    page.goto("/deployments")
    rows = page.get_by_role("main").get_by_role("listitem")
    expect(rows).to_have_count(2)
    expect(rows.first).to_contain_text("prod")
    rows.first.get_by_role("button", name="What").click()
    dialog = page.get_by_role("dialog")
    expect(dialog).to_contain_text("story.py:orders is other code")
    page.get_by_role("button", name="Close").click()

    rows.nth(1).get_by_role("button", name="Go back").click()
    expect(rows.nth(1)).to_contain_text("prod")
    page.get_by_role("button", name="Undo").click()
    expect(rows.first).to_contain_text("prod")
