import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useAnswer } from "@/server/use-answer.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { Problem, Skeleton } from "@/shared/panels.tsx";
import { ENVIRONMENT_EVENTS, SINCE } from "./documents.ts";
import styles from "./environments.module.css";

/** What an environment has otherwise than when it was branched. */
export function Changes({ name, since }: { name: string; since: number }) {
  const { data, problem, again } = useAnswer(SINCE, { name, since }, { on: ENVIRONMENT_EVENTS });
  if (problem && !data) return <Problem problem={problem} again={again} />;
  if (!data) return <Skeleton lines={1} height={36} />;
  const { heads, deployments, parameters } = data.project.changes.environment;
  const count = heads.totalCount + deployments.length + parameters.totalCount;
  if (count === 0) return <p className={styles.changes}>Nothing of its own yet.</p>;
  return (
    <details className={styles.changes}>
      <summary>
        Of its own: {counted(heads.totalCount, "asset")}, {counted(deployments.length, "deployment")},{" "}
        {counted(parameters.totalCount, "parameter")}
      </summary>
      <ul>
        {deployments.map(({ location, before, after }) => (
          <li key={location}>
            {location}:{" "}
            {before && after ? (
              <Link to="/deployments" params={{ before, after }}>
                {before.slice(0, 8)} → {after.slice(0, 8)}
              </Link>
            ) : (
              (after ?? "none").slice(0, 8)
            )}
          </li>
        ))}
        {heads.nodes.map(({ key, count: moved }) => (
          <li key={key}>
            <Link to={pathOf("assets", key)} params={{ env: name }}>
              {key}
            </Link>{" "}
            <span className={styles.mute}>{counted(moved, "version")}</span>
          </li>
        ))}
        {parameters.nodes.map(({ asset, name: parameter, before, after }) => (
          <li key={`${asset}.${parameter}`}>
            {asset}.{parameter}: {JSON.stringify(before)} → {JSON.stringify(after)}
          </li>
        ))}
        {heads.totalCount > heads.nodes.length && (
          <li className={styles.mute}>and {whole(heads.totalCount - heads.nodes.length)} more assets</li>
        )}
      </ul>
    </details>
  );
}
