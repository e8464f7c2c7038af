import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange, useParam } from "@/address/use-address.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Chips } from "@/shared/chips.tsx";
import { Status } from "@/shared/glyph.tsx";
import { entriesOf, valueText } from "@/shared/json.ts";
import { standingOf } from "@/shared/marks.ts";
import { counted } from "@/shared/numbers.ts";
import { Empty, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { type AssetPage, HEAD } from "./asset-documents.ts";
import { ASSET_EVENTS } from "./documents.ts";
import { Facts } from "./facts.tsx";
import { HeadFacts } from "./head-facts.tsx";
import { partitionsRead, policyFacts, resourceFacts } from "./made-how.ts";
import styles from "./overview.module.css";
import { Sample } from "./sample.tsx";

/** The version that there is, what it holds, and what is above and below it. */
export function Overview({ asset }: { asset: AssetPage }) {
  const newest = asset.versions.nodes[0];
  const partition = useParam("partition") || (asset.partitioning ? (newest?.partition ?? "") : "");
  const isThere = !asset.partitioning || partition !== "";
  const { data, problem, isAwaited, again } = useAnswer(
    HEAD,
    { key: asset.key, partition },
    { on: ASSET_EVENTS, pause: !isThere },
  );
  const found = data?.project.environment.asset.head ?? null;
  const head = found && found.partition === partition ? found : null;
  return (
    <div className={styles.overview}>
      <div className={styles.main}>
        <div className={styles.beside}>
          <Neighbours
            title="Made from"
            assets={asset.upstream}
            notes={partitionsRead(asset.inputs)}
            none="It reads no other asset."
          />
          <Neighbours
            title="Read by"
            assets={asset.downstream}
            count={asset.downstreamCount}
            none="Nothing reads it."
          />
        </div>
        {problem && <Problem problem={problem} again={again} />}
        {head ? (
          <>
            <Panel title="Head" actions={asset.partitioning && <Partition at={partition} />}>
              <HeadFacts head={head} />
            </Panel>
            <Sample key={head.id} asset={asset.key} partition={partition} />
          </>
        ) : isThere && isAwaited ? (
          <Skeleton lines={10} />
        ) : (
          !problem && <Never asset={asset} partition={partition} />
        )}
      </div>
      <aside className={styles.side} aria-label="About it">
        <Panel>
          <About asset={asset} />
        </Panel>
      </aside>
    </div>
  );
}

/** The partition that is shown; another one can be asked for. */
function Partition({ at }: { at: string }) {
  const change = useChange();
  return (
    <form
      className={styles.partition}
      onSubmit={(event) => {
        event.preventDefault();
        change({ partition: String(new FormData(event.currentTarget).get("partition")).trim() }, { step: true });
      }}
    >
      <label>
        partition <input key={at} name="partition" defaultValue={at} spellCheck={false} autoComplete="off" />
      </label>
    </form>
  );
}

function Never({ asset, partition }: { asset: AssetPage; partition: string }) {
  const missing = asset.upstream.filter(({ status }) => status === "MISSING");
  return (
    <Panel title="Head" actions={asset.partitioning && partition && <Partition at={partition} />}>
      <Empty title={partition ? `There is nothing of ${partition}` : "It was never made"}>
        <p>
          {missing.length > 0
            ? `It needs ${missing.map(({ key }) => key).join(", ")}, which ${missing.length === 1 ? "is" : "are"} missing too; materializing it makes all of them.`
            : asset.origin === "EXTERNAL"
              ? "Others make it; nobody has told of a version yet."
              : "All that it reads is there."}
        </p>
      </Empty>
    </Panel>
  );
}

const AT_ONCE = 12;

interface NeighboursProps {
  title: string;
  assets: AssetPage["upstream"];
  /** How many there are, if these are the first. */
  count?: number;
  /** What is to say of some of them. */
  notes?: ReadonlyMap<string, string>;
  none: string;
}

function Neighbours({ title, assets, count = assets.length, notes, none }: NeighboursProps) {
  const shown = assets.slice(0, AT_ONCE);
  return (
    <Panel title={title}>
      <ul className={styles.neighbours}>
        {shown.map(({ key, status, flags }) => (
          <li key={key}>
            <Link to={pathOf("assets", key)}>{key}</Link>
            {notes?.has(key) && <small>{notes.get(key)}</small>}
            <Status {...standingOf(status, flags)} />
          </li>
        ))}
        {assets.length === 0 && <li className={styles.none}>{none}</li>}
        {count > AT_ONCE && <li className={styles.none}>{counted(count - AT_ONCE, "more", "more")}, in its lineage</li>}
      </ul>
    </Panel>
  );
}

function About({ asset }: { asset: AssetPage }) {
  const tags = entriesOf(asset.tags).map(([name, value]) => (value ? `${name}: ${valueText(value)}` : name));
  return (
    <Facts
      facts={[
        ["Group", asset.group],
        ["Owners", asset.owners.join(", ")],
        ["Kind", asset.kinds.length > 0 && <Chips key="kinds" texts={asset.kinds} />],
        ["Tags", tags.length > 0 && <Chips key="tags" texts={tags} />],
        ["Partitions", asset.partitioning?.title],
        ["Origin", { MADE: "", EXTERNAL: "made by others", VIRTUAL: "a view of other assets" }[asset.origin]],
        ["Location", asset.location],
        ["Task", asset.task && <code key="task">{asset.task}</code>],
        ["Code version", asset.codeVersion && <code key="code">{asset.codeVersion.slice(0, 12)}</code>],
        [
          "Checks",
          asset.declaredChecks
            .map(({ name, blocking, severity }) =>
              blocking ? `${name} (blocking)` : severity === "warning" ? `${name} (warning)` : name,
            )
            .join(", "),
        ],
        ["Type", asset.origin === "MADE" && asset.typeText],
        ["Step of", asset.workflow],
        ["Task of", asset.sharedFrom],
        ["Stored", asset.stored && `by ${asset.stored.io} at ${asset.stored.place}`],
        ...asset.parameters.map(({ name, standing, pinned, required }): [string, string] => [
          `Parameter ${name}`,
          required && !pinned ? "has to be given" : `${valueText(standing)}${pinned ? " (pinned)" : ""}`,
        ]),
        ...resourceFacts(asset.resources),
        ...policyFacts(asset.policies),
        ["Not covered by the code version", asset.uncovered.join("; ")],
        ...entriesOf(asset.metadata).map(([name, value]): [string, string] => [name, valueText(value)]),
      ]}
    />
  );
}
