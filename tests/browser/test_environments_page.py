"""Environments are branched, promoted and dropped."""

from playwright.sync_api import expect


def panel(page, title):
    return page.locator("section").filter(has=page.get_by_role("heading", name=title, exact=True))


def test_one_is_branched_gets_something_of_its_own_and_is_promoted_and_dropped(page, served):
    page.goto("/environments")
    expect(panel(page, "prod")).to_contain_text("shown")
    page.get_by_role("button", name="New environment").click()
    page.get_by_role("textbox", name="Name").fill("trial")
    page.get_by_role("button", name="Create").click()
    expect(panel(page, "trial")).to_contain_text("branched from prod")
    expect(panel(page, "trial")).to_contain_text("Nothing of its own yet")

    served.shell("materialize", "orders", "--force", "--env", "trial", "-f", "story.py")
    expect(panel(page, "trial")).to_contain_text("Of its own: 1 asset")
    page.get_by_role("button", name="Promote trial").click()
    page.get_by_role("button", name="Promote to prod").click()
    expect(page.get_by_text("trial was promoted to prod: 1 asset")).to_be_visible()

    page.get_by_role("button", name="Drop trial").click()
    page.get_by_role("dialog").get_by_role("button", name="Drop trial").click()
    expect(panel(page, "trial")).to_be_hidden()
