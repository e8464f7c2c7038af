import { useView } from "@/address/use-address.ts";
import { ago, dated, exactly } from "./times.ts";
import { useNow } from "./use-now.ts";

/** A time as people think of it: how long ago it was; the time or day where another moment than now is shown. */
export function Ago({ at }: { at: string | null }) {
  const now = useNow();
  const { asOf } = useView();
  if (!at) return <span aria-hidden="true">–</span>;
  const then = new Date(at);
  return (
    <time dateTime={at} title={exactly(then)} className="figures">
      {asOf === null ? ago(then, now) : dated(then, now)}
    </time>
  );
}
