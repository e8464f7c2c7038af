// Keys and what they do. A shortcut is one key or two after each other, as in `g a`; `mod` is Ctrl, and ⌘ on a Mac.

export interface Shortcut {
  keys: string;
  label: string;
  /** Whether it holds while somebody types; those that are no characters of a text may. */
  whileTyping?: boolean;
  run(): void;
}

export interface Pressed {
  key: string;
  ctrlKey: boolean;
  metaKey: boolean;
  altKey: boolean;
  shiftKey: boolean;
}

/** A key press as shortcuts name it; null for what is none, such as a modifier alone. */
export function nameOf(pressed: Pressed): string | null {
  const { key } = pressed;
  if (pressed.altKey || key === "Dead" || ["Shift", "Control", "Meta", "Alt"].includes(key)) return null;
  const name = key === " " ? "space" : key.toLowerCase();
  const shift = pressed.shiftKey && (key.length > 1 || /[A-Z]/.test(key)) ? "shift+" : "";
  return `${pressed.ctrlKey || pressed.metaKey ? "mod+" : ""}${shift}${name}`;
}

export const BETWEEN_MS = 1_000;

/** What a key means after the one before it: the shortcut, and what a next key may go on from. */
export function found<Of extends { keys: string }>(
  shortcuts: readonly Of[],
  before: string,
  name: string,
): { shortcut: Of | null; begun: string } {
  const both = before ? `${before} ${name}` : name;
  // the last one that was registered is of what lies on top
  const match = (keys: string) => shortcuts.findLast((one) => one.keys === keys) ?? null;
  const begins = (keys: string) => shortcuts.some((one) => one.keys.startsWith(`${keys} `));
  const shortcut = match(both) ?? match(name);
  if (shortcut) return { shortcut, begun: "" };
  return { shortcut: null, begun: begins(both) ? both : begins(name) ? name : "" };
}

/** Keys as they are shown to people. */
export function shown(keys: string, isMac: boolean): string[] {
  return keys.split(" ").map((key) =>
    key
      .replace("mod+", isMac ? "⌘" : "Ctrl ")
      .replace("shift+", "⇧")
      .replace("escape", "esc")
      .replace("enter", "⏎")
      .replace(/(?<=^|[⌘⇧ ])[a-z]$/, (letter) => (keys.includes("mod+") ? letter.toUpperCase() : letter)),
  );
}
