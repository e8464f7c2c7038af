"""The dialog over any page: what is to be made, what that would do, and doing just that."""

import json
import re

import pytest
from playwright.sync_api import expect

from browser.served import STORY, serious, serious_in_any_theme

TRAINING = '''
from dataclasses import dataclass
from datetime import date
from enum import Enum
from typing import Annotated
from annotated_types import Ge, Le
from latewood import LaunchPlan, Output, task, workflow
from latewood.partitions import Grid, GridKey

class Loss(Enum):
    squared = "squared"
    absolute = "absolute"

@dataclass(frozen=True)
class Tree:
    leaves: int
    rates: list[float]

@asset(group="models")
def model(
    orders: list[int],
    *,
    depth: Annotated[int, Ge(1), Le(90)] = 3,
    loss: Loss = Loss.squared,
    since: date = date(2026, 1, 1),
    regions: list[str] = [],
    tree: Tree | None = None,
    quick: bool = True,
) -> Output[int]:
    """What is learnt of orders."""
    return Output(depth, metadata={"error": abs(60 - depth)})

@asset(group="places", partitions=Grid(day=Daily("2026-01-01", "2026-01-13"), region=Static(["apac", "eu", "us"])))
def shares(key: GridKey) -> str:
    """What each region had on a day."""
    return str(key)

@task
def grown(rings: int, width: int) -> int:
    return rings * width

@workflow
def growing(rings: int = 3, width: int = 2) -> int:
    """Grows a tree."""
    return grown(rings, width)

oak = LaunchPlan("oak", growing, fixed={"rings": 9}, defaults={"width": 4}, description="Grows slowly.")
'''


@pytest.fixture(scope="module")
def story():
    """One more asset, which takes parameters of many types."""
    return STORY + TRAINING


@pytest.fixture
def dialog(page):
    """Where it is, once it is open."""
    return page.get_by_role("dialog", name="Materialize")


def test_what_is_looked_at_is_asked_for_and_the_run_of_what_was_shown_is_there(page, dialog):
    page.goto("/assets/customers")
    expect(page.get_by_role("button", name="Materialize")).to_be_visible()
    page.keyboard.press("m")
    selection = dialog.get_by_role("combobox", name="Selection")
    expect(selection).to_have_value("customers")
    expect(selection).to_be_focused()
    expect(selection).to_have_attribute("aria-expanded", "false")
    expect(page).to_have_url(re.compile("do=materialize&sel=customers"))
    plan = dialog.get_by_role("region", name="Plan")
    expect(plan).to_contain_text("1 fresh")
    expect(dialog.get_by_role("button", name="Run")).to_be_disabled()
    dialog.get_by_label("Compute it whatever there is").check()
    expect(plan).to_contain_text("1 to compute")
    expect(plan.get_by_role("row")).to_contain_text("whatever is there")
    page.keyboard.press("Control+Enter")
    expect(page).to_have_url(re.compile("/runs/[^?]+$"))
    expect(dialog).to_be_hidden()
    expect(page.get_by_role("heading", level=1)).to_have_text("customers")
    expect(page.get_by_role("main")).to_contain_text("succeeded")


def test_partitions_are_brushed_in_it_and_are_a_text(page, dialog):
    page.goto("/assets/sales?tab=partitions&pick=2026-01-01..2026-01-03")
    expect(page.get_by_text("3 fresh", exact=True)).to_be_visible()
    page.keyboard.press("m")
    chosen = dialog.get_by_label("Chosen")
    expect(chosen).to_have_value("2026-01-01..2026-01-03")
    dialog.get_by_label("Compute it whatever there is").check()
    expect(dialog.get_by_role("button", name="Run 3 steps")).to_be_enabled()
    box = dialog.get_by_role("img", name="All of them: 40 partitions").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.26, box["y"] + 10)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.49, box["y"] + 10, steps=4)
    page.mouse.up()
    expect(chosen).to_have_value("2026-01-11..2026-01-20")
    expect(dialog.get_by_role("button", name="Run 10 steps")).to_be_enabled()
    expect(page).to_have_url(re.compile(r"part=2026-01-11\.\.2026-01-20"))
    chosen.fill("never")
    chosen.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("never")
    expect(dialog.get_by_role("button", name="Run")).to_be_disabled()
    page.keyboard.press("Escape")
    expect(dialog).to_be_hidden()
    expect(page).to_have_url(re.compile(r"tab=partitions&pick=2026-01-01\.\.2026-01-03$"))


def test_a_plan_that_has_become_another_one_is_not_run_but_shown(page, dialog, served):
    page.goto("/runs?do=materialize&sel=orders&force=1")
    run = dialog.get_by_role("button", name="Run 1 step")
    expect(run).to_be_enabled()

    def after_another_one(route):  # who makes the same between the click and the server
        if "Launch" in route.request.post_data:
            served.shell("materialize", "orders", "--force", "--quiet", "-f", served.file)
        route.continue_()

    page.route("**/graphql", after_another_one)
    run.click()
    expect(dialog.get_by_role("alert")).to_contain_text("another plan")
    expect(run).to_be_enabled()
    expect(page).to_have_url(re.compile("/runs\\?"))


