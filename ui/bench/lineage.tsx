// Ten thousand assets in a browser: how long until they can be used, and how long a frame takes. `lineage.mjs` runs it.
import { useCallback, useMemo, useState } from "react";
import { createRoot } from "react-dom/client";
import type { Stage } from "../src/lineage/draw/stage.ts";
import { neighboursOf } from "../src/lineage/graph.ts";
import { GraphView } from "../src/lineage/graph-view.tsx";
import { FAR, reached, reachOf } from "../src/lineage/reach.ts";
import { randomGraph } from "../src/lineage/sample.ts";
import { membersOf, openAtFirst, rollUp, treeOf, withAncestors } from "../src/lineage/tree.ts";
import "../src/shell/base.css";
import "../src/shell/tokens.css";

const asked = new URLSearchParams(location.search);
const assets = Number(asked.get("assets") ?? 10_000);
const groups = Number(asked.get("groups") ?? 120);
document.documentElement.dataset.theme = asked.get("theme") ?? "light";
document.body.style.margin = "0";
document.getElementById("root")!.style.height = "100vh";

const begun = performance.now();
const graph = randomGraph({ assets, groups, edges: assets * 2, seed: 7, blocky: true });
const madeMs = performance.now() - begun;

let onStage: Stage | null = null;
let setOpen: (open: Set<number>) => void = () => {};
let choose: (node: number) => void = () => {};
const tree = treeOf(graph);
const all = new Set(Array.from(tree.parent.keys()).filter((node) => node >= tree.assets));

function Bench() {
  const [open, set] = useState(() => {
    const first = openAtFirst(tree);
    const wanted = asked.get("open");
    if (wanted === "all") return all;
    if (!wanted) return first;
    const nodes = wanted.split(",").map((path) => tree.path.lastIndexOf(path));
    return new Set([...first, ...withAncestors(tree, nodes)]);
  });
  const [subject, setSubject] = useState(() => (asked.has("focus") ? tree.path.indexOf(asked.get("focus")!) : -1));
  setOpen = set;
  choose = setSubject;
  const reach = useMemo(
    () => (subject < 0 ? null : reachOf(graph, neighboursOf(graph), membersOf(tree, subject), FAR, FAR)),
    [subject],
  );
  const rolled = useMemo(() => rollUp(tree, graph.look, reach && reached(reach)), [reach]);
  const expanded = useMemo(() => [...open], [open]);
  const toggle = useCallback((node: number) => {
    set((before) => {
      const after = new Set(before);
      if (!after.delete(node)) after.add(node);
      return after;
    });
  }, []);
  return (
    <GraphView
      graph={graph}
      tree={tree}
      rollUp={rolled}
      expanded={expanded}
      only={null}
      subject={subject}
      reach={reach}
      choose={setSubject}
      open={toggle}
      toggle={toggle}
      ready={(stage) => {
        onStage = stage;
      }}
    />
  );
}

createRoot(document.getElementById("root")!).render(<Bench />);

const frame = (): Promise<number> => new Promise((done) => requestAnimationFrame(done));
const wait = (ms: number): Promise<void> => new Promise((done) => setTimeout(done, ms));

/** The milliseconds between frames while something is done in each. */
async function frames(count: number, act: (n: number) => void): Promise<number[]> {
  const times: number[] = [];
  let before = await frame();
  for (let n = 0; n < count; n++) {
    act(n);
    const now = await frame();
    times.push(now - before);
    before = now;
  }
  return times;
}

async function until(is: () => boolean): Promise<number> {
  const start = performance.now();
  while (!is()) await frame();
  return performance.now() - start;
}

async function measured(): Promise<Record<string, number[]>> {
  await until(() => onStage !== null && onStage.boxes() > 0);
  await frame();
  const host = document.querySelector("canvas")!.parentElement!;
  const firstMs = performance.now() - begun - madeMs;
  await wait(300);
  const results: Record<string, number[]> = { "first picture, groups closed": [firstMs] };
  const pan = (name: string) =>
    frames(90, (n) => onStage!.pan(n % 30 < 15 ? -24 : 24, n % 20 < 10 ? -8 : 8)).then((times) => {
      results[name] = times;
    });
  const zoom = (name: string) =>
    frames(60, (n) => onStage!.zoom(n < 30 ? 1.06 : 1 / 1.06)).then((times) => {
      results[name] = times;
    });
  await pan("pan, groups closed");
  await zoom("zoom, groups closed");
  const start = performance.now();
  setOpen(all);
  await until(() => onStage!.boxes() > graph.keys.length);
  results["all groups open, laid out and drawn"] = [performance.now() - start];
  await wait(500);
  onStage!.fit();
  await wait(800);
  await pan("pan, all open, all seen");
  await zoom("zoom, all open, all seen");
  const some = graph.keys.length >> 1;
  onStage!.centre(some);
  await wait(600);
  results["near: scale, cards in the document"] = [onStage!.camera().scale, host.querySelectorAll("button").length];
  await pan("pan, all open, near");
  await zoom("zoom, all open, near");
  choose(some);
  await wait(400);
  await pan("pan, near, causes and effects lit");
  await frames(60, (n) => onStage!.zoom(n < 30 ? 0.9 : 1 / 0.9)).then((times) => {
    results["zoom through all levels of detail"] = times;
  });
  return results;
}

if (asked.has("measure")) {
  void measured().then(
    (results) => fetch("/measured", { method: "POST", body: JSON.stringify(results) }),
    (error) => fetch("/measured", { method: "POST", body: JSON.stringify({ error: String(error) }) }),
  );
} else if (asked.has("centre")) {
  void until(() => onStage !== null && document.querySelectorAll("button").length > 0).then(async () => {
    await wait(400);
    onStage!.centre(tree.path.lastIndexOf(asked.get("centre")!));
  });
}
