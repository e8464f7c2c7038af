import { useState } from "react";
import { Glyph } from "@/shared/glyph.tsx";
import { markOf } from "@/shared/marks.ts";
import { whole } from "@/shared/numbers.ts";
import styles from "./facets.module.css";
import { type FacetName, NARROWED_BY, type Narrowed, toggled } from "./narrowed.ts";

interface Facet {
  name: string;
  values: readonly { value: string; count: number }[];
}

interface Props {
  facets: readonly Facet[];
  narrowed: Narrowed;
  choose(field: FacetName, values: string[]): void;
}

const TITLES: Record<FacetName, string> = {
  status: "Status",
  group: "Group",
  owner: "Owner",
  kind: "Kind",
  tag: "Tag",
};
const SHOWN = 8;

/** What assets have, counted; a click narrows the list to it. */
export function Facets({ facets, narrowed, choose }: Props) {
  return NARROWED_BY.map((field) => {
    const values = facets.find(({ name }) => name === field)?.values ?? [];
    const gone = narrowed[field].filter((value) => !values.some((one) => one.value === value));
    const all = [...gone.map((value) => ({ value, count: 0 })), ...values];
    return (
      all.length > 0 && <OneFacet key={field} field={field} values={all} chosen={narrowed[field]} choose={choose} />
    );
  });
}

interface OneProps {
  field: FacetName;
  values: readonly { value: string; count: number }[];
  chosen: readonly string[];
  choose: Props["choose"];
}

function OneFacet({ field, values, chosen, choose }: OneProps) {
  const [isWhole, setWhole] = useState(false);
  const shown = isWhole ? values : values.slice(0, SHOWN);
  return (
    <fieldset className={styles.facet}>
      <legend>{TITLES[field]}</legend>
      {shown.map(({ value, count }) => (
        <label key={value} className={styles.value}>
          <input
            type="checkbox"
            checked={chosen.includes(value)}
            onChange={() => choose(field, toggled(chosen, value))}
          />
          {field === "status" && <Glyph mark={markOf(value)} size={11} />}
          <span className={styles.text} title={value}>
            {value}
          </span>
          <span className={styles.count}>{whole(count)}</span>
        </label>
      ))}
      {values.length > SHOWN && (
        <button type="button" className={styles.more} onClick={() => setWhole(!isWhole)}>
          {isWhole ? "Fewer" : `${values.length - SHOWN} more`}
        </button>
      )}
    </fieldset>
  );
}
