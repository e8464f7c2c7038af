import { useChange, useParam, useView } from "@/address/use-address.ts";
import { useSession } from "@/session/session.ts";
import { Button } from "@/shared/button.tsx";
import { coming } from "@/shared/coming.tsx";
import { Keys } from "@/shared/keys.tsx";
import { whole } from "@/shared/numbers.ts";
import { momentName } from "./moment.ts";
import styles from "./past-bar.module.css";

const Since = coming(() => import("./since.tsx"));

/** Says that it is not now that is shown, and what has changed since. */
export function PastBar() {
  const { asOf } = useView();
  const { position } = useSession();
  const change = useChange();
  const until = useParam("since");
  if (asOf === null) return null;
  return (
    <>
      <div className={styles.bar} role="status">
        <span>
          Viewing <strong>{momentName(asOf)}</strong>
          {!/^\d+$/.test(asOf) && position > 0 && <span className={styles.at}> · log {whole(position)}</span>}
        </span>
        <span className={styles.ways}>
          <Button quiet onClick={() => change({ since: "1" })}>
            What changed since
          </Button>
          <Button quiet onClick={() => change({ asOf: null, since: null })}>
            Return to now <Keys of="escape" />
          </Button>
        </span>
      </div>
      {until && <Since asOf={asOf} until={until === "1" ? null : until} close={() => change({ since: null })} />}
    </>
  );
}
