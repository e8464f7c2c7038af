// @vitest-environment happy-dom
import { act, cleanup, render } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { position } from "./client.ts";
import { useEvents } from "./events.ts";

afterEach(() => {
  cleanup();
  vi.useRealTimers();
  vi.unstubAllGlobals();
  position.set(0);
});

function Listening({ types }: { types: readonly string[] }) {
  useEvents(types, () => undefined);
  return null;
}

test("what happens is told from what was known when the first asked, whatever others were answered meanwhile", async () => {
  vi.useFakeTimers();
  const sent: (string | null)[] = [];
  vi.stubGlobal("fetch", async (_url: string, init: RequestInit) => {
    sent.push(new Headers(init.headers).get("last-event-id"));
    return new Response(new ReadableStream(), { status: 200 });
  });
  position.set(5);
  const page = render(<Listening types={["run.started"]} />);
  position.set(9); // by another answer, which is newer than the one that this page waits for
  await act(() => vi.advanceTimersByTimeAsync(300));
  expect(sent).toEqual(["5"]);
  page.rerender(<Listening types={["run.ended"]} />);
  position.set(12);
  await act(() => vi.advanceTimersByTimeAsync(300));
  expect(sent).toEqual(["5", "9"]);
});
