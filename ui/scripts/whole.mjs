// The schema as pages may count on it. A field that is null only together with an error is not null to them, since
// `server/` gives them no answer in which there is one; but for what a mutation did, which says so (`carry-out.ts`).
import { readFileSync, writeFileSync } from "node:fs";
import { Kind, parse, print, visit } from "graphql";

const UNREAD = "Null only where it could not be read";
const [from, to] = ["../graphql/latewood_graphql/schema.graphql", "src/whole.graphql"].map(
  (file) => new URL(`../${file}`, import.meta.url),
);

const whole = visit(parse(readFileSync(from, "utf8")), {
  FieldDefinition(field) {
    if (!field.description?.value.includes(UNREAD)) return undefined;
    return { ...field, type: { kind: Kind.NON_NULL_TYPE, type: field.type } };
  },
});
writeFileSync(to, `${print(whole)}\n`);
