import { useEffect, useRef, useState } from "react";
import { type Elements, type Stage, stage } from "./draw/stage.ts";
import type { Graph } from "./graph.ts";
import styles from "./graph-view.module.css";
import { type Layouter, layouter } from "./layout/layouter.ts";
import { NO_SCENE, type Scene } from "./layout/scene.ts";
import type { Links } from "./links.ts";
import { litBy } from "./lit.ts";
import type { Reach } from "./reach.ts";
import type { RollUp, Tree } from "./tree.ts";
import { useAges } from "./use-ages.ts";

interface Props {
  graph: Graph;
  tree: Tree;
  rollUp: RollUp;
  /** Groups that are open, by node. */
  expanded: readonly number[];
  /** 1 for the assets that are shown; all if null. */
  only: Uint8Array | null;
  /** The node that is looked at, and what reaches it; -1 for none. */
  subject: number;
  reach: Reach | null;
  linksOf(node: number): Links;
  choose(node: number): void;
  open(node: number): void;
  toggle(node: number): void;
  /** Given the means to move about as soon as there are some. */
  ready?(stage: Stage | null): void;
}

/** The lineage graph. What it shows is decided outside; where it looks is its own. */
export function GraphView({ graph, tree, rollUp, expanded, only, subject, reach, linksOf, ready, ...acts }: Props) {
  const host = useRef<HTMLDivElement>(null);
  const canvas = useRef<HTMLCanvasElement>(null);
  const layer = useRef<HTMLDivElement>(null);
  const map = useRef<HTMLCanvasElement>(null);
  const onStage = useRef<Stage | null>(null);
  const worker = useRef<Layouter | null>(null);
  const anchor = useRef(-1);
  const [laid, setLaid] = useState<{ scene: Scene; keys: Graph["keys"] }>({ scene: NO_SCENE, keys: graph.keys });

  // Looks change every second in a running project, and the layout does not depend on them.
  const { keys, from, to } = graph;

  const [sight, see] = useState<readonly string[]>([]);
  const ages = useAges(sight);

  const latest = useRef({ ...acts, graph, ready });
  useEffect(() => {
    latest.current = { ...acts, graph, ready };
  });

  useEffect(() => {
    const elements: Elements = {
      host: host.current!,
      canvas: canvas.current!,
      layer: layer.current!,
      map: map.current!,
    };
    const made = stage(elements, {
      choose: (node) => latest.current.choose(node),
      open: (node) => {
        anchor.current = node;
        latest.current.open(node);
      },
      toggle: (node) => {
        anchor.current = node;
        latest.current.toggle(node);
      },
      sees: see,
    });
    onStage.current = made;
    const theme = new MutationObserver(() => made.theme());
    theme.observe(document.documentElement, { attributes: true, attributeFilter: ["data-theme"] });
    latest.current.ready?.(made);
    return () => {
      latest.current.ready?.(null);
      onStage.current = null;
      theme.disconnect();
      made.end();
    };
  }, []);

  useEffect(() => {
    const made = layouter(({ scene }) => setLaid({ scene, keys: latest.current.graph.keys }));
    worker.current = made;
    return () => made.end();
  }, []);

  // biome-ignore lint/correctness/useExhaustiveDependencies: of the graph only what the layout depends on
  useEffect(() => worker.current?.know(graph), [keys, from, to]);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another graph has to be laid out as well
  useEffect(() => worker.current?.arrange(expanded, only), [keys, from, to, expanded, only]);

  const isShown = useRef(false);
  const revealed = useRef("");
  useEffect(() => {
    const { scene } = laid;
    if (scene === NO_SCENE || laid.keys !== keys) return;
    const lit = reach && subject >= 0 ? litBy(graph, scene, reach) : null;
    onStage.current?.show({ graph, tree, scene, rollUp, lit, subject, ages, linksOf }, anchor.current);
    const path = tree.path[subject] ?? "";
    const isThere = subject >= 0 && scene.node.includes(subject);
    if (isThere && !isShown.current) onStage.current?.centre(subject);
    else if (isThere && path !== revealed.current) onStage.current?.reveal(subject);
    isShown.current = true;
    if (isThere || subject < 0) revealed.current = path;
    anchor.current = subject;
  }, [graph, keys, tree, laid, rollUp, reach, subject, ages, linksOf]);

  return (
    <div ref={host} className={styles.host} data-drawing="">
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus */}
      <canvas ref={canvas} className={styles.canvas} aria-hidden="true" />
      <div
        ref={layer}
        className={styles.layer}
        role="group"
        aria-label="Lineage graph: left and right follow what is read, up and down go to neighbours, enter opens"
      />
      {/* biome-ignore lint/a11y/noAriaHiddenOnFocusable: nothing in it takes the focus */}
      <canvas ref={map} className={styles.map} aria-hidden="true" />
    </div>
  );
}
