import { useMemo, useRef } from "react";
import { useChange, useParam } from "@/address/use-address.ts";
import { Button } from "@/shared/button.tsx";
import { counted } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { SearchField } from "@/shared/search-field.tsx";
import { useShortcuts } from "@/shell/use-shortcuts.ts";
import type { Line, RunOf } from "./documents.ts";
import { LogView } from "./log-view.tsx";
import styles from "./logs.module.css";
import { useLines } from "./use-lines.ts";
import { useNames } from "./use-names.ts";

/** What the steps of a run print, or one of them, as it is printed; searched by the server. */
export function Logs({ run }: { run: RunOf }) {
  const of = useRef<HTMLDivElement>(null);
  const change = useChange();
  const step = useParam("in");
  const search = useParam("q");
  const at = useParam("line");
  const alone = /^\d+$/.test(step) ? Number(step) : null;
  const found = useLines({
    run: run.id,
    step: alone,
    search,
    around: at || null,
  });
  const nodes = found.lines.nodes;
  const spoke = useMemo(
    () => [...new Set([...nodes.map((line) => line.step), ...(alone === null ? [] : [alone])])],
    [nodes, alone],
  );
  const names = useNames(run.id, spoke);
  useShortcuts([
    { keys: "/", label: "Search the logs", run: () => of.current?.querySelector<HTMLElement>("input")?.focus() },
  ]);

  /** Cursors of a whole run's lines are others than those of a step's. */
  function narrow(to: number | null) {
    change({ in: to === null ? null : String(to), line: null }, { step: true });
  }

  const { lines, isAwaited, problem } = found;
  return (
    <div ref={of} className={styles.logs}>
      <div className={styles.tools}>
        <SearchField
          label="Search the logs"
          placeholder="Search the logs"
          text={search}
          change={(text) => change({ q: text || null, line: null })}
        />
        {step && (
          <Button quiet icon="close" onClick={() => narrow(null)}>
            {names.get(Number(step)) ?? `step ${step}`}
          </Button>
        )}
        {at && (
          <Button quiet onClick={() => change({ line: null })}>
            To the end
          </Button>
        )}
        <span className={styles.mute} role="status">
          {!isAwaited && search && counted(lines.nodes.length, "line")}
          {!isAwaited && search && lines.hasMore && ", and more"}
        </span>
      </div>
      {problem && <Problem problem={problem} again={found.again} />}
      {lines.nodes.length > 0 ? (
        <LogView
          key={`${step} ${search}`}
          lines={lines}
          search={search}
          chosen={at}
          nameOf={(line: Line) => names.get(line.step) ?? `step ${line.step}`}
          choose={(cursor) => change({ line: cursor })}
          narrow={step ? null : narrow}
          earlier={found.earlier}
          more={found.more}
        />
      ) : isAwaited ? (
        <Skeleton lines={10} height={22} />
      ) : (
        !problem && (
          <Empty title={search ? "No line has that" : lines.isOver ? "Nothing was printed" : "Nothing is printed yet"}>
            {search && <Button onClick={() => change({ q: null })}>Show all lines</Button>}
          </Empty>
        )
      )}
    </div>
  );
}
