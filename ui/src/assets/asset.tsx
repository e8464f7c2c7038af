import { usePathname } from "wouter/use-browser-location";
import { Link } from "@/address/link.tsx";
import { useChange, useParam, useView } from "@/address/use-address.ts";
import { useMaterialize } from "@/materialize/use-materialize.ts";
import { ofKeys } from "@/selection/language.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Act, Button } from "@/shared/button.tsx";
import { coming } from "@/shared/coming.tsx";
import { Status } from "@/shared/glyph.tsx";
import { Keys } from "@/shared/keys.tsx";
import { Empty, PageHead, Problem, Skeleton } from "@/shared/panels.tsx";
import { type Tab, Tabs } from "@/shared/tabs.tsx";
import { useShortcuts } from "@/shell/use-shortcuts.ts";
import { WhyPanel } from "@/why/why-panel.tsx";
import styles from "./asset.module.css";
import { ASSET, type AssetPage } from "./asset-documents.ts";
import { ASSET_EVENTS } from "./documents.ts";
import { keyIn } from "./key.ts";
import { Overview } from "./overview.tsx";
import { sentence } from "./sentence.ts";

/** Stand for a tab that is on its way. */
const LINES = 8;

const Checks = coming(() => import("@/checks/checks.tsx"), LINES);
const Code = coming(() => import("@/code/code.tsx"), LINES);
const Columns = coming(() => import("@/columns/columns.tsx"), LINES);
const Metrics = coming(() => import("@/metrics/metrics.tsx"), LINES);
const Partitions = coming(() => import("@/partitions/partitions.tsx"), LINES);
const Runs = coming(() => import("./asset-runs.tsx"), LINES);
const Versions = coming(() => import("@/versions/versions.tsx"), LINES);

/** What the tabs have in the address of their own. */
const OF_TABS = ["partition", "a", "b", "pick", "by", "side", "lowest", "run", "column"];

/** One asset: how it stands and why, what it holds, what it is made from and by. */
export default function AssetOf() {
  const key = keyIn(usePathname());
  const { data, problem, isAwaited, again } = useAnswer(ASSET, { key }, { on: ASSET_EVENTS });
  const asset = data?.project.environment.asset;
  // what was answered of another asset is not shown under this one's name
  const shown = asset?.key === key ? asset : null;
  // also where it was there a moment ago: what was read of it then is no answer
  if (problem?.code === "BAD_INPUT" && !isAwaited) return <NotThere name={key} said={problem.message} />;
  return (
    <div className={styles.page}>
      {shown ? (
        <Shown key={key} asset={shown} />
      ) : (
        <>
          <PageHead title={key} />
          {isAwaited && <Skeleton lines={10} />}
        </>
      )}
      {problem && <Problem problem={problem} again={again} />}
    </div>
  );
}

function NotThere({ name, said }: { name: string; said: string }) {
  const { asOf, environment } = useView();
  return (
    <>
      <PageHead title={name} />
      <Empty title={`There ${asOf === null ? "is" : "was"} no asset ${name} in ${environment}`}>
        <p>{said}</p>
        <Link to="/assets" className={styles.link}>
          All assets
        </Link>
      </Empty>
    </>
  );
}

function Shown({ asset }: { asset: AssetPage }) {
  const change = useChange();
  const open = useParam("tab");
  const isWhy = useParam("why") !== "";
  const picked = useParam("pick");
  const why = (is: boolean) => change({ why: is ? "1" : null });
  const materialize = useMaterialize();
  const make = () => materialize({ selection: ofKeys([asset.key]), partition: picked });
  const backfill = () => materialize({ selection: ofKeys([asset.key]), partition: picked, only: "MISSING" });
  useShortcuts([
    { keys: "w", label: "Why does it stand so?", run: () => why(true) },
    ...(asset.origin === "MADE" ? [{ keys: "m", label: "Materialize", run: make }] : []),
    ...(asset.origin === "MADE" && asset.partitioning
      ? [{ keys: "b", label: "Backfill what is missing", run: backfill }]
      : []),
  ]);
  const { rest, ...standing } = sentence(asset);
  const tabs = tabsOf(asset);
  return (
    <>
      <PageHead
        title={<Name of={asset.key} />}
        actions={
          <>
            <Button icon="why" onClick={() => why(true)}>
              Why? <Keys of="w" />
            </Button>
            {asset.origin === "MADE" && (
              <Act primary needs="OPERATOR" icon="runs" onClick={make}>
                Materialize… <Keys of="m" />
              </Act>
            )}
          </>
        }
      >
        <span className={styles.stands} role="status">
          <Status {...standing} />
          {rest && <span>{rest}</span>}
        </span>
      </PageHead>
      {asset.description && <p className={styles.description}>{asset.description}</p>}
      <Tabs label="Of this asset" tabs={tabs} open={open} clears={OF_TABS} />
      <div className={styles.body}>
        <Opened name={open} asset={asset} />
      </div>
      {isWhy && <WhyPanel asset={asset.key} close={() => why(false)} />}
    </>
  );
}

function tabsOf(asset: AssetPage): Tab[] {
  const newest = asset.versions.nodes[0];
  const tabs = [
    { name: "", label: "Overview" },
    { name: "lineage", label: "Lineage", to: "/lineage", params: { focus: asset.key } },
    { name: "partitions", label: "Partitions", isThere: asset.partitioning !== null },
    { name: "versions", label: "Versions" },
    { name: "metrics", label: "Metrics", isThere: newest !== undefined },
    { name: "columns", label: "Columns", isThere: (newest?.columns.nodes.length ?? 0) > 0 },
    { name: "checks", label: "Checks", isThere: asset.declaredChecks.length > 0 },
    { name: "runs", label: "Runs", isThere: asset.origin === "MADE" },
    { name: "code", label: "Code", isThere: asset.origin !== "EXTERNAL" },
  ];
  return tabs.filter(({ isThere = true }) => isThere);
}

function Opened({ name, asset }: { name: string; asset: AssetPage }) {
  if (name === "versions") return <Versions asset={asset.key} isPartitioned={asset.partitioning !== null} />;
  if (name === "metrics") return <Metrics asset={asset.key} isPartitioned={asset.partitioning !== null} />;
  if (name === "columns") return <Columns asset={asset.key} isPartitioned={asset.partitioning !== null} />;
  if (name === "partitions" && asset.partitioning) return <Partitions asset={asset.key} />;
  if (name === "checks") return <Checks asset={asset.key} declared={asset.declaredChecks} />;
  if (name === "runs") return <Runs asset={asset.key} />;
  if (name === "code") return <Code asset={asset.key} />;
  return <Overview asset={asset} />;
}

/** What it is called, what is before the last slash quieter. */
function Name({ of }: { of: string }) {
  const at = of.lastIndexOf("/") + 1;
  return (
    <span className={styles.name}>
      {at > 0 && <span>{of.slice(0, at)}</span>}
      {of.slice(at)}
    </span>
  );
}
