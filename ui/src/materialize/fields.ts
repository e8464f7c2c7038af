// What a parameter may be, from its JSON Schema, as the fields of a form that it is written into.

export type Schema = Readonly<Record<string, unknown>>;

export type Kind =
  | { kind: "number"; isWhole: boolean; least: number | null; most: number | null; isOpen: boolean }
  | { kind: "flag" }
  | { kind: "choice"; values: readonly unknown[] }
  | { kind: "text"; format: string }
  | { kind: "list"; of: Schema }
  | { kind: "object"; fields: readonly ObjectField[] }
  | { kind: "json" };

export interface ObjectField {
  name: string;
  schema: Schema;
  required: boolean;
  default: unknown;
}

/** A text that is no value yet, and why. */
export class Wrong {
  constructor(
    readonly text: string,
    readonly why: string,
  ) {}
}

/** What it is written into; definitions that it refers to are those of `root`. All else is written as JSON. */
export function kindOf(given: Schema, root: Schema): Kind {
  const schema = meant(given, root);
  const { type } = schema;
  if (Array.isArray(schema.enum)) return { kind: "choice", values: schema.enum };
  if ("const" in schema) return { kind: "choice", values: [schema.const] };
  if (type === "integer" || type === "number") {
    const [over, under] = [numberIn(schema.exclusiveMinimum), numberIn(schema.exclusiveMaximum)];
    const isWhole = type === "integer";
    const least = numberIn(schema.minimum) ?? (isWhole && over !== null ? Math.floor(over) + 1 : over);
    const most = numberIn(schema.maximum) ?? (isWhole && under !== null ? Math.ceil(under) - 1 : under);
    return { kind: "number", isWhole, least, most, isOpen: !isWhole && (over !== null || under !== null) };
  }
  if (type === "boolean") return { kind: "flag" };
  if (type === "string") return { kind: "text", format: typeof schema.format === "string" ? schema.format : "" };
  if (type === "array" && isSchema(schema.items)) return { kind: "list", of: schema.items };
  if (type === "object" && isSchema(schema.properties)) {
    const required = Array.isArray(schema.required) ? schema.required : [];
    const fields = Object.entries(schema.properties).map(([name, one]) => ({
      name,
      schema: isSchema(one) ? one : {},
      required: required.includes(name),
      default: isSchema(one) ? one.default : undefined,
    }));
    return { kind: "object", fields };
  }
  return { kind: "json" };
}

/** Behind a reference, and without "or nothing", which is what is not written. */
function meant(schema: Schema, root: Schema): Schema {
  if (typeof schema.$ref === "string") {
    const found = schema.$ref.replace(/^#\//, "").split("/").reduce<unknown>(step, root);
    return isSchema(found) && found !== schema ? meant({ ...found, ...schema, $ref: undefined }, root) : {};
  }
  if (Array.isArray(schema.anyOf)) {
    const some = schema.anyOf.filter((one) => isSchema(one) && one.type !== "null");
    return some.length === 1 ? meant(some[0], root) : {};
  }
  return schema;
}

function step(at: unknown, name: string): unknown {
  return isSchema(at) ? at[name] : undefined;
}

function isSchema(found: unknown): found is Schema {
  return typeof found === "object" && found !== null && !Array.isArray(found);
}

function numberIn(found: unknown): number | null {
  return typeof found === "number" ? found : null;
}

/** What is written into one field, as a value; nothing where nothing is, and Wrong where it is none. */
export function readAs(kind: Kind, text: string): unknown {
  const trimmed = text.trim();
  if (trimmed === "") return undefined;
  switch (kind.kind) {
    case "number":
      return numberOf(kind, trimmed);
    case "text":
      return text;
    case "flag":
      return trimmed === "true";
    default:
      try {
        return JSON.parse(trimmed);
      } catch {
        return new Wrong(text, 'expected JSON, as in [1, 2] or "text"');
      }
  }
}

function numberOf(kind: Extract<Kind, { kind: "number" }>, text: string): unknown {
  const number = Number(text);
  const isOne = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(text) && Number.isFinite(number);
  const isFit = isOne && (!kind.isWhole || Number.isSafeInteger(number));
  const isIn = (kind.least === null || number >= kind.least) && (kind.most === null || number <= kind.most);
  return isFit && isIn ? number : new Wrong(text, `expected ${hintOf(kind)}`);
}

/** A value as it stands in its field. */
export function textOf(value: unknown): string {
  if (value === undefined) return "";
  if (value instanceof Wrong) return value.text;
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What may be written, in few words. */
export function hintOf(kind: Kind): string {
  switch (kind.kind) {
    case "number": {
      const what = kind.isWhole ? "a whole number" : "a number";
      if (kind.least !== null && kind.most !== null) return `${what} from ${kind.least} to ${kind.most}`;
      if (kind.least !== null) return `${what} from ${kind.least}`;
      return kind.most === null ? what : `${what} up to ${kind.most}`;
    }
    case "flag":
      return "yes or no";
    case "choice":
      return "one of them";
    case "text":
      return kind.format ? `a ${kind.format.replace("-", " and ")}` : "a text";
    case "list":
      return "a list";
    case "object":
      return "several values";
    case "json":
      return "JSON";
  }
}

/** Why what is written is no value; null where it is one. */
export function wrongIn(value: unknown): string | null {
  if (value instanceof Wrong) return value.why;
  if (typeof value !== "object" || value === null) return null;
  for (const one of Object.values(value)) {
    const found = wrongIn(one);
    if (found !== null) return found;
  }
  return null;
}

/** An object with one of its fields written; nothing where none is any more. */
export function written(object: unknown, name: string, value: unknown): Record<string, unknown> | undefined {
  const { [name]: _, ...rest } = isSchema(object) ? object : {};
  const all = value === undefined ? rest : { ...rest, [name]: value };
  return Object.keys(all).length > 0 ? all : undefined;
}
