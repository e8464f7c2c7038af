// What draws each page, loaded when it is first shown.
import type { ComponentType } from "react";
import type { RoutePath } from "@/address/routes.ts";
import { type Coming, coming } from "@/shared/coming.tsx";

const LINES = 12;

function page(load: () => Promise<{ default: ComponentType }>): Coming<object> {
  return coming(load, LINES);
}

export const PAGES: Record<RoutePath, Coming<object>> = {
  "/": page(() => import("@/home/home.tsx")),
  "/assets": page(() => import("@/assets/catalog.tsx")),
  "/assets/*": page(() => import("@/assets/asset.tsx")),
  "/lineage": page(() => import("@/lineage/lineage.tsx")),
  "/runs": page(() => import("@/runs/runs.tsx")),
  "/runs/:id": page(() => import("@/run/run.tsx")),
  "/backfills": page(() => import("@/runs/backfills.tsx")),
  "/backfills/:id": page(() => import("@/runs/backfill.tsx")),
  "/automations": page(() => import("@/automations/automations.tsx")),
  "/log": page(() => import("@/log/log.tsx")),
  "/deployments": page(() => import("@/deployments/deployments.tsx")),
  "/environments": page(() => import("@/environments/environments.tsx")),
  "/settings": page(() => import("@/settings/settings.tsx")),
};
