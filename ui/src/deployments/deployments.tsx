import { useChange, useParam, useView } from "@/address/use-address.ts";
import { carryOut } from "@/server/carry-out.ts";
import { useProject } from "@/server/project.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Act, Button } from "@/shared/button.tsx";
import { Chips } from "@/shared/chips.tsx";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, PageHead, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { toast } from "@/shell/toasts.ts";
import styles from "./deployments.module.css";
import { Difference } from "./difference.tsx";
import { DEPLOYMENT_EVENTS, DEPLOYMENTS, type LocationNow, ROLL_BACK } from "./documents.ts";

/** What was deployed of each location, the newest first; what is other than before, and the way back. */
export default function Deployments() {
  const { data, problem, again } = useAnswer(DEPLOYMENTS, {}, { on: DEPLOYMENT_EVENTS });
  const change = useChange();
  const before = useParam("before");
  const after = useParam("after");
  const locations = data?.project.locations;
  return (
    <div className={styles.page}>
      <PageHead title="Deployments">
        <span role="status">{locations && locations.length > 0 && counted(locations.length, "location")}</span>
      </PageHead>
      {problem && <Problem problem={problem} again={again} />}
      {!locations && !problem && <Skeleton lines={8} height={40} />}
      {locations?.length === 0 && (
        <Empty title="Nothing is deployed">
          <p>
            <code>latewood deploy -f assets.py</code> deploys a file of assets.
          </p>
        </Empty>
      )}
      <div className={styles.all}>
        {locations?.map((location) => (
          <Location key={location.name} of={location} again={again} />
        ))}
      </div>
      {before && after && (
        <Difference before={before} after={after} close={() => change({ before: null, after: null })} />
      )}
    </div>
  );
}

function Location({ of: { name, deployments }, again }: { of: LocationNow; again(): void }) {
  const change = useChange();
  const { environment } = useView();
  const rollBack = useRollBack(name, again);
  return (
    <Panel title={name} actions={<span className={styles.mute}>{counted(deployments.length, "deployment")}</span>}>
      <ul className={styles.rows}>
        {deployments.map(({ id, assets, changed, dropped, createdAt, actor, environments }, n) => {
          const earlier = deployments[n + 1];
          const isHere = environments.includes(environment);
          return (
            <li key={id}>
              <code title={id}>{id.slice(0, 8)}</code>
              <Chips texts={environments} />
              <span className={styles.counts}>
                {counted(assets, "asset")}
                {earlier && changed > 0 && `, ${whole(changed)} changed`}
                {dropped > 0 && `, ${whole(dropped)} dropped`}
              </span>
              <span className={styles.who}>
                {actor.replace(/ \(token .*/, "")} <Ago at={createdAt} />
              </span>
              <span className={styles.acts}>
                {earlier ? (
                  <Button
                    quiet
                    aria-label={`What changed by ${id.slice(0, 8)}`}
                    onClick={() => change({ before: earlier.id, after: id }, { step: true })}
                  >
                    What changed
                  </Button>
                ) : (
                  <span />
                )}
                {!isHere && (
                  <Act
                    needs="DEPLOYER"
                    aria-label={`Go back to ${id.slice(0, 8)}`}
                    title={`${environment} has this deployment again`}
                    onClick={() => void rollBack(id)}
                  >
                    Go back
                  </Act>
                )}
              </span>
            </li>
          );
        })}
      </ul>
    </Panel>
  );
}

/** Gives the environment that deployment again; that can be undone. */
function useRollBack(location: string, again: () => void): (deployment: string) => Promise<void> {
  const project = useProject();
  const { environment } = useView();
  return async function rollBack(deployment) {
    const asked = { project, environment, location, deployment };
    const done = await carryOut(ROLL_BACK, asked, (data) => data.deploymentRollback, "DeploymentRolledBack");
    if (!done) return;
    again();
    const { before, staleCount, freshCount } = done;
    const text = `${environment} has ${done.deployment.slice(0, 8)}: ${whole(staleCount)} stale by that, ${whole(freshCount)} fresh again`;
    toast(text, before === done.deployment ? {} : { undo: () => void rollBack(before) });
  };
}
