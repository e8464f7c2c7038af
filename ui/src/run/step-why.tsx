import { pathOf } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import type { StepWhy } from "./documents.ts";
import styles from "./step-panel.module.css";
import { jobText, notRun, type Piece, waitPieces } from "./waits.ts";

/** What a step waits for, why it was not run, and what it is in another system. */
export function StepWhyOf({ run, why }: { run: string; why: StepWhy }) {
  const not = notRun(why, run);
  return (
    <>
      {not.length > 0 && (
        <p className={styles.line}>
          <span>
            <Pieces of={not} />.
          </span>
        </p>
      )}
      {why.taken.map(({ asset, version, source }) => (
        <p key={asset} className={styles.line}>
          <span className={styles.mute}>taken</span>
          <Link to={pathOf("assets", source ?? asset)} params={{ tab: "versions", a: version }}>
            {version}
          </Link>
          {source && <span className={styles.mute}>of {source}</span>}
        </p>
      ))}
      {why.waits.length > 0 && (
        <ul className={styles.waits} aria-label="What it waits for">
          {why.waits.map((wait) => (
            <li key={`${wait.kind} ${wait.pool}`}>
              It waits for <Pieces of={waitPieces(wait)} />.
            </li>
          ))}
        </ul>
      )}
      {why.jobs.length > 0 && (
        <ul className={styles.waits} aria-label="Jobs in other systems">
          {why.jobs.map((job) => (
            <li key={job.attempt}>
              Attempt {job.attempt}: {jobText(job)}{" "}
              {/^https?:/.test(job.link) && (
                <a href={job.link} target="_blank" rel="noopener noreferrer">
                  Its page
                </a>
              )}
            </li>
          ))}
        </ul>
      )}
    </>
  );
}

function Pieces({ of }: { of: readonly Piece[] }) {
  return of.map((piece, n) =>
    typeof piece === "string" ? (
      <span key={n}>{piece}</span>
    ) : (
      <Link
        key={`${piece.run} ${piece.step}`}
        to={pathOf("runs", piece.run)}
        params={{ tab: "steps", step: String(piece.step) }}
      >
        {piece.text}
      </Link>
    ),
  );
}
