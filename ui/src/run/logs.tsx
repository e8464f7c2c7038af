import { useCallback, useEffect, useMemo, useRef, useState } from "react";
import { useChange, useParam } from "@/address/use-address.ts";
import { Button } from "@/shared/button.tsx";
import { Keys } from "@/shared/keys.tsx";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { SearchField } from "@/shared/search-field.tsx";
import { store } from "@/shared/store.ts";
import { useShortcuts } from "@/shell/use-shortcuts.ts";
import type { Line, RunOf } from "./documents.ts";
import { LEVELS, type Level, levelsIn, ofAttempt, ofLevels, stepped, stepsIn, toggled, withFolds } from "./lines.ts";
import { LogTime } from "./log-time.tsx";
import { LogView } from "./log-view.tsx";
import styles from "./logs.module.css";
import { useLines } from "./use-lines.ts";
import { useNames } from "./use-names.ts";

const NONE: ReadonlySet<string> = new Set();
const NOTHING_HIDDEN: ReadonlyMap<string, number> = new Map();
const LEVEL_WORDS: Record<Level, string> = { error: "Errors", warning: "Warnings", other: "Others" };
/** So many lines of some levels are as many as are looked for by themselves, among so many. */
const ENOUGH = 200;
const MOST_LOOKED_AT = 20_000;

interface Props {
  run: RunOf;
  /** The step of which alone it is; without, the address says that. */
  of?: number;
}

