// The URL is the state: what every page has in it, and how it is written.

/** What holds on every page, and is carried on by every link. */
export interface View {
  project: string | null;
  environment: string;
  /** A position of the log or a time; null for now. */
  asOf: string | null;
}

export type Params = Record<string, string | null | undefined>;

export const ENVIRONMENT = "prod";

const CARRIED = ["project", "env", "asOf"] as const;

export function viewIn(search: string): View {
  const found = new URLSearchParams(search);
  return {
    project: found.get("project") || null,
    environment: found.get("env") || ENVIRONMENT,
    asOf: found.get("asOf") || null,
  };
}

/** The search of an address after some of its parameters were changed; empty ones are left out. */
export function changed(search: string, params: Params): string {
  const found = new URLSearchParams(search);
  for (const [name, value] of Object.entries(params)) {
    if (value) found.set(name, value);
    else found.delete(name);
  }
  const text = found.toString();
  // what people read in their address bar, and send to others, is not more escaped than it has to be
  return text.replaceAll("%3A", ":").replaceAll("%2F", "/").replaceAll("%2C", ",");
}

/** The address of a page with parameters of its own, in the same view as the one whose search is given. */
export function addressOf(path: string, params: Params, search: string): string {
  const here = new URLSearchParams(search);
  const carried = Object.fromEntries(CARRIED.map((name) => [name, here.get(name)]));
  const text = changed("", { ...params, ...carried, ...pick(params, CARRIED) });
  return text ? `${path}?${text}` : path;
}

function pick(params: Params, names: readonly string[]): Params {
  return Object.fromEntries(Object.entries(params).filter(([name]) => names.includes(name)));
}

/** A path from names that may hold any character; those of assets hold slashes, which stay. */
export function pathOf(...names: string[]): string {
  return `/${names.flatMap((name) => name.split("/").map(encodeURIComponent)).join("/")}`;
}

/** Several values in one parameter, as `a,b`. */
export function listIn(text: string): string[] {
  return text.split(",").filter(Boolean).map(decodeURIComponent);
}

export function listAs(values: readonly string[]): string {
  return values.map((value) => encodeURIComponent(value)).join(",");
}
