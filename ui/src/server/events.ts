// What happens in a project, told to whoever wants to know, over one connection for all of them.
import { stringifyDocument } from "@urql/core";
import { useEffect, useRef } from "react";
import { useView } from "@/address/use-address.ts";
import { graphql } from "@/graphql.ts";
import { heardOf, position } from "./client.ts";
import { follow } from "./follow.ts";
import { useProject } from "./project.ts";

export interface Happened {
  position: number;
  type: string;
  stream: string;
}

const EVENTS = graphql(`
  subscription Events($project: String!, $types: [String!]) {
    events(project: $project, types: $types) { position type stream }
  }
`);

interface Listener {
  project: string;
  types: readonly string[];
  told(event: Happened): void;
}

const listeners = new Set<Listener>();
let followed = "";
let stop: (() => void) | null = null;
let due: ReturnType<typeof setTimeout> | undefined;
/** What was known when the first of those came that are yet to be told: what they have asked for is no older. */
let from = 0;

/** The types that any of them wants, each once. */
export function wanted(of: Iterable<{ types: readonly string[] }>): string[] {
  return [...new Set([...of].flatMap((listener) => listener.types))].sort();
}

function listen(listener: Listener): () => void {
  listeners.add(listener);
  schedule();
  return () => {
    listeners.delete(listener);
    schedule();
  };
}

/** Pages that follow each other want other types: one change of the connection, once they have settled. */
function schedule(): void {
  if (due === undefined) from = position.get();
  clearTimeout(due);
  due = setTimeout(settle, 250);
}

function settle(): void {
  due = undefined;
  const [first] = listeners;
  const types = wanted(listeners);
  const key = first ? JSON.stringify([first.project, types]) : "";
  if (key === followed) return;
  followed = key;
  stop?.();
  stop = null;
  if (!first) return;
  const { project } = first;
  const asked = { query: stringifyDocument(EVENTS), variables: { project, types } };
  // not from where some answer of meanwhile was: another one may be older, and what lies between would be told to nobody
  const behind = from || position.get();
  const after = behind ? { after: String(behind) } : {};
  stop = follow<{ events: Happened }>(
    { ...asked, ...after },
    {
      item({ events: event }) {
        heardOf(event.position);
        for (const one of [...listeners])
          if (one.project === project && one.types.includes(event.type)) one.told(event);
      },
    },
  );
}

/** Tells of every event of these types, as long as the page shows now; the past does not change. */
export function useEvents(types: readonly string[], told: (event: Happened) => void): void {
  const { asOf } = useView();
  const project = useProject();
  const latest = useRef(told);
  useEffect(() => {
    latest.current = told;
  });
  const key = types.join(" ");
  useEffect(() => {
    if (asOf !== null || !key) return;
    return listen({ project, types: key.split(" "), told: (event) => latest.current(event) });
  }, [project, asOf, key]);
}
