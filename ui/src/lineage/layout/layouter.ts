import type { Graph } from "../graph.ts";
import type { Answer, Request } from "./session.ts";

/** The layout in a worker. While it is busy only the last of what is asked waits: the others are outdated by then. */
export interface Layouter {
  know(graph: Graph): void;
  arrange(expanded: readonly number[], only: Uint8Array | null): void;
  end(): void;
}

export function layouter(onScene: (answer: Answer) => void, worker: Worker = newWorker()): Layouter {
  let sent = 0;
  let busy = false;
  let waiting: Request | null = null;
  const send = (request: Request): void => {
    busy = true;
    worker.postMessage(request);
  };
  worker.onmessage = ({ data }: MessageEvent<Answer>) => {
    busy = false;
    if (waiting) {
      const next = waiting;
      waiting = null;
      send(next);
    } else if (data.id === sent) onScene(data);
  };
  return {
    know: (graph) => {
      waiting = null;
      sent++; // what is being laid out is of another graph
      worker.postMessage({ kind: "graph", graph } satisfies Request);
    },
    arrange: (expanded, only) => {
      const request: Request = { kind: "arrange", id: ++sent, expanded, only };
      if (busy) waiting = request;
      else send(request);
    },
    end: () => worker.terminate(),
  };
}

function newWorker(): Worker {
  return new Worker(new URL("./worker.ts", import.meta.url), { type: "module" });
}
