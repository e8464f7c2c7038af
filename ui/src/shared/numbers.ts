// Numbers as people read them: digits in groups, few of them where there are many.

export function whole(number: number, locale?: string): string {
  return Math.round(number).toLocaleString(locale);
}

/** Three digits at most, as in `1.2M`, or so many more behind the point. */
export function short(number: number, digits = 1, locale?: string): string {
  return number.toLocaleString(locale, { notation: "compact", maximumFractionDigits: digits });
}

/** `1 run`, `2 runs`. */
export function counted(number: number, one: string, many = `${one}s`): string {
  return `${whole(number)} ${number === 1 ? one : many}`;
}

const UNITS = ["B", "KB", "MB", "GB", "TB", "PB"];

export function bytes(number: number): string {
  let unit = 0;
  let left = number;
  while (left >= 1000 && unit < UNITS.length - 1) {
    left /= 1000;
    unit += 1;
  }
  return `${unit === 0 || left >= 100 ? Math.round(left) : left.toFixed(1)} ${UNITS[unit]}`;
}
