// Following something as it happens: a stream that goes on where it was cut, and rests while nobody looks.
import { ask, HEADERS } from "./client.ts";
import { type Message, reader } from "./sse.ts";

export interface Asked {
  query: string;
  variables: Record<string, unknown>;
  /** Behind what to begin, as an earlier item or answer had it. */
  after?: string;
}

export interface Following<Data> {
  item(data: Data): void;
  /** There is no more to tell. */
  over?(): void;
  /** What was asked for cannot be followed. */
  refused?(message: string): void;
}

const FIRST_WAIT_MS = 500;
const LAST_WAIT_MS = 15_000;
/** The server says something at least every 15 s. */
const SILENCE_MS = 40_000;
/** What is refused for what it is; after all else it is tried again. */
const REFUSALS = new Set(["BAD_INPUT", "INVALID_QUERY", "REFUSED", "UNAUTHENTICATED"]);

/** Follows until it is told to stop. */
export function follow<Data>(asked: Asked, told: Following<Data>): () => void {
  let after = asked.after ?? "";
  let current: AbortController | null = null;
  let isOver = false;
  let waits = FIRST_WAIT_MS;
  let timer: ReturnType<typeof setTimeout> | undefined;

  function begin(): void {
    clearTimeout(timer);
    if (isOver || current || document.hidden) return;
    const mine = new AbortController();
    current = mine;
    void listen(mine).then(() => {
      if (current !== mine) return; // it was left, and perhaps begun anew
      current = null;
      if (isOver) return;
      timer = setTimeout(begin, waits * (0.5 + Math.random()));
      waits = Math.min(waits * 2, LAST_WAIT_MS);
    });
  }

  function leave(): void {
    current?.abort();
    current = null;
  }

  function end(say?: () => void): void {
    isOver = true;
    clearTimeout(timer);
    leave();
    document.removeEventListener("visibilitychange", seen);
    say?.();
  }

  async function listen(mine: AbortController): Promise<void> {
    let silence: ReturnType<typeof setTimeout> | undefined;
    function heard(): void {
      clearTimeout(silence);
      silence = setTimeout(() => mine.abort(), SILENCE_MS);
    }
    try {
      heard();
      const response = await opened(mine.signal);
      if (!response.ok || !response.body) return;
      const take = reader();
      const text = new TextDecoder();
      const pieces = response.body.getReader();
      for (let piece = await pieces.read(); !piece.done; piece = await pieces.read()) {
        heard();
        for (const message of take(text.decode(piece.value, { stream: true })))
          if (!isOver && current === mine) receive(message);
      }
    } catch {
      // the connection broke; it is begun again
    } finally {
      clearTimeout(silence);
    }
  }

  function opened(signal: AbortSignal): Promise<Response> {
    const headers = { ...HEADERS, Accept: "text/event-stream", "Content-Type": "application/json" };
    return ask("/graphql", {
      method: "POST",
      headers: after ? { ...headers, "Last-Event-ID": after } : headers,
      body: JSON.stringify({ query: asked.query, variables: asked.variables }),
      signal,
    });
  }

  let isCut = false;
  function receive({ event, data, id }: Message): void {
    if (event === "complete") {
      if (!isCut) end(told.over);
      isCut = false;
      return;
    }
    const said: { data?: Data; errors?: { message: string; extensions?: { code?: string } }[] } = JSON.parse(data);
    if (id) after = id;
    const error = said.errors?.[0];
    if (said.data && !error) {
      waits = FIRST_WAIT_MS;
      told.item(said.data);
    } else if (error && REFUSALS.has(error.extensions?.code ?? "")) {
      end(() => told.refused?.(error.message));
    } else isCut = true;
  }

  // A hidden page needs no connection, of which a browser has few for one server; it goes on when it is looked at.
  function seen(): void {
    if (document.hidden) leave();
    else begin();
  }

  document.addEventListener("visibilitychange", seen);
  begin();
  return () => end();
}
