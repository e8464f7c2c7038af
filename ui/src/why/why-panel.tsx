import { Fragment } from "react";
import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useParam } from "@/address/use-address.ts";
import { ASSET_EVENTS } from "@/assets/documents.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Ago } from "@/shared/ago.tsx";
import { Dialog } from "@/shared/dialog.tsx";
import { Status } from "@/shared/glyph.tsx";
import { standingOf } from "@/shared/marks.ts";
import { whole } from "@/shared/numbers.ts";
import { Problem, Skeleton } from "@/shared/panels.tsx";
import { type Explanation, WHY } from "./documents.ts";
import styles from "./why-panel.module.css";
import { because, inVain, type Line, lines, movedBy, type Piece, unsaid } from "./words.ts";

/** Why an asset stands as it does: what lies at the root first, each a link to where it lies. */
export function WhyPanel({ asset, close }: { asset: string; close(): void }) {
  const partition = useParam("partition");
  const { data, problem, isAwaited, again } = useAnswer(WHY, { key: asset, partition }, { on: ASSET_EVENTS });
  const found = data?.project.environment.why;
  return (
    <Dialog title={`Why ${asset}?`} close={close} place="side">
      <div className={styles.panel}>
        {problem && <Problem problem={problem} again={again} />}
        {found && !isAwaited ? <Found explanation={found} /> : !problem && <Skeleton lines={6} />}
      </div>
    </Dialog>
  );
}

function Found({ explanation }: { explanation: Explanation }) {
  const { partition, status, since, barred } = explanation;
  const told = lines(explanation);
  const more = unsaid(explanation);
  return (
    <>
      <p className={styles.stands}>
        <Status {...standingOf(status, [])} />
        {partition && <span>partition {partition}</span>}
        {since !== null && <span>since log {whole(since)}</span>}
      </p>
      {told.length > 0 ? (
        <ol className={styles.lines} aria-label="What lies at the root">
          {told.map((line, n) => (
            <Told key={n} line={line} number={n + 1} />
          ))}
        </ol>
      ) : (
        <p className={styles.fresh}>
          Nothing has changed since it was made: code, parameters and what it reads are the same.
        </p>
      )}
      {more && <p className={styles.rest}>{more}</p>}
      {barred && (
        <p>
          <Pieces of={inVain(barred)} />
        </p>
      )}
      <Made explanation={explanation} />
    </>
  );
}

function Told({ line, number }: { line: Line; number: number }) {
  return (
    <li>
      <span className={styles.number} aria-hidden="true">
        {number}
      </span>
      <div>
        <p>
          <span className={styles.kind}>{line.kind}</span>
          <Pieces of={line.pieces} />
        </p>
        {line.said && <pre className={styles.said}>{line.said}</pre>}
        {line.through.length > 0 && (
          <p className={styles.rest}>
            reaches it through{" "}
            {line.through.map((asset, n) => (
              <Fragment key={asset}>
                {n > 0 && " → "}
                <Link to={pathOf("assets", asset)}>{asset}</Link>
              </Fragment>
            ))}
          </p>
        )}
        {line.event !== null && (
          <p className={styles.rest}>
            <Moment at={line.event} />
          </p>
        )}
      </div>
    </li>
  );
}

/** How the head was made, and how it came to be that. */
function Made({ explanation: { head, takenFrom, madeBecause, moved } }: { explanation: Explanation }) {
  if (!head) return null;
  const made = takenFrom ?? head;
  return (
    <section className={styles.made}>
      <h3>How it was made</h3>
      <p>
        Version <code>{head.id}</code>{" "}
        {takenFrom && (
          <>
            was taken from <Link to={pathOf("assets", takenFrom.asset)}>{takenFrom.asset}</Link>, which{" "}
          </>
        )}
        was {head.artifact ? "made by" : "told of by"} <Pieces of={["run ", { run: made.run }]} /> ·{" "}
        <Ago at={made.madeAt} said />
      </p>
      {madeBecause.length > 0 && <p>It was run because {madeBecause.map(because).join("; ")}</p>}
      {moved && (
        <p>
          It became head by <Pieces of={movedBy(moved)} /> · <Ago at={moved.at} said /> · <Moment at={moved.position} />
        </p>
      )}
    </section>
  );
}

function Moment({ at }: { at: number }) {
  return (
    <Link to="/log" params={{ event: String(at) }}>
      log {whole(at)}
    </Link>
  );
}

function Pieces({ of }: { of: readonly Piece[] }) {
  return of.map((piece, n) => (
    <Fragment key={n}>
      {typeof piece === "string" ? (
        piece
      ) : "asset" in piece ? (
        <>
          <Link to={pathOf("assets", piece.asset)}>{piece.asset}</Link>
          {piece.partitions && ` ${piece.partitions}`}
        </>
      ) : "run" in piece ? (
        <Link to={pathOf("runs", piece.run)}>{piece.run}</Link>
      ) : (
        <code>{piece.code}</code>
      )}
    </Fragment>
  ));
}
