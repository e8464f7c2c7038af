import { useEffect, useRef } from "react";
import { SelectionField } from "@/selection/selection-field.tsx";
import { Button } from "@/shared/button.tsx";
import { counted } from "@/shared/numbers.ts";
import { Select } from "@/shared/select.tsx";
import { type Asked, NOTHING } from "./asked.ts";
import type { Launchable } from "./documents.ts";
import styles from "./materialize.module.css";

interface Props {
  asked: Asked;
  ask(more: Partial<Asked>): void;
}

/** What is to be made, as a selection. */
export function What(props: Props & { refusal: string | null; total: number | null }) {
  const { asked, ask, refusal, total } = props;
  const of = useRef<HTMLDivElement>(null);
  // biome-ignore lint/correctness/useExhaustiveDependencies: who has to say first what it is about begins there
  useEffect(() => void (asked.selection || of.current?.querySelector("input")?.focus()), []);
  return (
    <div ref={of} className={styles.what}>
      <SelectionField
        text={asked.selection}
        change={(selection) => selection !== asked.selection && ask({ selection, tried: {} })}
        refusal={refusal}
        isLeft="asked"
      />
      <span className="figures" role="status">
        {total !== null && counted(total, "asset")}
      </span>
    </div>
  );
}

const SUGGESTED = [
  ["status:stale or status:missing", "All that is not fresh"],
  ["status:failed", "All that failed"],
  ["*", "All assets"],
] as const;

interface SuggestionsProps {
  choose(more: Partial<Asked>): void;
  launchables: readonly Launchable[];
}

/** Where to begin: what needs it, and what has a name. */
export function Suggestions({ choose, launchables }: SuggestionsProps) {
  return (
    <>
      <p className={styles.suggestions}>
        {SUGGESTED.map(([selection, text]) => (
          <Button key={selection} title={selection} onClick={() => choose({ selection })}>
            {text}
          </Button>
        ))}
      </p>
      {launchables.length > 0 && (
        <p className={styles.suggestions}>
          <span className={styles.mute}>or launch</span>
          {launchables.slice(0, NAMED_AT_ONCE).map(({ name, location, description }) => (
            <Button
              key={`${location} ${name}`}
              icon="runs"
              title={description}
              onClick={() => choose({ launch: name })}
            >
              {name}
            </Button>
          ))}
          {launchables.length > NAMED_AT_ONCE && (
            <Button quiet onClick={() => choose({ launch: launchables[NAMED_AT_ONCE]!.name })}>
              {counted(launchables.length - NAMED_AT_ONCE, "more", "more")}
            </Button>
          )}
        </p>
      )}
    </>
  );
}

const NAMED_AT_ONCE = 6;

interface ByNameProps extends Props {
  all: readonly Launchable[];
  chosen: Launchable | undefined;
}

/** A workflow or launch plan in place of a selection: it says itself what it makes. */
export function ByName({ asked, ask, all, chosen }: ByNameProps) {
  const names = [...new Set([asked.launch, ...all.map(({ name }) => name)])].sort();
  return (
    <>
      <div className={styles.what}>
        <Select
          label="Workflow or launch plan"
          value={asked.launch}
          options={names.map((name): [string, string] => [name, name])}
          change={(launch) => ask({ ...NOTHING, launch })}
        />
        <Button quiet icon="close" onClick={() => ask(NOTHING)}>
          Select assets instead
        </Button>
      </div>
      {chosen && (
        <p className={styles.mute}>
          {chosen.description && <>{chosen.description} </>}
          {chosen.isWorkflow ? "A workflow" : chosen.workflow ? `A launch plan of ${chosen.workflow}` : "A launch plan"}
          {" that makes "}
          <code>{chosen.selection}</code>
        </p>
      )}
    </>
  );
}
