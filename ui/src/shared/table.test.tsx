// @vitest-environment happy-dom
import { act, cleanup, fireEvent, render, screen } from "@testing-library/react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { Table } from "./table.tsx";

const COLUMNS = [{ id: "name", title: "Name", width: "1fr", cell: (name: string) => name }];
const ROWS = Array.from({ length: 10_000 }, (_, n) => `row ${n}`);

beforeEach(() => {
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(330);
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(800);
});
afterEach(cleanup);

function shown(more = vi.fn()) {
  const open = vi.fn();
  const select = vi.fn();
  render(
    <Table
      label="Names"
      columns={COLUMNS}
      rows={ROWS}
      keyOf={(name) => name}
      total={20_000}
      more={more}
      open={open}
      current="row 3"
      selected={new Set(["row 1"])}
      select={select}
    />,
  );
  return { open, select, more };
}

const row = (name: string) => screen.getByRole("row", { name });

test("of ten thousand rows only those in sight are drawn, and the length of the whole list is said", () => {
  shown();
  const drawn = screen.getAllByRole("row").length - 1;
  expect(drawn).toBeGreaterThanOrEqual(10);
  expect(drawn).toBeLessThan(60);
  expect(screen.getByRole("grid").getAttribute("aria-rowcount")).toBe("20001");
});

test("keys open and select the row that has the focus", () => {
  const { open, select } = shown();
  act(() => row("row 2").focus());
  fireEvent.keyDown(row("row 2"), { key: "Enter" });
  expect(open).toHaveBeenCalledWith("row 2");
  fireEvent.keyDown(row("row 2"), { key: "x" });
  expect(select).toHaveBeenCalledWith("row 2", { range: false });
});

test("what is selected is said", () => {
  shown();
  expect(row("row 1").getAttribute("aria-selected")).toBe("true");
  expect(row("row 0").getAttribute("aria-selected")).toBe("false");
});

test("what is shown beside the list is marked in it", () => {
  shown();
  expect(screen.getAllByRole("row").filter((one) => one.hasAttribute("aria-current"))).toEqual([row("row 3")]);
});

test("more is asked for only near the end of what there is", () => {
  expect(shown().more).not.toHaveBeenCalled();
});
