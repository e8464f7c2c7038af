// Every page there is: its path and what it is called; `pages.ts` says what draws it. Who adds one adds a line to both.
import type { IconName } from "@/shared/icons.ts";

export interface Route {
  /** As wouter has it; `/*` takes the rest, slashes too. */
  path: string;
  title: string;
  /** Where it stands in the navigation, if it does. */
  navigation?: { icon: IconName; keys: string };
}

const TABLE = [
  { path: "/", title: "Home", navigation: { icon: "home", keys: "g h" } },
  { path: "/assets", title: "Assets", navigation: { icon: "assets", keys: "g a" } },
  { path: "/assets/*", title: "Asset" },
  { path: "/lineage", title: "Lineage", navigation: { icon: "lineage", keys: "g l" } },
  { path: "/runs", title: "Runs", navigation: { icon: "runs", keys: "g r" } },
  { path: "/runs/:id", title: "Run" },
  { path: "/backfills", title: "Backfills", navigation: { icon: "backfills", keys: "g b" } },
  { path: "/backfills/:id", title: "Backfill" },
  { path: "/automations", title: "Automations", navigation: { icon: "automations", keys: "g u" } },
  { path: "/log", title: "Log", navigation: { icon: "log", keys: "g o" } },
  { path: "/deployments", title: "Deployments", navigation: { icon: "deployments", keys: "g d" } },
  { path: "/environments", title: "Environments", navigation: { icon: "environments", keys: "g e" } },
  { path: "/settings", title: "Settings", navigation: { icon: "settings", keys: "g s" } },
] as const satisfies readonly Route[];

export type RoutePath = (typeof TABLE)[number]["path"];

export const ROUTES: readonly (Route & { path: RoutePath })[] = TABLE;

export function matches(route: Route, path: string): boolean {
  const wanted = route.path.split("/");
  const given = path.split("/");
  return (
    wanted.every((part, n) => part === "*" || (part.startsWith(":") ? Boolean(given[n]) : part === given[n])) &&
    (wanted.at(-1) === "*" ? given.length >= wanted.length : given.length === wanted.length)
  );
}

/** Whether there is a page at a path: links to others are plain text. */
export function hasPage(path: string): boolean {
  const [plain] = path.split(/[?#]/);
  return ROUTES.some((one) => matches(one, plain ?? ""));
}
