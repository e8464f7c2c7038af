import { useCallback } from "react";
import { useChange } from "@/address/use-address.ts";
import { type Asked, askedAs, NOTHING } from "./asked.ts";

/** Opens the dialog over the page that is there, for what is given. */
export function useMaterialize(): (asked?: Partial<Asked>) => void {
  const change = useChange();
  return useCallback((asked = {}) => change(askedAs({ ...NOTHING, ...asked })), [change]);
}
