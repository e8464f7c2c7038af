// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { toggled } from "./address.ts";
import { neighboursOf } from "./graph.ts";
import { linkCounter } from "./links.ts";
import { ListTwin } from "./list-twin.tsx";
import { randomGraph } from "./sample.ts";
import { rollUp, treeOf } from "./tree.ts";

const graph = randomGraph({ assets: 9, groups: 3, edges: 8, seed: 2, blocky: true });
const tree = treeOf(graph);
const opened: number[] = [];

function Listed() {
  const [expanded, setExpanded] = useState<readonly number[]>([]);
  const [subject, setSubject] = useState(-1);
  const toggle = (node: number) => setExpanded(toggled(tree, expanded, node));
  return (
    <ListTwin
      graph={graph}
      tree={tree}
      rollUp={rollUp(tree, graph.look, null)}
      expanded={expanded}
      only={null}
      subject={subject}
      linksOf={linkCounter(graph, tree, neighboursOf(graph))}
      choose={setSubject}
      open={(node) => opened.push(node)}
      toggle={toggle}
    />
  );
}

beforeEach(() => {
  // a document without a screen has no sizes, and a list of no height has no rows
  vi.spyOn(HTMLElement.prototype, "clientHeight", "get").mockReturnValue(600);
  vi.spyOn(HTMLElement.prototype, "clientWidth", "get").mockReturnValue(600);
});
afterEach(cleanup);

test("by the keyboard alone: down to a group, into it, to an asset, and open that", async () => {
  const user = userEvent.setup();
  render(<Listed />);
  const list = screen.getByRole("treegrid", { name: "Lineage as a list" });
  expect(screen.getAllByRole("row")).toHaveLength(3);
  list.focus();
  await user.keyboard("{ArrowDown}{ArrowDown}{ArrowRight}");
  expect(screen.getAllByRole("row")).toHaveLength(6);
  const chosen = () => screen.getByRole("row", { selected: true });
  expect(chosen().getAttribute("aria-expanded")).toBe("true");
  await user.keyboard("{ArrowRight}");
  expect(chosen().getAttribute("aria-level")).toBe("2");
  expect(list.getAttribute("aria-activedescendant")).toBe(chosen().id);
  await user.keyboard("{Enter}");
  expect(opened).toEqual([tree.children[tree.roots[1]!]![0]]);
  await user.keyboard("{ArrowLeft}{ArrowLeft}");
  expect(screen.getAllByRole("row")).toHaveLength(3);
});
