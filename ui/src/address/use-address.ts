// How components read and change the address.
import { useCallback, useMemo } from "react";
import { useLocation, useSearch } from "wouter";
import { hasPage } from "@/address/routes.ts";
import { addressOf, changed, type Params, type View, viewIn } from "./address.ts";

export function useView(): View {
  const search = useSearch();
  return useMemo(() => viewIn(search), [search]);
}

/** The text of a parameter; empty where it does not stand in the address. */
export function useParam(name: string): string {
  return new URLSearchParams(useSearch()).get(name) ?? "";
}

/** Changes parameters of this page's address. What somebody would want to come back to by "back" is a `step`. */
export function useChange(): (params: Params, how?: { step?: boolean }) => void {
  const [path, go] = useLocation();
  const search = useSearch();
  return useCallback(
    (params, how) => {
      const text = changed(search, params);
      go(text ? `${path}?${text}` : path, { replace: !how?.step });
    },
    [go, path, search],
  );
}

/** Goes to another page, in the same view; nowhere where there is no such page. */
export function useGo(): (path: string, params?: Params) => void {
  const [, go] = useLocation();
  const search = useSearch();
  return useCallback((path, params = {}) => void (hasPage(path) && go(addressOf(path, params, search))), [go, search]);
}
