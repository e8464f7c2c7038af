import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useView } from "@/address/use-address.ts";
import { graphql, type ResultOf } from "@/graphql.ts";
import { momentOf, useAnswer } from "@/server/use-answer.ts";
import { Dialog } from "@/shared/dialog.tsx";
import { valueText } from "@/shared/json.ts";
import { counted, whole } from "@/shared/numbers.ts";
import { Empty, Problem, Skeleton } from "@/shared/panels.tsx";
import { momentName } from "./moment.ts";
import styles from "./since.module.css";

/** Of now or another moment, whatever moment the page shows: what has become otherwise since that one. */
const CHANGED_SINCE = graphql(`
  query ChangedSince($project: String!, $environment: String!, $until: Moment, $since: Moment!) {
    project(name: $project, asOf: $until) {
      changes(since: $since) {
        environment(name: $environment) {
          heads(first: 100) {
            totalCount
            nodes { key count partitions { text } moves(first: 1) { nodes { before { id } after { id } } } }
          }
          deployments { location before after }
          parameters(first: 100) { totalCount nodes { asset name before after } }
        }
      }
    }
  }
`);

type Changes = ResultOf<typeof CHANGED_SINCE>["project"]["changes"]["environment"];

interface Props {
  asOf: string;
  /** The later moment; null for now. */
  until: string | null;
  close(): void;
}

/** What has changed between the moment that is shown and a later one, or now. */
export default function Since({ asOf, until, close }: Props) {
  const { environment } = useView();
  const { data, problem, isAwaited, again } = useAnswer(CHANGED_SINCE, {
    since: momentOf(asOf) ?? asOf,
    until: momentOf(until),
  });
  const found = isAwaited ? null : data?.project.changes.environment;
  return (
    <Dialog
      title={until === null ? `Since ${momentName(asOf)}` : `From ${momentName(asOf)} to ${momentName(until)}`}
      place="side"
      close={close}
    >
      <div className={styles.since}>
        {problem && <Problem problem={problem} again={again} />}
        {found ? <Shown of={found} until={until} /> : !problem && <Skeleton lines={8} />}
        {found && (
          <p className={styles.mute}>
            What moved and came back is not among it. In {environment}, until{" "}
            {until === null ? "now" : momentName(until)}.
          </p>
        )}
      </div>
    </Dialog>
  );
}

function Shown({ of: { heads, deployments, parameters }, until }: { of: Changes; until: string | null }) {
  // what is linked to is there at the later moment, and was not at the one that is shown
  const later = { asOf: until };
  if (heads.totalCount + deployments.length + parameters.totalCount === 0)
    return <Empty title="Nothing has changed since" />;
  return (
    <>
      {deployments.length > 0 && (
        <section>
          <h3>Code</h3>
          <ul>
            {deployments.map(({ location, before, after }) => (
              <li key={location}>
                <span>{location}</span>
                {before && after ? (
                  <Link to="/deployments" params={{ ...later, before, after }}>
                    {before.slice(0, 8)} → {after.slice(0, 8)}
                  </Link>
                ) : (
                  <span>{after ? "is new" : "is gone"}</span>
                )}
              </li>
            ))}
          </ul>
        </section>
      )}
      {parameters.nodes.length > 0 && (
        <section>
          <h3>Parameters</h3>
          <ul>
            {parameters.nodes.map(({ asset, name, before, after }) => (
              <li key={`${asset}.${name}`}>
                <span>
                  {asset}.{name}
                </span>
                <span>
                  {valueText(before)} → {valueText(after)}
                </span>
              </li>
            ))}
          </ul>
          <More of={parameters} />
        </section>
      )}
      {heads.nodes.length > 0 && (
        <section>
          <h3>Assets</h3>
          <ul>
            {heads.nodes.map((head) => (
              <Moved key={head.key} of={head} later={later} />
            ))}
          </ul>
          <More of={heads} />
        </section>
      )}
    </>
  );
}

/** An asset that has other heads: of one of them, what it has otherwise than the one of then. */
function Moved({
  of: { key, count, partitions, moves },
  later,
}: {
  of: Changes["heads"]["nodes"][number];
  later: { asOf: string | null };
}) {
  const [move] = moves.nodes;
  const both = count === 1 && move?.before && move.after ? { a: move.before.id, b: move.after.id } : null;
  return (
    <li>
      <Link to={pathOf("assets", key)} params={later}>
        {key}
      </Link>
      {both ? (
        <Link to={pathOf("assets", key)} params={{ ...later, tab: "versions", ...both }}>
          compare
        </Link>
      ) : (
        <span title={partitions.text}>{count === 1 ? "is new" : counted(count, "partition")}</span>
      )}
    </li>
  );
}

function More({ of: { totalCount, nodes } }: { of: { totalCount: number; nodes: readonly unknown[] } }) {
  if (totalCount <= nodes.length) return null;
  return <p className={styles.mute}>and {whole(totalCount - nodes.length)} more</p>;
}
