// Doing something: what came of it, or word of why nothing did.
import type { CombinedError, TypedDocumentNode } from "@urql/core";
import { toast } from "@/shell/toasts.ts";
import { client } from "./client.ts";
import { problemOf } from "./problem.ts";

interface Outcome {
  __typename: string;
  message?: string;
}

/** What was done, as far as it could be read: of that, what is read for itself may be missing. */
type Read<Result> = {
  [Field in keyof Result]: Result[Field] extends string | number | boolean | null | readonly unknown[]
    ? Result[Field]
    : Result[Field] | null;
};

/** Sends a mutation; its result if it is of that type, else null, after why was said. */
export async function carryOut<
  Data,
  Variables extends object,
  Result extends Outcome,
  Type extends Result["__typename"],
>(
  document: TypedDocumentNode<Data, Variables>,
  variables: Variables,
  pick: (data: Data) => Result | null,
  wanted: Type,
): Promise<Read<Extract<Result, { __typename: Type }>> | null> {
  const { data, error } = await client.mutation(document, variables as never).toPromise();
  const done = data ? pick(data) : null;
  if (done?.__typename === wanted) {
    if (error) sayUnread(error);
    return done as Read<Extract<Result, { __typename: Type }>>;
  }
  toast(done?.message ?? (error ? problemOf(error).message : "Nothing was done"), { kind: "failed" });
  return null;
}

/** For what was done, though not all that the server has to say of it could be read. */
export function sayUnread(error: CombinedError): void {
  toast(`It was done, but not all of it can be shown: ${problemOf(error).message}`, { kind: "failed" });
}
