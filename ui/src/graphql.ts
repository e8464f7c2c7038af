// Documents are typed by the server's schema: `graphql-env.d.ts` is generated from it whenever types are checked. What the
// server leaves null only where it could not be read is not null here: `server/` hands out no answer with an error in it.
import { initGraphQLTada } from "gql.tada";
import type { introspection } from "./graphql-env.d.ts";

export const graphql = initGraphQLTada<{
  introspection: introspection;
  disableMasking: true;
  scalars: {
    DateTime: string;
    ID: string;
    Ints: number[];
    Json: unknown;
    Moment: string | number;
    Numbers: number[];
    Position: number;
    Texts: string[];
  };
}>();

export type { ResultOf, VariablesOf } from "gql.tada";