def test_a_selection_is_written_with_completion_and_what_is_wrong_with_it_stands_there(page, dialog):
    page.goto("/")
    page.get_by_role("heading", name="Needs attention").wait_for()
    page.keyboard.press("m")
    field = dialog.get_by_role("combobox", name="Selection")
    field.press_sequentially("group:da")
    dialog.get_by_role("option", name="group:daily value").click()
    expect(dialog.get_by_text("1 asset", exact=True)).to_be_visible()
    field.fill("group:daily and")
    field.press("Enter")
    field.press("Enter")
    expect(dialog.get_by_role("alert")).to_contain_text("group:daily and")
    expect(field).to_have_attribute("aria-invalid", "true")


def test_what_is_selected_in_the_list_is_what_it_opens_with(page, dialog):
    page.goto("/assets")
    rows = page.get_by_role("grid", name="Assets").get_by_role("row")
    rows.filter(has_text="Who ordered it").get_by_text("raw").click(modifiers=["Control"])
    rows.filter(has_text="What was ordered").focus()
    page.keyboard.press("x")
    page.get_by_role("button", name="Materialize 2 assets").click()
    expect(dialog.get_by_role("combobox", name="Selection")).to_have_value("customers, orders")
    expect(dialog.get_by_text("2 assets", exact=True)).to_be_visible()


def test_what_is_looked_at_in_the_graph_is_what_it_opens_with(page, dialog):
    page.goto("/lineage?focus=raw&view=list")
    expect(page.get_by_role("button", name="Materialize")).to_be_enabled()
    page.keyboard.press("m")
    expect(dialog.get_by_role("combobox", name="Selection")).to_have_value("group:raw")
    expect(dialog.get_by_text("2 assets", exact=True)).to_be_visible()


def test_nothing_is_run_in_the_past(page, dialog):
    page.goto("/assets/orders?asOf=5&do=materialize&sel=orders&force=1")
    expect(dialog).to_contain_text("Return to now first")
    expect(dialog.get_by_role("button", name="Run")).to_be_disabled()


def test_a_form_asks_for_parameters_by_their_types_and_is_json_too(page, dialog):
    page.goto("/assets/model?do=materialize&sel=model")
    form = dialog.get_by_role("region", name="Parameters")
    depth = form.get_by_label("depth", exact=True)
    expect(depth).to_have_attribute("placeholder", "3")
    depth.fill("91")
    expect(form).to_contain_text("expected a whole number from 1 to 90")
    expect(dialog.get_by_role("button", name="Run")).to_be_disabled()
    depth.fill("7")
    form.get_by_label("loss", exact=True).select_option("absolute")
    form.get_by_label("since", exact=True).fill("2026-02-01")
    form.get_by_role("button", name="Add an entry to regions").click()
    form.get_by_label("regions, entry 1").fill("eu")
    form.get_by_label("tree leaves").fill("4")
    form.get_by_role("button", name="Add an entry to tree rates").click()
    form.get_by_label("tree rates, entry 1").fill("0.5")
    form.get_by_label("quick", exact=True).select_option("no")
    expect(dialog.get_by_role("button", name="Run 1 step")).to_be_enabled()
    form.get_by_role("button", name="JSON").click()
    written = form.get_by_label("Parameters as JSON")
    assert json.loads(written.input_value()) == {
        "model.depth": [7],
        "model.loss": ["absolute"],
        "model.since": ["2026-02-01"],
        "model.regions": [["eu"]],
        "model.tree": [{"leaves": 4, "rates": [0.5]}],
        "model.quick": [False],
    }
    written.fill('{"model.depth": [8]}')
    expect(page).to_have_url(re.compile(re.escape("with=%7B%22model.depth%22:%5B8%5D%7D")))
    written.fill('{"model.depth": [8')
    expect(written).to_have_attribute("aria-invalid", "true")
    expect(dialog.get_by_role("button", name="Run")).to_be_disabled()
    form.get_by_role("button", name="Form").click()
    expect(depth).to_have_value("8")


def test_a_parameter_is_swept_and_the_best_of_the_variants_is_made_head(page, dialog):
    page.goto("/assets/model?do=materialize&sel=model")
    form = dialog.get_by_role("region", name="Parameters")
    form.get_by_label("depth", exact=True).fill("20")
    for number, depth in ((2, "66"), (3, "50")):
        form.get_by_role("button", name="Try another value of depth").click()
        form.get_by_label(f"depth, value {number}").fill(depth)
    expect(form).to_contain_text("3 variants")
    dialog.get_by_role("button", name="Run 3 steps").click()
    page.get_by_role("button", name="Compare variants").click()
    table = page.get_by_role("table", name="Versions side by side")
    rows = table.get_by_role("row")
    expect(rows).to_have_count(4)
    table.get_by_role("button", name="error").click()
    expect(rows.nth(1)).to_contain_text("40")
    table.get_by_role("button", name="error").click()
    expect(rows.nth(1)).to_contain_text("66")
    expect(page).to_have_url(re.compile("by=error&lowest=1"))
    assert serious(page) == []
    rows.nth(1).get_by_role("button", name="head").click()
    expect(rows.nth(1).get_by_role("rowheader")).to_contain_text("head")
    expect(page.get_by_text("until model.depth=66 is pinned")).to_be_visible()
    page.get_by_role("button", name=re.compile("Of run")).click()
    expect(rows).to_have_count(5)
    expect(rows.filter(has=page.get_by_text("head", exact=True))).to_have_count(1)


