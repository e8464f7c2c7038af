import { useCallback, useMemo, useRef, useState, useSyncExternalStore } from "react";
import { useSearch } from "wouter";
import { listAs, pathOf } from "@/address/address.ts";
import { hasPage } from "@/address/routes.ts";
import { useChange, useGo, useParam } from "@/address/use-address.ts";
import { useMaterialize } from "@/materialize/use-materialize.ts";
import { SelectionField } from "@/selection/selection-field.tsx";
import { Act, Button } from "@/shared/button.tsx";
import { counted } from "@/shared/numbers.ts";
import { Empty, PageHead, Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { useShortcuts } from "@/shell/use-shortcuts.ts";
import { depthIn, lookedAt, nodesByPath, toggled } from "./address.ts";
import type { Stage } from "./draw/stage.ts";
import { neighboursOf } from "./graph.ts";
import { GraphView } from "./graph-view.tsx";
import styles from "./lineage.module.css";
import { linkCounter } from "./links.ts";
import { ListTwin } from "./list-twin.tsx";
import { spoken } from "./names.ts";
import { reached, reachOf } from "./reach.ts";
import { ReachPanel } from "./reach-panel.tsx";
import { selected } from "./selected.ts";
import { membersOf, rollUp, treeOf } from "./tree.ts";
import { useLineage } from "./use-lineage.ts";

const DEPTHS = [
  ["", "all"],
  ["1", "1"],
  ["2", "2"],
  ["3", "3"],
  ["5", "5"],
] as const;

/** On a phone the list is easier to read, unless somebody asks for the graph. */
const NARROW = matchMedia("(max-width: 700px)");

function followNarrow(changed: () => void): () => void {
  NARROW.addEventListener("change", changed);
  return () => NARROW.removeEventListener("change", changed);
}

/** What is made from what: the graph in groups, or the same as a list; what is looked at stands in the address. */
export default function Lineage() {
  const selection = useParam("q");
  const focus = useParam("focus");
  const up = useParam("up");
  const down = useParam("down");
  const view = useParam("view");
  const isNarrow = useSyncExternalStore(followNarrow, () => NARROW.matches);
  const isList = view ? view === "list" : isNarrow;
  const isOnly = useParam("only") !== "";
  const expand = new URLSearchParams(useSearch()).get("expand");
  const change = useChange();
  const go = useGo();
  const [onStage, setStage] = useState<Stage | null>(null);
  const { graph, problem, isAwaited, again } = useLineage(selection || "*");

  // Of the graph only what the groups depend on: how assets stand changes from second to second.
  const keys = graph?.keys;
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  const shape = useMemo(() => {
    if (!graph) return null;
    const tree = treeOf(graph);
    const neighbours = neighboursOf(graph);
    return { tree, neighbours, nodes: nodesByPath(tree), linksOf: linkCounter(graph, tree, neighbours) };
  }, [keys]);

  const looked = useMemo(
    () => (shape ? lookedAt(shape.tree, shape.nodes, focus, expand) : null),
    [shape, focus, expand],
  );
  const subject = looked?.subject ?? -1;
  // biome-ignore lint/correctness/useExhaustiveDependencies: how assets stand has no part in it
  const reach = useMemo(
    () =>
      graph && shape && subject >= 0
        ? reachOf(graph, shape.neighbours, membersOf(shape.tree, subject), depthIn(up), depthIn(down))
        : null,
    [shape, subject, up, down],
  );
  const marked = useMemo(() => reach && reached(reach), [reach]);
  const rolled = useMemo(() => graph && shape && rollUp(shape.tree, graph.look, marked), [graph, shape, marked]);
  const only = isOnly ? marked : null;

  const path = useCallback((node: number) => shape?.tree.path[node] ?? null, [shape]);
  const choose = (node: number) => {
    if (path(node) !== (focus || null)) change({ focus: path(node) });
  };
  const toggle = (node: number) => {
    if (!shape || !looked || node < shape.tree.assets) return;
    const open = toggled(shape.tree, looked.expanded, node).map((one) => shape.tree.path[one]!);
    // an empty list is said as well: what is open at first is something else
    change({ expand: listAs(open) || ",", focus: isInside(node) ? path(node) : focus });
  };
  const isInside = (node: number): boolean => {
    let at = shape?.tree.parent[subject] ?? -1;
    while (at >= 0 && at !== node) at = shape?.tree.parent[at] ?? -1;
    return at >= 0 && (looked?.expanded.includes(node) ?? false);
  };
  const open = (node: number) => {
    if (!shape || node < 0) return;
    if (node >= shape.tree.assets) toggle(node);
    else if (hasPage(pathOf("assets", shape.tree.path[node]!))) go(pathOf("assets", shape.tree.path[node]!));
    else choose(node);
  };

  /** What is looked at, or else what is selected. */
  const materialize = useMaterialize();
  const make = () => {
    const isLooked = graph && shape && subject >= 0;
    const looked = isLooked ? selected(graph, [...membersOf(shape.tree, subject)], selection) : selection;
    materialize({ selection: looked || "*" });
  };

  useShortcuts([
    { keys: "m", label: "Materialize", run: make },
    { keys: "f", label: "Bring what is looked at to the middle", run: () => subject >= 0 && onStage?.centre(subject) },
    { keys: "e", label: "Open or close the group", run: () => shape && toggle(groupOf(shape.tree.parent, subject)) },
    { keys: "l", label: "Graph or list", run: () => change({ view: isList ? "graph" : "list" }) },
  ]);
  const groupOf = (parents: Int32Array, node: number): number =>
    shape && node >= shape.tree.assets ? node : (parents[node] ?? -1);

  const said = useRef("");
  if (graph && shape && rolled && subject >= 0) {
    const { ups, downs } = shape.linksOf(subject);
    said.current = spoken(graph, shape.tree, rolled, subject, ups, downs);
  } else said.current = "";

  return (
    <div className={styles.page}>
      <PageHead title="Lineage">
        <span className="figures">
          {graph && `${counted(graph.keys.length, "asset")} · ${counted(graph.from.length, "edge")}`}
        </span>
        <span className="unseen" role="status">
          {said.current}
        </span>
      </PageHead>
      <div className={styles.tools}>
        <SelectionField
          text={selection}
          change={(q) => q !== selection && change({ q }, { step: true })}
          refusal={problem && !problem.passes ? problem.message : null}
        />
        <span className={styles.depth}>
          <span aria-hidden="true">up</span>
          <Select label="Steps upstream" value={up} options={DEPTHS} change={(value) => change({ up: value })} />
          <span aria-hidden="true">down</span>
          <Select label="Steps downstream" value={down} options={DEPTHS} change={(value) => change({ down: value })} />
        </span>
        <Button
          aria-pressed={isOnly}
          disabled={subject < 0}
          title={subject < 0 ? "Look at an asset first" : undefined}
          onClick={() => change({ only: isOnly ? null : "1" })}
        >
          Only these
        </Button>
        <Button aria-pressed={isList} icon="log" onClick={() => change({ view: isList ? "graph" : "list" })}>
          List
        </Button>
        <Act needs="OPERATOR" icon="runs" disabled={!graph || graph.keys.length === 0} onClick={make}>
          Materialize…
        </Act>
      </div>
      {problem && <Problem problem={problem} again={again} />}
      <div className={styles.body}>
        {!graph || !shape || !rolled || !looked ? (
          isAwaited && <Skeleton lines={10} height={44} />
        ) : graph.keys.length === 0 ? (
          <Empty title={selection ? "No assets match" : "There are no assets yet"}>
            {selection && <Button onClick={() => change({ q: null }, { step: true })}>Show all</Button>}
          </Empty>
        ) : (
          <>
            <div className={styles.drawing}>
              {isList ? (
                <ListTwin
                  {...{ graph, only, subject, choose, open, toggle }}
                  tree={shape.tree}
                  rollUp={rolled}
                  expanded={looked.expanded}
                  linksOf={shape.linksOf}
                />
              ) : (
                <>
                  <GraphView
                    {...{ graph, only, subject, reach, choose, open, toggle }}
                    tree={shape.tree}
                    rollUp={rolled}
                    expanded={looked.expanded}
                    linksOf={shape.linksOf}
                    ready={setStage}
                  />
                  <div className={styles.zoom} role="toolbar" aria-label="Zoom">
                    <Button aria-label="Nearer" title="Nearer (+)" onClick={() => onStage?.zoom(1.25)}>
                      +
                    </Button>
                    <Button aria-label="Farther" title="Farther (−)" onClick={() => onStage?.zoom(0.8)}>
                      −
                    </Button>
                    <Button title="All of it (0)" onClick={() => onStage?.fit()}>
                      All
                    </Button>
                  </div>
                </>
              )}
            </div>
            {subject >= 0 && reach && (
              <ReachPanel
                key={subject}
                {...{ graph, subject, reach }}
                tree={shape.tree}
                rollUp={rolled}
                choose={choose}
              />
            )}
          </>
        )}
      </div>
    </div>
  );
}
