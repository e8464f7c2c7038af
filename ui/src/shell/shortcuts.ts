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

export interface Listed {
  label: string;
  /** Each of them does it. */
  keys: readonly string[];
}

/** What keys do, each thing once; of two with the same keys what lies on top, which alone does anything. */
export function listed(shortcuts: readonly Omit<Shortcut, "run">[]): Listed[] {
  const found = new Map<string, string[]>();
  shortcuts.forEach(({ keys, label }, n) => {
    if (n !== shortcuts.findLastIndex((one) => one.keys === keys)) return;
    const known = found.get(label);
    if (known) known.push(keys);
    else found.set(label, [keys]);
  });
  return [...found].map(([label, keys]) => ({ label, keys }));
}

/** Keys of what has the focus, which are not shortcuts of a page. */
export const IN_PLACE: readonly { title: string; all: readonly Listed[] }[] = [
  {
    title: "In lists",
    all: [
      { label: "Next row", keys: ["j", "arrowdown"] },
      { label: "Row before", keys: ["k", "arrowup"] },
      { label: "Open the row", keys: ["enter"] },
      { label: "Select it; with shift all between", keys: ["x"] },
    ],
  },
  {
    title: "In the graph",
    all: [
      { label: "What it reads, what reads it", keys: ["arrowleft", "arrowright"] },
      { label: "Beside it", keys: ["arrowup", "arrowdown"] },
      { label: "Open the asset or the group", keys: ["enter"] },
      { label: "Nearer, farther, all", keys: ["+", "-", "0"] },
    ],
  },
];

const ARROWS = { up: "↑", down: "↓", left: "←", right: "→" } as const;

/** Keys as they are shown to people. */
export function shown(keys: string, isMac: boolean): string[] {
  return keys.split(" ").map((key) =>
    key
      .replace("mod+", isMac ? "⌘" : "Ctrl ")
      .replace("shift+", "⇧")
      .replace("escape", "esc")
      .replace("enter", "⏎")
      .replace(/^arrow(up|down|left|right)$/, (_, way: keyof typeof ARROWS) => ARROWS[way])
      .replace(/(?<=^|[⌘⇧ ])[a-z]$/, (letter) => (keys.includes("mod+") ? letter.toUpperCase() : letter)),
  );
}
