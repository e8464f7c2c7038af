// Whether the server answers. What is shown stays while it does not, and is read anew once it does.
import { store } from "@/shared/store.ts";

/** Since when nothing comes from the server; null while it answers. */
export const lostSince = store<Date | null>(null);

/** Grows when all that is shown has to be read anew. */
export const generation = store(0);

const FIRST_WAIT_MS = 1_000;
const LAST_WAIT_MS = 10_000;

let timer: ReturnType<typeof setTimeout> | undefined;

export function lost(): void {
  if (lostSince.get() !== null) return;
  lostSince.set(new Date());
  look(FIRST_WAIT_MS);
}

export function found(): void {
  if (lostSince.get() === null) return;
  clearTimeout(timer);
  lostSince.set(null);
  refresh();
}

export function refresh(): void {
  generation.set(generation.get() + 1);
}

/** Whether nothing comes since the server is away: asked by who missed something, which then comes with `generation`. */
export async function isAway(): Promise<boolean> {
  if (lostSince.get() === null && !(await ready())) lost();
  return lostSince.get() !== null;
}

/** Looks at once, as when somebody asks for it. */
export function lookNow(): void {
  clearTimeout(timer);
  void ready().then((is) => (is ? found() : look(FIRST_WAIT_MS)));
}

function look(wait: number): void {
  timer = setTimeout(async () => {
    if (await ready()) found();
    else look(Math.min(wait * 1.5, LAST_WAIT_MS));
  }, wait);
}

async function ready(): Promise<boolean> {
  try {
    return (await fetch("/readyz", { cache: "no-store" })).ok;
  } catch {
    return false;
  }
}
