import { useEffect, useRef } from "react";
import { useSearch } from "wouter";
import { changed, type Params } from "@/address/address.ts";
import { Link } from "@/address/link.tsx";
import { useChange } from "@/address/use-address.ts";
import styles from "./tabs.module.css";

export interface Tab {
  /** As it stands in the address; empty for the one that is open at first. */
  name: string;
  label: string;
  /** How many of what it shows there are. */
  count?: number;
  /** Of what is a page of its own: where that is. */
  to?: string;
  params?: Params;
}

/** Parts of a page of which one is open; each has an address. What other tabs have in theirs is `clears`. */
export function Tabs({
  label,
  tabs,
  open,
  clears = [],
}: {
  label: string;
  tabs: readonly Tab[];
  open: string;
  clears?: readonly string[];
}) {
  const search = useSearch();
  const change = useChange();
  const of = useRef<HTMLElement>(null);
  useEffect(() => {
    // where there is no room for all, the one that is open is in sight
    if (open) of.current?.querySelector("[aria-current]")?.scrollIntoView?.({ block: "nearest", inline: "nearest" });
  }, [open]);
  return (
    <nav ref={of} className={styles.tabs} aria-label={label}>
      {tabs.map(({ name, label: text, count, to, params: of }) => {
        if (to)
          return (
            <Link key={name} to={to} params={of}>
              {text}
            </Link>
          );
        const params = { ...Object.fromEntries(clears.map((one) => [one, null])), tab: name || null };
        return (
          <a
            key={name}
            href={`?${changed(search, params)}`}
            aria-current={name === open ? "page" : undefined}
            onClick={(event) => {
              if (event.metaKey || event.ctrlKey || event.shiftKey || event.button !== 0) return;
              event.preventDefault();
              change(params, { step: true });
            }}
          >
            {text}
            {count !== undefined && <span>{count}</span>}
          </a>
        );
      })}
    </nav>
  );
}