def dragged(page, cells, first, last, *, held=None):
    """From one cell of twelve by three to another one, while a key is held."""
    box = cells.bounding_box()
    spots = [
        (box["x"] + box["width"] * (x + 0.5) / 12, box["y"] + box["height"] * (y + 0.5) / 3) for x, y in (first, last)
    ]
    if held:
        page.keyboard.down(held)
    page.mouse.move(*spots[0])
    page.mouse.down()
    page.mouse.move(*spots[1], steps=3)
    page.mouse.up()
    if held:
        page.keyboard.up(held)


def test_boxes_of_a_grid_are_brushed_or_written_and_it_is_their_partitions_that_are_asked_for(page, dialog):
    page.goto("/assets/shares?tab=partitions")
    cells = page.get_by_role("application", name="Each of them: 12 columns, 3 rows")
    chosen = page.get_by_label("Chosen")
    expect(cells).to_be_visible()
    dragged(page, cells, (2, 0), (5, 1))
    expect(chosen).to_have_value("day=2026-01-03..2026-01-06, region=apac..eu")
    expect(page.get_by_text("8 fresh", exact=True)).to_be_visible()
    dragged(page, cells, (8, 2), (8, 2), held="Shift")
    expect(chosen).to_have_value("day=2026-01-03..2026-01-06, region=apac..eu; day=2026-01-09, region=us")
    expect(page.get_by_text("9 fresh", exact=True)).to_be_visible()
    dragged(page, cells, (4, 0), (7, 0), held="Alt")
    expect(page.get_by_text("7 fresh", exact=True)).to_be_visible()
    chosen.focus()
    page.keyboard.press("Control+a")
    page.keyboard.type("region=us, day=2026-01-01..2026-01-03")
    page.keyboard.press("Enter")
    expect(page.get_by_text("3 fresh", exact=True)).to_be_visible()
    expect(cells.locator("span")).to_have_count(1)  # what was written is drawn
    cells.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown"):  # the first one comes to the first cell
        page.keyboard.press(key)
    expect(page.get_by_text("2026-01-01, us, fresh")).to_be_visible()
    page.keyboard.press("Alt+Enter")
    expect(chosen).to_have_value("day=2026-01-02..2026-01-03, region=us")
    page.keyboard.press("Shift+Enter")
    expect(page.get_by_text("3 fresh", exact=True)).to_be_visible()
    assert serious(page) == []
    cells.blur()
    page.keyboard.press("m")
    dialog.get_by_label("Compute it whatever there is").check()
    expect(dialog.get_by_role("button", name="Run 3 steps")).to_be_enabled()


def test_what_has_a_name_is_found_by_it_and_launched_with_what_it_takes(page, dialog):
    page.goto("/assets")
    expect(page.get_by_role("heading", name="Assets")).to_be_visible()
    page.keyboard.press("Control+k")
    page.keyboard.type(">launch oak")
    expect(page.get_by_role("option", name="Launch oak…")).to_be_visible()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("do=materialize&launch=oak$"))
    expect(dialog).to_contain_text("Grows slowly. A launch plan of growing that makes growing/*")
    form = dialog.get_by_role("region", name="Parameters")
    expect(form).to_contain_text("rings")
    expect(form.get_by_label("rings")).to_have_count(0)  # it is fixed
    expect(form.get_by_label("width", exact=True)).to_have_attribute("placeholder", "4")
    assert serious(page) == []
    dialog.get_by_label("Workflow or launch plan").select_option("growing")
    form.get_by_label("rings", exact=True).fill("5")
    form.get_by_role("button", name="Try another value of rings").click()
    form.get_by_label("rings, value 2").fill("6")
    expect(form).to_contain_text("2 variants")
    dialog.get_by_role("button", name="Run 2 steps").click()
    expect(page.get_by_role("heading", level=1)).to_have_text("growing/*")
    expect(page.get_by_role("main")).to_contain_text("succeeded")
    page.keyboard.press("m")
    dialog.get_by_role("button", name="oak").click()
    expect(dialog.get_by_role("region", name="Plan")).to_contain_text("1 to compute")
    dialog.get_by_role("button", name="Select assets instead").click()
    expect(dialog.get_by_role("combobox", name="Selection")).to_be_visible()


@pytest.mark.parametrize(
    "address", ["/?do=materialize", '/assets?do=materialize&sel=*&force=1&with={"model.depth":[3,6]}']
)
def test_nothing_keeps_somebody_from_using_it(page, dialog, address):
    page.goto(address)
    expect(dialog).to_be_visible()
    page.wait_for_timeout(500)
    assert serious_in_any_theme(page) == {}