/** What the steps of a run print, or one of them, as it is printed; searched by the server. */
export function Logs({ run, of: only }: Props) {
  const of = useRef<HTMLDivElement>(null);
  const change = useChange();
  const within = useParam("in");
  const step = only === undefined ? within : String(only);
  const attempt = useParam("try");
  const search = useParam("q");
  const at = useParam("line");
  const level = useParam("level");
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
  const levels = useMemo(() => levelsIn(level), [level]);
  const ofOne = useMemo(() => ofAttempt(found.lines, attempt), [found.lines, attempt]);
  const ofThese = useMemo(() => ofLevels(ofOne, levels), [ofOne, levels]);
  const areFolded = useParam("fold") !== "" && !search;
  const [others, setOthers] = useState<ReadonlySet<string>>(NONE);
  const shown = useMemo(
    () =>
      search || (!areFolded && others.size === 0)
        ? { ...ofThese, hidden: NOTHING_HIDDEN }
        : withFolds(ofThese, (block) => others.has(block) !== areFolded),
    [ofThese, search, others, areFolded],
  );
  const [match, setMatch] = useState({ of: "", at: -1 });
  const asked = `${step} ${attempt} ${search} ${level}`;
  const matchAt = search && match.of === asked ? Math.min(match.at, shown.lines.nodes.length - 1) : -1;
  const goOn = (by: 1 | -1) => setMatch({ of: asked, at: stepped(matchAt, by, shown.lines.nodes.length) });
  useShortcuts([
    { keys: "/", label: "Search the logs", run: () => of.current?.querySelector<HTMLElement>("input")?.focus() },
    ...(search
      ? [
          { keys: "n", label: "Next match", run: () => goOn(1) },
          { keys: "shift+n", label: "Match before", run: () => goOn(-1) },
        ]
      : []),
  ]);

  // where few lines are of these levels, or are not folded, they are looked for further on
  const isNarrowed = levels.size < LEVELS.length || attempt !== "" || shown.hidden.size > 0;
  const isFew = isNarrowed && shown.lines.nodes.length < ENOUGH && !found.isAwaited && !found.problem;
  const canLook = search ? found.lines.hasMore : found.lines.hasEarlier;
  const look = search ? found.more : found.earlier;
  const looks = isFew && canLook && nodes.length < MOST_LOOKED_AT;
  // biome-ignore lint/correctness/useExhaustiveDependencies: after each page that has come
  useEffect(() => {
    if (looks) look();
  }, [looks, look, nodes]);

  /** Cursors of a whole run's lines are others than those of a step's. */
  function narrow(to: number | null) {
    change({ in: to === null ? null : String(to), try: null, line: null }, { step: true });
  }

  const { isAwaited, problem } = found;
  const { lines } = shown;
  const [inSight] = useState(() => store<readonly number[]>([]));
  const seen = useCallback(
    (from: number, to: number) => {
      const steps = stepsIn(lines.nodes, from, to);
      if (steps.join() !== inSight.get().join()) inSight.set(steps);
    },
    [lines, inSight],
  );
  return (
    <div ref={of} className={styles.logs}>
      <div className={styles.tools}>
        <SearchField
          label="Search the logs"
          placeholder="Search the logs"
          text={search}
          change={(text) => change({ q: text || null, line: null })}
        />
        {step && only === undefined && (
          <Button quiet icon="close" onClick={() => narrow(null)}>
            {names.get(Number(step)) ?? `step ${step}`}
          </Button>
        )}
        {attempt && (
          <Button quiet icon="close" onClick={() => change({ try: null }, { step: true })}>
            Attempt {attempt}
          </Button>
        )}
        {at && (
          <Button quiet onClick={() => change({ line: null })}>
            To the end
          </Button>
        )}
        <fieldset className={styles.levels} aria-label="Levels">
          {LEVELS.map((one) => (
            <button
              key={one}
              type="button"
              aria-pressed={levels.has(one)}
              data-level={one}
              onClick={() => change({ level: toggled(levels, one) }, { step: true })}
            >
              {LEVEL_WORDS[one]} <span className="figures">{whole(ofThese.counts[one])}</span>
            </button>
          ))}
        </fieldset>
        {!search && (
          <Button
            quiet
            onClick={() => {
              setOthers(NONE);
              change({ fold: areFolded ? null : "1" }, { step: true });
            }}
          >
            {areFolded ? "Open all" : "Fold all"}
          </Button>
        )}
        <span className={styles.mute} role="status">
          {!isAwaited && search && matchAt >= 0 && `${whole(matchAt + 1)} of `}
          {!isAwaited && search && counted(lines.nodes.length, "line")}
          {!isAwaited && search && lines.hasMore && ", and more"}
          {looks && "Looking further…"}
        </span>
        {search && lines.nodes.length > 0 && (
          <>
            <Button quiet title="Match before" onClick={() => goOn(-1)}>
              <Keys of="shift+n" />
            </Button>
            <Button quiet title="Next match" onClick={() => goOn(1)}>
              <Keys of="n" />
            </Button>
          </>
        )}
        {matchAt >= 0 && (
          <Button quiet onClick={() => change({ q: null, line: lines.nodes[matchAt]?.cursor ?? null }, { step: true })}>
            Among the others
          </Button>
        )}
        {isFew && canLook && !looks && (
          <Button quiet onClick={look}>
            Look further: {whole(nodes.length)} lines have been looked at
          </Button>
        )}
      </div>
      {only === undefined && <LogTime run={run} inSight={inSight} choose={narrow} />}
      {problem && <Problem problem={problem} again={found.again} />}
      {lines.nodes.length > 0 ? (
        <LogView
          key={asked}
          lines={lines}
          levels={shown.levels}
          search={search}
          match={matchAt}
          hidden={shown.hidden}
          fold={search ? null : (block) => setOthers((before) => toggledSet(before, block))}
          chosen={at}
          nameOf={(line: Line) => names.get(line.step) ?? `step ${line.step}`}
          choose={(cursor) => change({ line: cursor })}
          narrow={step ? null : narrow}
          earlier={found.earlier}
          more={found.more}
          seen={seen}
        />
      ) : isAwaited ? (
        <Skeleton lines={10} height={22} />
      ) : (
        !problem && (
          <Empty
            title={
              search || nodes.length > 0
                ? "No line is like that"
                : lines.isOver
                  ? "Nothing was printed"
                  : "Nothing is printed yet"
            }
          >
            {(search || nodes.length > 0) && (
              <Button onClick={() => change({ q: null, level: null, try: null })}>Show all lines</Button>
            )}
          </Empty>
        )
      )}
    </div>
  );
}

function toggledSet(before: ReadonlySet<string>, key: string): ReadonlySet<string> {
  const after = new Set(before);
  if (!after.delete(key)) after.add(key);
  return after;
}
