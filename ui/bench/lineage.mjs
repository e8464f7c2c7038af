// Measures the lineage graph in a browser without a window: `node bench/lineage.mjs`; CHROMIUM names it where it is elsewhere.
import { spawn } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createServer } from "vite";

const chromium = process.env.CHROMIUM ?? "/usr/bin/chromium";
const root = new URL("..", import.meta.url).pathname;
const server = await createServer({ root, logLevel: "error", server: { port: 0, hmr: false, watch: null } });
const measured = new Promise((done) => {
  server.middlewares.stack.unshift({
    route: "/measured",
    handle: async (request, response) => {
      let text = "";
      for await (const piece of request) text += piece;
      response.end();
      done(JSON.parse(text));
    },
  });
});
await server.listen();
const { port } = server.httpServer.address();
const home = mkdtempSync(join(tmpdir(), "lineage-bench-"));
// once to let the server compile all, once to measure
const url = `http://localhost:${port}/bench/lineage.html`;
const options = ["--headless", "--no-sandbox", "--window-size=1440,900", `--user-data-dir=${home}`];
await new Promise((done) => {
  spawn(chromium, [...options, "--virtual-time-budget=8000", "--dump-dom", url], { stdio: "ignore" }).on("exit", done);
});
const browser = spawn(chromium, [...options, `${url}?measure`], { stdio: "ignore" });
const results = await measured;
browser.kill();
await new Promise((done) => browser.on("exit", done));
await server.close();
rmSync(home, { recursive: true, force: true });

const at = (times, part) =>
  times.toSorted((a, b) => a - b)[Math.min(times.length - 1, Math.floor(times.length * part))];
if (results.error) throw new Error(results.error);
for (const [name, times] of Object.entries(results)) {
  const figures =
    times.length > 2
      ? `median ${at(times, 0.5).toFixed(1)} ms   p95 ${at(times, 0.95).toFixed(1)} ms`
      : times.map((one) => Number(one.toPrecision(3))).join("  ");
  console.log(`${name.padEnd(40)} ${figures}`);
}
