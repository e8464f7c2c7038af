// The first load holds its budget: what any one page needs to be drawn, gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 160;
const folder = new URL("../latewood_ui/static/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", folder), "utf8"));

/** A part and all that it imports before it runs. */
function needs(name, found = new Set()) {
  if (found.has(name)) return found;
  found.add(name);
  for (const next of manifest[name].imports ?? []) needs(next, found);
  return found;
}

const sizes = new Map();
function kilobytes(file) {
  if (!sizes.has(file)) sizes.set(file, gzipSync(readFileSync(new URL(file, folder))).length / 1000);
  return sizes.get(file);
}

const entry = Object.keys(manifest).find((name) => manifest[name].isEntry);
const pages = (manifest[entry].dynamicImports ?? []).map((page) => {
  const parts = [...needs(page, needs(entry))].map((name) => manifest[name]);
  const scripts = parts.map(({ file }) => file).filter((file) => file.endsWith(".js"));
  const styles = parts.flatMap(({ css }) => css ?? []);
  const sum = (files) => files.reduce((total, file) => total + kilobytes(file), 0);
  return { page, scripts: sum(scripts), styles: sum(styles), parts: scripts };
});
const [largest] = pages.sort((a, b) => b.scripts - a.scripts);

console.log(
  `first load: ${largest.scripts.toFixed(1)} KB of scripts (${largest.page}; budget ${BUDGET_KB}), ` +
    `${largest.styles.toFixed(1)} KB of styles, gzipped`,
);
if (largest.scripts > BUDGET_KB) {
  for (const file of largest.parts) console.error(`  ${kilobytes(file).toFixed(1)} KB ${file}`);
  process.exit(1);
}
