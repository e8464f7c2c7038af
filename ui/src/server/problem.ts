// What went wrong, in words for whoever sees it.
import type { CombinedError } from "@urql/core";

export interface Problem {
  message: string;
  /** `UNAVAILABLE`, `NOT_FOUND`, …; empty where nobody said. */
  code: string;
  /** Whether trying again may help; else the question was wrong. */
  passes: boolean;
}

const PASSING = new Set(["UNAVAILABLE", "TOO_MANY", "TOO_SLOW", "TIMEOUT", "INTERNAL"]);

export function problemOf(error: CombinedError): Problem {
  const first = error.graphQLErrors[0];
  if (!first) return { message: "The server does not answer.", code: "UNAVAILABLE", passes: true };
  const code = typeof first.extensions?.code === "string" ? first.extensions.code : "";
  return { message: first.message, code, passes: PASSING.has(code) };
}
