import type { ReactNode } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { Held } from "@/assets/sample.tsx";
import { Line } from "@/code/line.tsx";
import { useHighlighted } from "@/code/use-highlighted.ts";
import { changesOf } from "@/columns/changes.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Button } from "@/shared/button.tsx";
import { valueText } from "@/shared/json.ts";
import { Empty, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { brief } from "@/why/words.ts";
import styles from "./compare.module.css";
import { diffLines } from "./diff.ts";
import { DIFFERENCE, type Difference, SAMPLES } from "./documents.ts";

interface Props {
  asset: string;
  before: string;
  after: string;
  back(): void;
  swap(): void;
}

/** What one version has otherwise than another: nothing that is the same. */
export function Compare({ asset, before, after, back, swap }: Props) {
  const { data, problem, isAwaited, again } = useAnswer(DIFFERENCE, { key: asset, before, after });
  const found = data?.project.environment.versionDifference;
  return (
    <div className={styles.compare}>
      <div className={styles.tools}>
        <Button icon="left" onClick={back}>
          All versions
        </Button>
        <Button quiet onClick={swap}>
          Swap
        </Button>
      </div>
      {problem && <Problem problem={problem} again={again} />}
      {found && !isAwaited ? <Shown asset={asset} difference={found} /> : !problem && <Skeleton lines={10} />}
    </div>
  );
}

function Shown({ asset, difference }: { asset: string; difference: Difference }) {
  const { before, after, sameData } = difference;
  const parts = sections(difference);
  return (
    <>
      <div className={styles.heads}>
        <Side title="Before" version={before} />
        <Side title="After" version={after} />
      </div>
      <p className={styles.same}>
        {sameData
          ? "Both hold the same."
          : `They hold other content: ${brief(before.dataVersion)} → ${brief(after.dataVersion)}.`}
      </p>
      {parts}
      {!sameData && <Samples asset={asset} before={before.id} after={after.id} />}
      {parts.length === 0 && <Empty title="They were made in the same way, from the same" />}
    </>
  );
}

function Side({ title, version }: { title: string; version: Difference["before"] }) {
  return (
    <Panel>
      <p className={styles.side}>
        <span>{title}</span>
        <code>{version.id}</code>
        {version.partition && <span>{version.partition}</span>}
        <span>
          made <Ago at={version.madeAt} />
        </span>
      </p>
    </Panel>
  );
}

/** A little of what each holds, side by side. */
function Samples(asked: { asset: string; before: string; after: string }) {
  const { asset: key, before, after } = asked;
  const { data, problem, isAwaited, again } = useAnswer(SAMPLES, { key, before, after });
  const found = isAwaited ? null : data?.project.environment.versionDifference;
  return (
    <div className={styles.heads}>
      {problem && <Problem problem={problem} again={again} />}
      {!found && !problem && <Skeleton lines={6} />}
      {found && [
        <Panel key="before" title="What it held">
          <Held of={found.before} />
        </Panel>,
        <Panel key="after" title="What it holds">
          <Held of={found.after} />
        </Panel>,
      ]}
    </div>
  );
}

function sections(difference: Difference): ReactNode[] {
  const { before, after, code, texts, parts, parameters, resources, inputs, metadata } = difference;
  const untold = code.filter(({ name }) => !texts.some((text) => text.name === name));
  return [
    texts.map(({ name, diff }) => (
      <Panel key={`text ${name}`} title={<code>{name}</code>}>
        <Diff diff={diff} />
      </Panel>
    )),
    table(
      "Code",
      untold.map(({ subject, name, before, after }) => [
        subject === "part" ? name : `${subject} ${name}`,
        brief(before ?? ""),
        brief(after ?? ""),
      ]),
    ),
    table("Parameters", parameters.map(changed)),
    table(
      "Columns",
      changesOf(before.columns.nodes, after.columns.nodes).map(({ name, before, after }) => [
        name,
        before ?? "",
        after ?? "",
      ]),
    ),
    table("Recorded of them", metadata.map(changed)),
    table(
      "What was read",
      inputs.map(({ name, asset, sameData, before, after, versionsBefore, versionsAfter }) => [
        <Link key={name} to={pathOf("assets", asset)}>
          {name}
        </Link>,
        sameData ? brief(versionsBefore ?? "") : brief(before ?? ""),
        sameData ? `${brief(versionsAfter ?? "")} (the same content)` : brief(after ?? ""),
      ]),
    ),
    table("Resources", resources.map(changed)),
    table(
      "Definition",
      parts.map(({ what, before, after }) => [what, before ?? "", after ?? ""]),
    ),
  ]
    .flat()
    .filter((one) => one !== null);
}

type Row = readonly [ReactNode, string, string];

function changed({ name, before, after }: { name: string; before: unknown; after: unknown }): Row {
  return [name, valueText(before), valueText(after)];
}

function table(title: string, rows: readonly Row[]): ReactNode {
  if (rows.length === 0) return null;
  return (
    <Panel key={title} title={title}>
      <table className={styles.table}>
        <thead>
          <tr>
            <th scope="col">What</th>
            <th scope="col">Before</th>
            <th scope="col">After</th>
          </tr>
        </thead>
        <tbody>
          {rows.map(([name, before, after], n) => (
            <tr key={n}>
              <th scope="row">{name}</th>
              <td>{before || "–"}</td>
              <td>{after || "–"}</td>
            </tr>
          ))}
        </tbody>
      </table>
    </Panel>
  );
}

const SIGNS = { added: "+", removed: "−", place: "", same: "" } as const;

function Diff({ diff }: { diff: string }) {
  const lines = diffLines(diff);
  const pieces = useHighlighted(lines.map(({ text }) => text).join("\n"), "");
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no pointer scrolls it by keys
    <section className={styles.diff} tabIndex={0} aria-label="Difference">
      {lines.map(({ kind, text }, n) => (
        <div key={n} data-kind={kind}>
          <span>{SIGNS[kind]}</span>
          {kind === "place" ? <code>{text}</code> : <Line pieces={pieces[n]} />}
        </div>
      ))}
    </section>
  );
}
