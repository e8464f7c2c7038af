import { type ReactNode, useState } from "react";
import { Button } from "@/shared/button.tsx";
import { counted, whole } from "@/shared/numbers.ts";
import type { Plan } from "./documents.ts";
import styles from "./plan-shown.module.css";
import { ACTIONS, type Because, byReason, inAll } from "./planned.ts";

const AT_ONCE = 6;

/** What would be done, in all and by reason, and what is in its way. */
export function PlanShown({ plan, isOld, children }: { plan: Plan; isOld: boolean; children?: ReactNode }) {
  const [isWhole, setWhole] = useState(false);
  const lines = byReason(plan.assets.nodes);
  const shown = isWhole ? lines : lines.slice(0, AT_ONCE);
  const [first, ...rest] = inAll(plan);
  const untold = plan.assets.totalCount - plan.assets.nodes.length;
  return (
    <div className={styles.plan} data-old={isOld || undefined} aria-busy={isOld}>
      <p role="status">
        <b>{first ?? "There is nothing to do"}</b>
        {rest.map((text) => ` · ${text}`)}
      </p>
      {children}
      {plan.refusal && <p className={styles.refusal}>{plan.refusal}</p>}
      {lines.length > 0 && (
        <table className={styles.lines} aria-label="By reason">
          <tbody>
            {shown.map((line) => (
              <Line key={`${line.action} ${line.why}`} line={line} />
            ))}
          </tbody>
        </table>
      )}
      {lines.length > shown.length && (
        <Button quiet onClick={() => setWhole(true)}>
          {counted(lines.length - shown.length, "more reason")}
        </Button>
      )}
      {untold > 0 && <p className={styles.mute}>and of {counted(untold, "more task")}</p>}
      {plan.replaces.map(({ asset, partitions, actor }) => (
        <p key={asset} className={styles.warning}>
          It replaces what {actor} made head of {asset}
          {partitions && ` ${partitions}`}
        </p>
      ))}
      {plan.leftOut.nodes.map(({ message }) => (
        <p key={message} className={styles.mute}>
          {message}
        </p>
      ))}
      {plan.leftOut.totalCount > plan.leftOut.nodes.length && (
        <p className={styles.mute}>
          {counted(plan.leftOut.totalCount - plan.leftOut.nodes.length, "more is", "more are")} left out
        </p>
      )}
    </div>
  );
}

const NAMED = 4;

function Line({ line: { action, why, count, assets, partitions } }: { line: Because }) {
  const more = assets.length - NAMED;
  return (
    <tr>
      <td className="figures">{whole(count)}</td>
      <th scope="row" data-action={action}>
        {ACTIONS[action]}
      </th>
      <td>{why}</td>
      <td className={styles.where} title={[...assets, partitions].join("\n")}>
        {assets.slice(0, NAMED).join(", ")}
        {more > 0 && ` and ${counted(more, "more", "more")}`} {partitions}
      </td>
    </tr>
  );
}
