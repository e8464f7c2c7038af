import { useMemo, useState } from "react";
import { useSearch } from "wouter";
import { pathOf } from "@/address/address.ts";
import { useChange, useGo, useView } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { Brush } from "@/partitions/brush.tsx";
import { useAnswer } from "@/server/use-answer.ts";
import { allows, useSession } from "@/session/session.ts";
import { Act, Button } from "@/shared/button.tsx";
import { Dialog } from "@/shared/dialog.tsx";
import { Keys } from "@/shared/keys.tsx";
import { counted } from "@/shared/numbers.ts";
import { Problem, Skeleton } from "@/shared/panels.tsx";
import { Select } from "@/shared/select.tsx";
import { toast } from "@/shell/toasts.ts";
import { useShortcuts } from "@/shell/use-shortcuts.ts";
import { type Asked, askedAs, askedIn, CLOSED, NOTHING, type Only } from "./asked.ts";
import { LAUNCHABLES, type Launchable, type Plan, TARGETS, type Target } from "./documents.ts";
import styles from "./materialize.module.css";
import { Parameters } from "./parameters.tsx";
import { PlanShown } from "./plan-shown.tsx";
import { inAll, withInputs } from "./planned.ts";
import { takenBy, takenByName } from "./takes.ts";
import { type Launched, useLaunch } from "./use-launch.ts";
import { usePreview } from "./use-preview.ts";
import { ByName, Suggestions, What } from "./what.tsx";

/** What is to be made, with what, and what that would do: over any page, and as it stands in the address. */
export default function Materialize() {
  const search = useSearch();
  const asked = useMemo(() => askedIn(search) ?? NOTHING, [search]);
  const change = useChange();
  const close = () => change(CLOSED);
  return (
    <Dialog title="Materialize" close={close}>
      <Asking asked={asked} ask={(more) => change(askedAs({ ...asked, ...more }))} close={close} />
    </Dialog>
  );
}

const NONE: readonly Launchable[] = [];

interface Props {
  asked: Asked;
  ask(more: Partial<Asked>): void;
  close(): void;
}

function Asking({ asked, ask, close }: Props) {
  const { asOf } = useView();
  const isNothing = asked.selection === "" && asked.launch === "";
  const isSelected = asked.selection !== "" && asked.launch === "";
  const launchables = useAnswer(LAUNCHABLES, {}).data?.project.environment.launchPlans.nodes ?? NONE;
  const launched = launchables.find(({ name }) => name === asked.launch);
  const found = useAnswer(TARGETS, { selection: asked.selection }, { pause: !isSelected });
  const targets = isSelected ? found.data?.project.environment.assets : undefined;
  const takes = useMemo(
    () => (launched ? takenByName(launched) : targets ? takenBy(targets.nodes) : []),
    [launched, targets],
  );
  const unknown = targets ? targets.totalCount - targets.nodes.length : 0;
  const [isSettled, setSettled] = useState(true);
  const preview = usePreview(asked, ASSET_EVENTS, isNothing);
  const plan = isNothing || preview.problem ? null : preview.plan;
  const partitioned = targets?.nodes.find(({ partitioning, origin }) => partitioning && origin === "MADE");
  const { run, isBusy, said } = useRun(close, preview.again);
  const isReady = isSettled && plan !== null && !preview.isAwaited && plan.steps > 0 && plan.refusal === null;
  const start = () => void (isReady && !isBusy && run(asked, plan.hash));
  useShortcuts([{ keys: "mod+enter", label: "Run the plan", whileTyping: true, run: start }]);

  return (
    <div className={styles.form}>
      {asked.launch ? (
        <ByName asked={asked} ask={ask} all={launchables} chosen={launched} />
      ) : (
        <What asked={asked} ask={ask} refusal={found.problem?.message ?? null} total={targets?.totalCount ?? null} />
      )}
      {isNothing && <Suggestions choose={ask} launchables={launchables} />}
      {partitioned && (
        <section className={styles.part} aria-label="Partitions">
          <Brush
            key={partitioned.key}
            asset={partitioned.key}
            of={<b>{partitioned.key}</b>}
            pick={asked.partition}
            choose={(partition) => ask({ partition })}
          />
          <Others targets={targets?.nodes ?? []} shown={partitioned} />
        </section>
      )}
      {(takes.length > 0 || unknown > 0) && (
        <Parameters takes={takes} unknown={unknown} asked={asked} ask={ask} settled={setSettled} />
      )}
      {!isNothing && <How asked={asked} ask={ask} />}
      <section className={styles.part} aria-label="Plan">
        {preview.problem && !isNothing && asOf === null && <Problem problem={preview.problem} again={preview.again} />}
        {plan ? (
          <PlanShown plan={plan} isOld={preview.isAwaited || !isSettled}>
            <UpToDate plan={plan} asked={asked} ask={ask} />
          </PlanShown>
        ) : (
          !isNothing && !preview.problem && asOf === null && <Skeleton lines={3} height={26} />
        )}
        {said && (
          <p className={styles.said} role="alert">
            {said}
          </p>
        )}
      </section>
      <footer className={styles.foot}>
        <WhyNot plan={plan} />
        <Button onClick={close}>Cancel</Button>
        <Act primary needs="OPERATOR" disabled={!isReady || isBusy} onClick={start}>
          {plan && plan.steps > 0 ? `Run ${counted(plan.steps, "step")}` : "Run"} <Keys of="mod+enter" />
        </Act>
      </footer>
    </div>
  );
}

