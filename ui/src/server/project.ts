// Which project is shown where the address names none: the only one that may be seen, or the usual one.
import { useView } from "@/address/use-address.ts";
import { store, useStore } from "@/shared/store.ts";

export const USUAL = "default";

export const ownProject = store(USUAL);

export function useProject(): string {
  const { project } = useView();
  const own = useStore(ownProject);
  return project ?? own;
}

/** The one to begin with, of those that may be seen. */
export function chosen(projects: readonly string[]): string {
  return projects.includes(USUAL) ? USUAL : (projects[0] ?? USUAL);
}
