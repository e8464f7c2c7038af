// Rows that came while somebody is at the list: they wait above it, so that nothing moves under the pointer.

export interface Arrivals<Row> {
  rows: readonly Row[];
  /** How many wait. */
  waiting: number;
}

/** `latest`, but without what is above the row that was the first one when somebody came to the list. */
export function below<Row>(latest: readonly Row[], first: string | null, keyOf: (row: Row) => string): Arrivals<Row> {
  const at = first === null ? 0 : latest.findIndex((row) => keyOf(row) === first);
  return at > 0 ? { rows: latest.slice(at), waiting: at } : { rows: latest, waiting: 0 };
}