/** Runs what was shown; says what is in the way of it where it is, and goes on to the run. */
function useRun(close: () => void, again: () => void) {
  const go = useGo();
  const launch = useLaunch();
  const [isBusy, setBusy] = useState(false);
  const [said, say] = useState("");

  function tell(done: Launched): void {
    if ("isChanged" in done) {
      say("Meanwhile it has become another plan. Nothing was run: this is what it would do now.");
      again();
    } else if ("problem" in done) say(done.problem.message);
    else if ("isUnread" in done) close();
    else if (done.run) {
      toast(`Run ${done.run} was asked for`);
      close(); // who comes back finds the page, not the dialog
      go(pathOf("runs", done.run));
    } else {
      toast("Nothing was to be run");
      close();
    }
  }

  async function run(asked: Asked, hash: string): Promise<void> {
    setBusy(true);
    say("");
    tell(await launch(asked, hash).finally(() => setBusy(false)));
  }

  return { run, isBusy, said };
}

/** Assets that are partitioned otherwise are not drawn: the text holds for them as far as they have such keys. */
function Others({ targets, shown }: { targets: readonly Target[]; shown: Target }) {
  const others = targets.filter(({ key, partitioning }) => partitioning && key !== shown.key);
  const otherwise = others.filter(({ partitioning }) => partitioning?.title !== shown.partitioning?.title);
  if (others.length === 0) return null;
  return (
    <p className={styles.mute}>
      The same partitions of {counted(others.length, "other asset")}
      {otherwise.length > 0 && `; ${counted(otherwise.length, "is", "are")} partitioned otherwise`}
    </p>
  );
}

/** Where nothing is to be done, though what was selected may be stale by what it reads: the way to that. */
function UpToDate({ plan, asked, ask }: Pick<Props, "asked" | "ask"> & { plan: Plan }) {
  const wider = asked.launch ? "" : withInputs(asked.selection);
  if (plan.steps > 0 || plan.counts.fresh === 0) return null;
  return (
    <p>
      What was selected is up to date with what it reads.{" "}
      {wider && <Button onClick={() => ask({ selection: wider })}>Include all that it reads</Button>}
    </p>
  );
}

const WANTED: readonly (readonly [Only, string])[] = [
  ["", "all that is not fresh"],
  ["MISSING", "only what is missing"],
  ["STALE", "only what is stale"],
  ["FAILED", "only what failed"],
];

const FORCED = [["", "all of them"], ...WANTED.slice(1)] as const;

function How({ asked, ask }: Pick<Props, "asked" | "ask">) {
  return (
    <div className={styles.how}>
      {asked.launch === "" && (
        <Select
          label="Which of them"
          value={asked.only}
          options={asked.force ? FORCED : WANTED}
          change={(value) => ask({ only: WANTED.find(([only]) => only === value)?.[0] ?? "" })}
        />
      )}
      <label className={styles.force}>
        <input type="checkbox" checked={asked.force} onChange={(event) => ask({ force: event.target.checked })} />
        Compute it whatever there is
      </label>
    </div>
  );
}

/** What would be run in short; or why nothing can be, where that is for who is there or when it is. */
function WhyNot({ plan }: { plan: Plan | null }) {
  const { role } = useSession();
  const { asOf } = useView();
  const why = !allows(role, "OPERATOR")
    ? "You may look at what a run would do. Operators may have it run."
    : asOf !== null
      ? "The past is shown, in which nothing can be run. Return to now first."
      : plan && inAll(plan).join(" · "); // where the plan itself is out of sight
  return <span className={styles.why}>{why}</span>;
}
