// Loaded when there is code to show: two languages are all that tasks are written in.
import hljs from "highlight.js/lib/core";
import python from "highlight.js/lib/languages/python";
import sql from "highlight.js/lib/languages/sql";

hljs.registerLanguage("python", python);
hljs.registerLanguage("sql", sql);

export type Language = "python" | "sql";

export function highlighted(text: string, language: Language): string {
  return hljs.highlight(text, { language, ignoreIllegals: true }).value;
}
