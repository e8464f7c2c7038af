import { lookNow, lostSince } from "@/server/reachability.ts";
import { Button } from "@/shared/button.tsx";
import { useStore } from "@/shared/store.ts";
import { clock } from "@/shared/times.ts";
import styles from "./banner.module.css";

/** Says that what is shown may be old, while the server does not answer. */
export function Banner() {
  const since = useStore(lostSince);
  return (
    <div role="status" aria-live="polite">
      {since && (
        <div className={styles.banner}>
          <span>
            <strong>The server does not answer.</strong> What you see is as of{" "}
            <time className="figures">{clock(since, undefined, true)}</time>; trying again…
          </span>
          <Button quiet onClick={lookNow}>
            Try now
          </Button>
        </div>
      )}
    </div>
  );
}
