// Doing something: what came of it, or word of why nothing did.
import type { TypedDocumentNode } from "@urql/core";
import { toast } from "@/shell/toasts.ts";
import { client } from "./client.ts";
import { problemOf } from "./problem.ts";

interface Outcome {
  __typename: string;
  message?: string;
}

/** Sends a mutation; its result if it is of that type, else null, after why was said. */
export async function carryOut<
  Data,
  Variables extends object,
  Result extends Outcome,
  Type extends Result["__typename"],
>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  pick: (data: Data) => Result,
  wanted: Type,
): Promise<Extract<Result, { __typename: Type }> | null> {
  const { data, error } = await client.mutation(document, variables as never).toPromise();
  const done = data ? pick(data) : null;
  if (done?.__typename === wanted && !error) return done as Extract<Result, { __typename: Type }>;
  toast(done?.message ?? (error ? problemOf(error).message : "Nothing was done"), { kind: "failed" });
  return null;
}
