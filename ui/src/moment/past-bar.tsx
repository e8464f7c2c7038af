import { useChange, useView } from "@/address/use-address.ts";
import { useSession } from "@/session/session.ts";
import { Button } from "@/shared/button.tsx";
import { Keys } from "@/shared/keys.tsx";
import { whole } from "@/shared/numbers.ts";
import { momentName } from "./moment.ts";
import styles from "./past-bar.module.css";

/** Says that it is not now that is shown. */
export function PastBar() {
  const { asOf } = useView();
  const { position } = useSession();
  const change = useChange();
  if (asOf === null) return null;
  return (
    <div className={styles.bar} role="status">
      <span>
        Viewing <strong>{momentName(asOf)}</strong>
        {!/^\d+$/.test(asOf) && position > 0 && <span className={styles.at}> · log {whole(position)}</span>}
      </span>
      <Button quiet onClick={() => change({ asOf: null })}>
        Return to now <Keys of="escape" />
      </Button>
    </div>
  );
}
