// Values of the API's open fields, as short texts.

/** An object's entries, none of what is no object. */
export function entriesOf(value: unknown): [string, unknown][] {
  return typeof value === "object" && value !== null && !Array.isArray(value) ? Object.entries(value) : [];
}

/** A value as people read it in a table: numbers in groups, texts bare, all else as JSON. */
export function valueText(value: unknown, locale?: string): string {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  if (typeof value === "number") return numberText(value, locale);
  return JSON.stringify(value);
}

function numberText(value: number, locale?: string): string {
  if (Number.isInteger(value)) return Math.abs(value) < 10_000 ? String(value) : value.toLocaleString(locale);
  return value.toLocaleString(locale, { maximumSignificantDigits: 6 });
}
