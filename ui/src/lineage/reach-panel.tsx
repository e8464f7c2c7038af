import { useMemo, useState } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { Button } from "@/shared/button.tsx";
import { Glyph, Status } from "@/shared/glyph.tsx";
import { MARKS } from "@/shared/marks.ts";
import { counted } from "@/shared/numbers.ts";
import type { Graph } from "./graph.ts";
import { countsOf } from "./names.ts";
import { byDistance, type Reach } from "./reach.ts";
import styles from "./reach-panel.module.css";
import type { RollUp, Tree } from "./tree.ts";

interface Props {
  graph: Graph;
  tree: Tree;
  rollUp: RollUp;
  subject: number;
  reach: Reach;
  choose(node: number): void;
}

/** What somebody looks at: what it is made from and what is made from it, nearest first. */
export function ReachPanel({ graph, tree, rollUp, subject, reach, choose }: Props) {
  const isGroup = subject >= tree.assets;
  const look = MARKS[graph.look[subject] ?? 0]!;
  return (
    <aside className={styles.panel} aria-label="Causes and effects">
      <header className={styles.head}>
        <h2 title={tree.label[subject]}>{tree.label[subject]}</h2>
        <Button quiet icon="close" aria-label="Look at nothing" onClick={() => choose(-1)} />
      </header>
      <p className={styles.state}>
        {isGroup ? (
          countsOf(tree, rollUp, subject).map(({ look: of, count }) => (
            <Status key={of} mark={MARKS[of]!} word={`${count} ${MARKS[of]}`} />
          ))
        ) : (
          <>
            <Status mark={look} word={look} />
            <Link to={pathOf("assets", graph.keys[subject]!)}>Open the asset</Link>
          </>
        )}
      </p>
      <Side title="Causes" of="up" graph={graph} distance={reach.up} choose={choose} />
      <Side title="Effects" of="down" graph={graph} distance={reach.down} choose={choose} />
    </aside>
  );
}

const AT_ONCE = 40;

function Side(props: {
  title: string;
  of: "up" | "down";
  graph: Graph;
  distance: Uint32Array;
  choose(node: number): void;
}) {
  const { title, of, graph, distance, choose } = props;
  const [most, setMost] = useState(AT_ONCE);
  const levels = useMemo(() => byDistance(distance), [distance]);
  const total = levels.reduce((sum, assets) => sum + assets.length, 0);
  let left = most;
  return (
    <section className={styles[of]}>
      <h3>
        {title} <span>{counted(total, "asset")}</span>
      </h3>
      {levels.map((assets, n) => {
        const shown = assets.slice(0, left);
        left -= shown.length;
        if (shown.length === 0) return null;
        return (
          <div key={n}>
            <h4>{n === 0 ? "directly" : `${n + 1} steps away`}</h4>
            <ul>
              {shown.map((asset) => (
                <li key={asset}>
                  <button type="button" onClick={() => choose(asset)} title={graph.keys[asset]}>
                    <Glyph mark={MARKS[graph.look[asset]!]!} />
                    <span>{graph.keys[asset]}</span>
                    <span className="unseen">, {MARKS[graph.look[asset]!]}</span>
                  </button>
                </li>
              ))}
            </ul>
          </div>
        );
      })}
      {total > most && (
        <Button quiet onClick={() => setMost(most * 4)}>
          {counted(total - most, "more", "more")}
        </Button>
      )}
    </section>
  );
}
