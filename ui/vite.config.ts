import { fileURLToPath } from "node:url";
import react from "@vitejs/plugin-react";
import { defineConfig } from "vitest/config";

const server = process.env.LATEWOOD_SERVER ?? "http://127.0.0.1:4000";

export default defineConfig({
  plugins: [react()],
  resolve: { alias: { "@": fileURLToPath(new URL("src", import.meta.url)) } },
  build: {
    outDir: "latewood_ui/static",
    emptyOutDir: true,
    // "assets" is a page of ours; what lies below _app is named by its content and is kept forever by browsers.
    assetsDir: "_app",
    assetsInlineLimit: 0,
    manifest: true,
    target: "es2023",
    modulePreload: { polyfill: false },
    reportCompressedSize: false,
  },
  worker: { format: "es" },
  // `npm run dev` shows edits at once, and asks a server that runs meanwhile (LATEWOOD_SERVER).
  server: {
    proxy: {
      "/graphql": server,
      "/login": { target: server, bypass: ({ method, url }) => (method === "POST" ? undefined : url) },
      "/logout": server,
    },
  },
  test: {
    include: ["src/**/*.test.{ts,tsx}"],
    environment: "node", // a file that needs a document says so in its first line
    restoreMocks: true,
    testTimeout: 60_000, // a machine that does other things as well is no failure
  },
});
