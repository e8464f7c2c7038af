import { useMemo, useState } from "react";
import { useChange, useParam, useView } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { useLaunch } from "@/runs/use-launch.ts";
import { ofKeys } from "@/selection/language.ts";
import { read, useAnswer, useWhere } from "@/server/use-answer.ts";
import { Act, Button } from "@/shared/button.tsx";
import { Glyph } from "@/shared/glyph.tsx";
import type { AssetStatus } from "@/shared/marks.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { Problem, Skeleton } from "@/shared/panels.tsx";
import { duration } from "@/shared/times.ts";
import { toast } from "@/shell/toasts.ts";
import { KEYS, PARTITIONS, PREVIEW, TEXTS } from "./documents.ts";
import { GridChoice } from "./grid-choice.tsx";
import { keysText } from "./keys.ts";
import styles from "./partitions.module.css";
import { spansOf, type Window } from "./spans.ts";
import { Strip } from "./strip.tsx";

const MARKS = { FRESH: "fresh", STALE: "stale", MISSING: "missing" } as const;
/** Below so many the one strip shows each of them well. */
const FEW = 60;

/** How each partition stands; some of them are chosen, by hand or by their keys, and materialized. */
export default function Partitions({ asset }: { asset: string }) {
  const pick = useParam("pick");
  const change = useChange();
  const { data, problem, isAwaited, again } = useAnswer(PARTITIONS, { key: asset }, { on: ASSET_EVENTS });
  const found = data?.project.environment.asset;
  const spans = useMemo(() => spansOf(found?.partitions ?? []), [found]);
  const total = found?.partitioning?.count ?? 0;
  const dimensions = found?.partitioning?.dimensions ?? [];
  const all = useMemo(() => ({ from: 0, to: total }), [total]);
  const [drawn, draw] = useState<{ window: Window; text: string } | null>(null);
  const [named, name] = useState<Partial<Record<AssetStatus, string>>>({});
  const where = useWhere();
  const keysOf = useKeys(asset);
  const chosen = drawn && drawn.text === pick ? drawn.window : null;

  async function choose(window: Window) {
    const text = await keysOf(window);
    if (text === null) return;
    draw({ window, text });
    change({ pick: text });
  }

  /** Those of a status, or none of them where just they are chosen. */
  async function pickAll(status: AssetStatus) {
    const { data, problem } = await read(TEXTS, { ...where, key: asset });
    if (problem) return void toast(problem.message, { kind: "failed" });
    const text = data?.project.environment.asset.partitions.find((one) => one.status === status)?.partitions.text;
    if (text === undefined) return;
    name({ ...named, [status]: text });
    change({ pick: pick === text ? null : text });
  }

  if (!found) return problem ? <Problem problem={problem} again={again} /> : <Skeleton lines={6} />;
  return (
    <div className={styles.page} aria-busy={isAwaited || undefined}>
      {problem && <Problem problem={problem} again={again} />}
      <p className={styles.title}>
        {found.partitioning?.title}
        <span className={styles.chips}>
          {found.partitions.map(({ status, partitions }) => (
            <StatusChip
              key={status}
              status={status}
              count={partitions.count}
              isOn={pick !== "" && pick === named[status]}
              choose={() => void pickAll(status)}
            />
          ))}
        </span>
      </p>
      {dimensions.length > 0 ? (
        <GridChoice
          asset={asset}
          dimensions={dimensions}
          spans={spans}
          picked={pick}
          pick={(text) => change({ pick: text })}
        />
      ) : (
        <>
          <Strip label="All of them" spans={spans} window={all} chosen={chosen} choose={choose} />
          <Ends asset={asset} window={all} />
          {chosen && total > FEW && (
            <>
              <Strip label="Those that are chosen" spans={spans} window={chosen} chosen={null} choose={choose} />
              <Ends asset={asset} window={chosen} />
            </>
          )}
        </>
      )}
      <form
        className={styles.pick}
        onSubmit={(event) => {
          event.preventDefault();
          change({ pick: String(new FormData(event.currentTarget).get("pick")).trim() || null });
        }}
      >
        <label>
          Chosen
          <input
            key={pick}
            name="pick"
            defaultValue={pick}
            placeholder="Drag over the strip, or write keys as in 2026-01-01..2026-03-31"
            spellCheck={false}
            autoComplete="off"
          />
        </label>
        {pick && (
          <Button quiet icon="close" onClick={() => change({ pick: null })}>
            Clear
          </Button>
        )}
      </form>
      {pick && <Planned asset={asset} partition={pick} />}
    </div>
  );
}

interface ChipProps {
  status: AssetStatus;
  count: number;
  isOn: boolean;
  choose(): void;
}

function StatusChip({ status, count, isOn, choose }: ChipProps) {
  return (
    <button type="button" className={styles.chip} aria-pressed={isOn} onClick={choose}>
      <Glyph mark={MARKS[status]} size={11} /> {MARKS[status]} <span className="figures">{whole(count)}</span>
    </button>
  );
}

/** What a run of the chosen ones would do; the button asks for just that. */
function Planned({ asset, partition }: { asset: string; partition: string }) {
  const { asOf } = useView();
  const selection = ofKeys([asset]);
  const given = { selection, partition };
  const { data, problem, isAwaited, again } = useAnswer(PREVIEW, given, { on: ASSET_EVENTS, pause: asOf !== null });
  const launch = useLaunch();
  const [isBusy, setBusy] = useState(false);
  const plan = isAwaited ? null : data?.project.environment.planPreview;
  if (asOf !== null) return <Act needs="OPERATOR">Materialize</Act>;
  if (problem) return <Problem problem={problem} again={again} />;
  if (!plan) return <p className={styles.plan}>Looking at what there is to do…</p>;
  const { run, depends, reuse, fresh, blocked } = plan.counts;
  const said = [
    run > 0 && `${whole(run)} to compute`,
    depends > 0 && `${whole(depends)} as it turns out`,
    reuse > 0 && `${whole(reuse)} to reuse`,
    fresh > 0 && `${whole(fresh)} fresh`,
    blocked > 0 && `${whole(blocked)} blocked`,
    plan.estimate.samples > 0 && plan.steps > 0 && `about ${duration(plan.estimate.p50Ms)}`,
  ].filter(Boolean);
  return (
    <p className={styles.plan}>
      <Act
        needs="OPERATOR"
        icon="runs"
        disabled={isBusy || plan.steps === 0 || plan.refusal !== null}
        title={plan.refusal ?? undefined}
        onClick={async () => {
          setBusy(true);
          await launch({ ...given, planHash: plan.hash });
          setBusy(false);
        }}
      >
        Materialize {counted(plan.steps, "partition")}
      </Act>
      <span role="status">{plan.refusal ?? said.join(" · ")}</span>
    </p>
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
