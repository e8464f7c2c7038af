// The one way to the server: who asks is let in, and whether it answers is noticed.
import { Client, cacheExchange, fetchExchange } from "@urql/core";
import { store } from "@/shared/store.ts";
import { found, lost } from "./reachability.ts";

/** Whether the server wants to know who it is. */
export const mustLogIn = store(false);

/** The last position of the log that an answer was true for, where it was of now. */
export const position = store(0);

/** The header says that this page is the server's own: pages of others cannot send it. */
export const HEADERS = { "X-Latewood-CSRF": "1" };

export async function ask(input: RequestInfo | URL, init?: RequestInit): Promise<Response> {
  let response: Response;
  try {
    response = await fetch(input, init);
  } catch (error) {
    if (!init?.signal?.aborted) lost();
    throw error;
  }
  if (response.status === 503 || response.status === 502 || response.status === 504) lost();
  else found();
  if (response.status === 401) mustLogIn.set(true);
  return response;
}

export const client = new Client({
  url: "/graphql",
  preferGetMethod: false,
  // The library ends a request once it has its first answer, which is all of it: nothing is to be cut off then.
  fetch: (input, init) => ask(input, { ...init, signal: null }),
  fetchOptions: { headers: HEADERS },
  exchanges: [cacheExchange, fetchExchange],
});

export function heardOf(at: number): void {
  if (at > position.get()) position.set(at);
}
