import { expect, test } from "vitest";
import { highlighted } from "./highlight.ts";
import { linesOf, plainLines } from "./pieces.ts";

const text = (lines: ReturnType<typeof linesOf>) =>
  lines.map((line) => line.map((piece) => piece.text).join("")).join("\n");

test("a mark that runs over lines is one in each of them", () => {
  expect(linesOf('x = <span class="hljs-string">&quot;a\nb&quot;</span>\n')).toEqual([
    [
      { text: "x = ", kind: "" },
      { text: '"a', kind: "string" },
    ],
    [{ text: 'b"', kind: "string" }],
    [],
  ]);
});

test("nothing of the text is lost or becomes markup, whatever it holds", () => {
  const code =
    'def f(a: "<b>&amp;") -> int:\n    """Says\n    it\'s <script>."""\n\n    return f"{a}" if a < 2 else 1\n';
  const lines = linesOf(highlighted(code, "python"));
  expect(text(lines)).toBe(code);
  expect(text(plainLines(code))).toBe(code);
  expect(lines[0]?.[0]).toEqual({ text: "def", kind: "keyword" });
  expect(text(linesOf(highlighted("select '<' from a -- <b>", "sql")))).toBe("select '<' from a -- <b>");
});
