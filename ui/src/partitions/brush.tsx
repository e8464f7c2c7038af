import { type ReactNode, useEffect, useMemo, useState } from "react";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { read, useAnswer, useWhere } from "@/server/use-answer.ts";
import { Button } from "@/shared/button.tsx";
import { Glyph } from "@/shared/glyph.tsx";
import type { AssetStatus } from "@/shared/marks.ts";
import { whole } from "@/shared/numbers.ts";
import { Problem, Skeleton } from "@/shared/panels.tsx";
import { Toggle } from "@/shared/toggle.tsx";
import { toast } from "@/shell/toasts.ts";
import styles from "./brush.module.css";
import { CHOSEN, KEYS, PARTITIONS, TEXTS } from "./documents.ts";
import { GridChoice } from "./grid-choice.tsx";
import { keysText } from "./keys.ts";
import { type Brushing, hull, spansOf, type Window, windowsOf, withBrushed } from "./spans.ts";
import { Strip } from "./strip.tsx";

const MARKS = { FRESH: "fresh", STALE: "stale", MISSING: "missing" } as const;
/** Below so many the one strip shows each of them well. */
const FEW = 60;
/** What is in more pieces is not drawn as chosen. */
const MOST_PIECES = 60;
const NOTHING_DRAWN = { windows: [], text: "" } as const;

interface Props {
  asset: string;
  /** Those that are chosen, by their keys. */
  pick: string;
  choose(pick: string): void;
  /** Stands beside the words of how it is partitioned. */
  of?: ReactNode;
}

/** Partitions as they stand, of which some are chosen: by dragging, by how they stand, or by their keys. */
export function Brush({ asset, pick, choose, of }: Props) {
  const { data, problem, isAwaited, again } = useAnswer(PARTITIONS, { key: asset }, { on: ASSET_EVENTS });
  const found = data?.project.environment.asset;
  const spans = useMemo(() => spansOf(found?.partitions ?? []), [found]);
  const total = found?.partitioning?.count ?? 0;
  const dimensions = found?.partitioning?.dimensions ?? [];
  const all = useMemo(() => ({ from: 0, to: total }), [total]);
  const [drawn, draw] = useState<{ windows: readonly Window[]; text: string }>(NOTHING_DRAWN);
  const [named, name] = useState<Partial<Record<AssetStatus, string>>>({});
  const where = useWhere();
  const keysOf = useKeys(asset);
  // only the server knows what is meant by what was written
  const isWritten = pick !== "" && drawn.text !== pick && dimensions.length === 0;
  const written = useAnswer(CHOSEN, { key: asset, text: pick }, { pause: !isWritten });
  const chosen = useMemo(() => {
    if (drawn.text === pick) return drawn.windows;
    const meant = isWritten && !written.isAwaited ? written.data?.project.environment.asset.partitioning?.chosen : null;
    const windows = meant ? windowsOf(meant) : [];
    return windows.length <= MOST_PIECES ? windows : NOTHING_DRAWN.windows;
  }, [drawn, pick, isWritten, written.isAwaited, written.data]);
  const around = hull(chosen);

  async function brush(window: Window, how: Brushing) {
    const windows = withBrushed(chosen, window, how);
    const texts = await Promise.all(windows.map(keysOf));
    if (texts.includes(null)) return;
    const text = texts.join(", ");
    draw({ windows, text });
    choose(text);
  }

  /** Those of a status, or none of them where just they are chosen. */
  async function pickAll(status: AssetStatus) {
    const { data, problem } = await read(TEXTS, { ...where, key: asset });
    if (problem) return void toast(problem.message, { kind: "failed" });
    const text = data?.project.environment.asset.partitions.find((one) => one.status === status)?.partitions.text;
    if (text === undefined) return;
    name({ ...named, [status]: text });
    choose(pick === text ? "" : text);
  }

  if (!found) return problem ? <Problem problem={problem} again={again} /> : <Skeleton lines={6} />;
  return (
    <div className={styles.brush} aria-busy={isAwaited || undefined}>
      {problem && <Problem problem={problem} again={again} />}
      <p className={styles.title}>
        <span>
          {of} {found.partitioning?.title}
        </span>
        <span className={styles.chips}>
          {found.partitions.map(({ status, partitions }) => (
            <Toggle key={status} isOn={pick !== "" && pick === named[status]} turn={() => void pickAll(status)}>
              <Glyph mark={MARKS[status]} size={11} /> {MARKS[status]}{" "}
              <span className="figures">{whole(partitions.count)}</span>
            </Toggle>
          ))}
        </span>
      </p>
      {dimensions.length > 0 ? (
        <GridChoice asset={asset} dimensions={dimensions} spans={spans} picked={pick} pick={choose} />
      ) : (
        <>
          <Strip label="All of them" spans={spans} window={all} chosen={chosen} choose={brush} />
          <Ends asset={asset} window={all} />
          {around && total > FEW && (
            <>
              <Strip
                label="Those that are chosen"
                spans={spans}
                window={around}
                chosen={chosen.length > 1 ? chosen : NOTHING_DRAWN.windows}
                choose={brush}
              />
              <Ends asset={asset} window={around} />
            </>
          )}
        </>
      )}
      <Picked pick={pick} choose={choose} />
    </div>
  );
}

/** The same as a text, which can be written and read aloud. */
export function Picked({ pick, choose }: Pick<Props, "pick" | "choose">) {
  const [typed, type] = useState(pick);
  useEffect(() => type(pick), [pick]);
  const send = () => typed.trim() !== pick && choose(typed.trim());
  return (
    <div className={styles.pick}>
      <label>
        Chosen
        <input
          value={typed}
          placeholder="Drag over them, with ⇧ for more, or write keys as in 2026-01-01..2026-03-31"
          spellCheck={false}
          autoComplete="off"
          onChange={(event) => type(event.target.value)}
          onBlur={send}
          onKeyDown={(event) => event.key === "Enter" && !event.ctrlKey && !event.metaKey && send()}
        />
      </label>
      {pick && (
        <Button quiet icon="close" onClick={() => choose("")}>
          Clear
        </Button>
      )}
    </div>
  );
}

/** The keys that a strip begins and ends with. */
function Ends({ asset, window }: { asset: string; window: Window }) {
  const { data } = useAnswer(KEYS, { key: asset, first: window.from, last: window.to - 1 });
  const found = data?.project.environment.asset;
  const sets = found ? [...found.partitions.map(({ partitions }) => partitions), found.absent] : [];
  const text = keysText(sets, window.from, window.to - 1) ?? "";
  const [first, last] = text.split("..");
  return (
    <p className={styles.ends}>
      <span>{first}</span>
      <span>{last}</span>
    </p>
  );
}

/** Asks for the keys of partitions by their numbers. */
function useKeys(asset: string): (window: Window) => Promise<string | null> {
  const where = useWhere();
  return async ({ from, to }) => {
    const { data, problem } = await read(KEYS, { ...where, key: asset, first: from, last: to - 1 });
    if (problem) toast(problem.message, { kind: "failed" });
    const found = data?.project.environment.asset;
    return found
      ? keysText([...found.partitions.map(({ partitions }) => partitions), found.absent], from, to - 1)
      : null;
  };
}
