// @vitest-environment happy-dom
import { afterEach, beforeEach, expect, test, vi } from "vitest";
import { mustLogIn } from "./client.ts";
import { follow } from "./follow.ts";
import { lostSince } from "./reachability.ts";

interface Opened {
  headers: Record<string, string>;
  say(text: string): void;
  cut(): void;
  signal: AbortSignal;
}

const opened: Opened[] = [];
let hidden = false;

beforeEach(() => {
  opened.length = 0;
  hidden = false;
  vi.useFakeTimers();
  vi.spyOn(Math, "random").mockReturnValue(0.5);
  vi.spyOn(document, "hidden", "get").mockImplementation(() => hidden);
  vi.stubGlobal("fetch", async (_url: string, init: { headers: Record<string, string>; signal: AbortSignal }) => {
    let control!: ReadableStreamDefaultController<Uint8Array>;
    const body = new ReadableStream<Uint8Array>({
      start(given) {
        control = given;
      },
    });
    init.signal.addEventListener("abort", () => control.error(new Error("aborted")));
    opened.push({
      headers: init.headers,
      signal: init.signal,
      say: (text) => control.enqueue(new TextEncoder().encode(text)),
      cut: () => control.close(),
    });
    return { ok: true, status: 200, body };
  });
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
  mustLogIn.set(false);
  lostSince.set(null);
});

const settle = () => vi.advanceTimersByTimeAsync(0);
const item = (n: number) => `event: next\nid: ${n}\ndata: {"data":${n}}\n\n`;

function following() {
  const heard: unknown[] = [];
  const stop = follow<number>(
    { query: "subscription { n }", variables: {}, after: "3" },
    { item: (n) => heard.push(n), over: () => heard.push("over"), refused: (why) => heard.push(why) },
  );
  return { heard, stop };
}

test("after a cut it goes on behind the last thing that it heard", async () => {
  const { heard, stop } = following();
  await settle();
  expect(opened[0]?.headers["Last-Event-ID"]).toBe("3");
  opened[0]?.say(item(4) + item(5));
  opened[0]?.cut();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(opened[1]?.headers["Last-Event-ID"]).toBe("5");
  opened[1]?.say(item(6));
  await settle();
  expect(heard).toEqual([4, 5, 6]);
  stop();
});

test("who takes items too slowly is cut off, and goes on", async () => {
  const { heard, stop } = following();
  await settle();
  opened[0]?.say('event: next\ndata: {"errors":[{"message":"","extensions":{"code":"TOO_SLOW"}}]}\n\n');
  opened[0]?.say("event: complete\ndata:\n\n");
  opened[0]?.cut();
  await vi.advanceTimersByTimeAsync(1_000);
  expect(opened.length).toBe(2);
  expect(heard).toEqual([]);
  stop();
});

test("what is over is not followed any more", async () => {
  const { heard } = following();
  await settle();
  opened[0]?.say(`${item(4)}event: complete\ndata:\n\n`);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard).toEqual([4, "over"]);
  expect(opened.length).toBe(1);
});

test("what cannot be followed is told, and not asked for again", async () => {
  const { heard } = following();
  await settle();
  opened[0]?.say('event: next\ndata: {"errors":[{"message":"no such run","extensions":{"code":"BAD_INPUT"}}]}\n\n');
  await vi.advanceTimersByTimeAsync(60_000);
  expect(heard).toEqual(["no such run"]);
  expect(opened.length).toBe(1);
});

test("a connection that says nothing for long is a dead one", async () => {
  const { stop } = following();
  await settle();
  await vi.advanceTimersByTimeAsync(30_000);
  opened[0]?.say(":\n\n");
  await vi.advanceTimersByTimeAsync(30_000);
  expect(opened.length).toBe(1);
  await vi.advanceTimersByTimeAsync(15_000);
  expect(opened.length).toBe(2);
  stop();
});

test("a page that nobody sees has no connection, and misses nothing", async () => {
  const { heard, stop } = following();
  await settle();
  opened[0]?.say(item(4));
  await settle();
  hidden = true;
  document.dispatchEvent(new Event("visibilitychange"));
  expect(opened[0]?.signal.aborted).toBe(true);
  await vi.advanceTimersByTimeAsync(60_000);
  expect(opened.length).toBe(1);
  hidden = false;
  document.dispatchEvent(new Event("visibilitychange"));
  await settle();
  expect(opened[1]?.headers["Last-Event-ID"]).toBe("4");
  opened[1]?.say(item(5));
  await settle();
  expect(heard).toEqual([4, 5]);
  stop();
});

test("who has stopped hears nothing more", async () => {
  const { heard, stop } = following();
  await settle();
  stop();
  await vi.advanceTimersByTimeAsync(60_000);
  expect([heard, opened.length]).toEqual([[], 1]);
});
