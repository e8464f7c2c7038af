// The first load holds its budget: what the entry imports before any page, gzipped.
import { readFileSync } from "node:fs";
import { gzipSync } from "node:zlib";

const BUDGET_KB = 160;
const folder = new URL("../latewood_ui/static/", import.meta.url);
const manifest = JSON.parse(readFileSync(new URL(".vite/manifest.json", folder), "utf8"));

const first = new Set();
function load(name) {
  if (first.has(name)) return;
  first.add(name);
  for (const next of manifest[name].imports ?? []) load(next);
}
for (const [name, chunk] of Object.entries(manifest)) if (chunk.isEntry) load(name);

const kilobytes = (file) => gzipSync(readFileSync(new URL(file, folder))).length / 1000;
const scripts = [...first].map((name) => manifest[name].file).filter((file) => file.endsWith(".js"));
const total = scripts.reduce((sum, file) => sum + kilobytes(file), 0);
const styles = [...first].flatMap((name) => manifest[name].css ?? []).reduce((sum, file) => sum + kilobytes(file), 0);

console.log(
  `first load: ${total.toFixed(1)} KB of scripts (budget ${BUDGET_KB}), ${styles.toFixed(1)} KB of styles, gzipped`,
);
if (total > BUDGET_KB) {
  for (const file of scripts) console.error(`  ${kilobytes(file).toFixed(1)} KB ${file}`);
  process.exit(1);
}
