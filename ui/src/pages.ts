// Every page there is: its path, what it is called, and what draws it. Who adds one adds a line here.
import type { ComponentType } from "react";
import { type Coming, coming } from "@/shared/coming.tsx";
import type { IconName } from "@/shared/icons.ts";

export interface Page {
  /** As wouter has it; `/*` takes the rest, slashes too. */
  path: string;
  title: string;
  Component: Coming<object>;
  /** Where it stands in the navigation, if it does. */
  navigation?: { icon: IconName; keys: string };
}

const LINES = 12;

function page(
  path: string,
  title: string,
  load: () => Promise<{ default: ComponentType }>,
  navigation?: Page["navigation"],
): Page {
  const made = { path, title, Component: coming(load, LINES) };
  return navigation ? { ...made, navigation } : made;
}

export const PAGES: readonly Page[] = [
  page("/", "Home", () => import("@/home/home.tsx"), { icon: "home", keys: "g h" }),
  page("/assets", "Assets", () => import("@/assets/catalog.tsx"), { icon: "assets", keys: "g a" }),
  page("/assets/*", "Asset", () => import("@/assets/asset.tsx")),
  page("/lineage", "Lineage", () => import("@/lineage/lineage.tsx"), { icon: "lineage", keys: "g l" }),
  page("/runs", "Runs", () => import("@/runs/runs.tsx"), { icon: "runs", keys: "g r" }),
  page("/runs/:id", "Run", () => import("@/run/run.tsx")),
  page("/backfills", "Backfills", () => import("@/runs/backfills.tsx"), { icon: "backfills", keys: "g b" }),
  page("/backfills/:id", "Backfill", () => import("@/runs/backfill.tsx")),
  page("/automations", "Automations", () => import("@/automations/automations.tsx"), {
    icon: "automations",
    keys: "g u",
  }),
  page("/log", "Log", () => import("@/log/log.tsx"), { icon: "log", keys: "g o" }),
  page("/deployments", "Deployments", () => import("@/deployments/deployments.tsx"), {
    icon: "deployments",
    keys: "g d",
  }),
  page("/environments", "Environments", () => import("@/environments/environments.tsx"), {
    icon: "environments",
    keys: "g e",
  }),
  page("/settings", "Settings", () => import("@/settings/settings.tsx"), { icon: "settings", keys: "g s" }),
];

export function matches(page: Page, path: string): boolean {
  const wanted = page.path.split("/");
  const given = path.split("/");
  return (
    wanted.every((part, n) => part === "*" || (part.startsWith(":") ? Boolean(given[n]) : part === given[n])) &&
    (wanted.at(-1) === "*" ? given.length >= wanted.length : given.length === wanted.length)
  );
}

/** Whether there is a page at a path: links to others are plain text. */
export function hasPage(path: string): boolean {
  const [plain] = path.split(/[?#]/);
  return PAGES.some((one) => matches(one, plain ?? ""));
}
