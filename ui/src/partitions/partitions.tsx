import { useChange, useParam, useView } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { NOTHING } from "@/materialize/asked.ts";
import { inAll } from "@/materialize/planned.ts";
import { useMaterialize } from "@/materialize/use-materialize.ts";
import { usePreview } from "@/materialize/use-preview.ts";
import { ofKeys } from "@/selection/language.ts";
import { Act } from "@/shared/button.tsx";
import { counted } from "@/shared/numbers.ts";
import { Problem } from "@/shared/panels.tsx";
import { Brush } from "./brush.tsx";
import styles from "./partitions.module.css";

/** How each partition stands; some of them are chosen, by hand or by their keys, and materialized. */
export default function Partitions({ asset }: { asset: string }) {
  const pick = useParam("pick");
  const change = useChange();
  return (
    <div className={styles.page}>
      <Brush asset={asset} pick={pick} choose={(text) => change({ pick: text })} />
      {pick && <Planned asset={asset} partition={pick} />}
    </div>
  );
}

/** What a run of the chosen ones would do; the button goes on to it. */
function Planned({ asset, partition }: { asset: string; partition: string }) {
  const { asOf } = useView();
  const asked = { ...NOTHING, selection: ofKeys([asset]), partition };
  const { plan, problem, isAwaited, again } = usePreview(asked, ASSET_EVENTS);
  const materialize = useMaterialize();
  if (asOf !== null) return <Act needs="OPERATOR">Materialize</Act>;
  if (problem) return <Problem problem={problem} again={again} />;
  if (!plan || isAwaited) return <p className={styles.plan}>Looking at what there is to do…</p>;
  return (
    <p className={styles.plan}>
      <Act needs="OPERATOR" icon="runs" disabled={plan.steps === 0} onClick={() => materialize(asked)}>
        Materialize {counted(plan.steps, "partition")}…
      </Act>
      <span role="status">{plan.refusal ?? inAll(plan).join(" · ")}</span>
    </p>
  );
}
