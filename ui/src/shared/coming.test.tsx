// @vitest-environment happy-dom
import { act, cleanup, render, screen } from "@testing-library/react";
import { afterEach, expect, test, vi } from "vitest";
import { generation, lostSince } from "@/server/reachability.ts";
import { Broken } from "@/shell/broken.tsx";
import { coming } from "./coming.tsx";

afterEach(() => {
  cleanup();
  vi.unstubAllGlobals();
});

function Greeting({ name }: { name: string }) {
  return <p>Hello {name}</p>;
}

test("lines stand for what is on its way", async () => {
  let bring = (_: { default: typeof Greeting }): void => {};
  const Part = coming<{ name: string }>(() => new Promise((come) => (bring = come)), 3);
  const { container } = render(<Part name="ann" />);
  expect(container.querySelectorAll("[data-awaited] > div")).toHaveLength(3);
  await act(async () => bring({ default: Greeting }));
  expect(container.textContent).toBe("Hello ann");
});

test("what was loaded before is drawn at once, and is loaded once", async () => {
  const load = vi.fn(async () => ({ default: Greeting }));
  const Part = coming<{ name: string }>(load, 3);
  await Promise.all([Part.load(), Part.load()]);
  render(<Part name="bob" />);
  screen.getByText("Hello bob");
  expect(load).toHaveBeenCalledTimes(1);
});

test("while the server is away a part waits for it; when it is back the page is loaded anew if it has to be", async () => {
  vi.stubGlobal("fetch", async () => new Response("ready"));
  const reload = vi.spyOn(location, "reload").mockImplementation(() => {});
  lostSince.set(new Date());
  const isGone = vi.fn(() => true);
  const Part = coming<{ name: string }>(async () => {
    if (isGone()) throw new Error("Failed to fetch dynamically imported module");
    return { default: Greeting };
  });
  render(
    <Broken>
      <Part name="dee" />
    </Broken>,
  );
  await screen.findByText("Waiting for the server");
  await act(async () => {
    lostSince.set(null);
    generation.set(generation.get() + 1);
  });
  await vi.waitFor(() => expect(reload).toHaveBeenCalled());
  isGone.mockReturnValue(false);
  await act(async () => generation.set(generation.get() + 1));
  await screen.findByText("Hello dee");
});

test("what cannot be loaded is a broken page, and is asked for again", async () => {
  vi.spyOn(console, "error").mockImplementation(() => {}); // React tells of what was caught as well
  vi.stubGlobal("fetch", async () => new Response("ready"));
  let isThere = false;
  const Part = coming<{ name: string }>(async () => {
    if (!isThere) throw new Error("gone");
    return { default: Greeting };
  });
  render(
    <Broken>
      <Part name="cy" />
    </Broken>,
  );
  await screen.findByText("gone");
  isThere = true;
  act(() => screen.getByRole("button", { name: "Try again" }).click());
  await screen.findByText("Hello cy");
});
