import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { Ago } from "@/shared/ago.tsx";
import { entriesOf, valueText } from "@/shared/json.ts";
import { bytes, counted } from "@/shared/numbers.ts";
import { duration } from "@/shared/times.ts";
import { brief } from "@/why/words.ts";
import type { Head } from "./asset-documents.ts";
import { Facts } from "./facts.tsx";
import styles from "./overview.module.css";

/** What is known of a version: who made it, from what, with what, and what was recorded of it. */
export function HeadFacts({ head }: { head: Head }) {
  const metadata = entriesOf(head.metadata);
  const parameters = entriesOf(head.parameters);
  return (
    <>
      <Facts
        wide
        facts={[
          ["Version", <code key="id">{head.id}</code>],
          ["Made", <Ago key="at" at={head.madeAt} />],
          [
            "By run",
            <Link key="run" to={pathOf("runs", head.run)}>
              <code>{head.run}</code>
            </Link>,
          ],
          ["Took", head.artifact ? duration(head.durationMs) : null],
          ["Size", head.size === null ? null : bytes(head.size)],
          [
            "Content",
            <code key="data" title={head.dataVersion}>
              {brief(head.dataVersion)}
            </code>,
          ],
          ["Checks", head.isAccepted ? null : "a blocking check refuses it"],
          ...metadata.map(([name, value]): [string, string] => [name, valueText(value)]),
          ...parameters.map(([name, value]): [string, string] => [`parameter ${name}`, valueText(value)]),
        ]}
      />
      {head.inputs.length > 0 && (
        <ul className={styles.inputs} aria-label="What it read">
          {head.inputs.map(({ name, asset, partitions, versionsCount }) => (
            <li key={name}>
              <span>{name === asset ? "read" : `${name} ←`}</span>
              <Link to={pathOf("assets", asset)}>{asset}</Link>
              <span>
                {partitions || (versionsCount !== null && versionsCount > 1 && counted(versionsCount, "version"))}
              </span>
            </li>
          ))}
        </ul>
      )}
    </>
  );
}
