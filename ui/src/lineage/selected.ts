// What is looked at in the graph, as a selection.
import { ofKeys, term } from "@/selection/language.ts";
import type { Graph } from "./graph.ts";

/** Exactly these assets of the graph that `selection` made: whole groups by their names, else each by its key. */
export function selected(
  graph: Pick<Graph, "keys" | "groups" | "groupOf">,
  members: readonly number[],
  selection: string,
): string {
  if (members.length < 2) return ofKeys(members.map((asset) => graph.keys[asset]!));
  const groups = new Set(members.map((asset) => graph.groupOf[asset]!));
  const all = graph.groupOf.reduce((count, group) => count + (groups.has(group) ? 1 : 0), 0);
  const isNamed = [...groups].every((group) => graph.groups[group] !== "");
  if (all !== members.length || !isNamed) return ofKeys(members.map((asset) => graph.keys[asset]!));
  const terms = [...groups].map((group) => term("group", graph.groups[group]!)).join(" or ");
  if (selection === "" || selection === "*") return terms;
  return `(${selection}) and ${groups.size > 1 ? `(${terms})` : terms}`;
}
