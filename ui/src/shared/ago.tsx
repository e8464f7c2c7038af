import { useView } from "@/address/use-address.ts";
import { ago, agoSaid, dated, exactly } from "./times.ts";
import { useNow } from "./use-now.ts";

/** A time as people think of it: how long ago it was; the time or day where another moment than now is shown. `said`: within a sentence. */
export function Ago({ at, said = false }: { at: string | null; said?: boolean }) {
  const now = useNow();
  const { asOf } = useView();
  if (!at) return <span aria-hidden="true">–</span>;
  const then = new Date(at);
  return (
    <time dateTime={at} title={exactly(then)} className="figures">
      {asOf !== null ? dated(then, now) : said ? agoSaid(then, now) : ago(then, now)}
    </time>
  );
}
