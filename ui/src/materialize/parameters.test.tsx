// @vitest-environment happy-dom
import { cleanup, render, screen } from "@testing-library/react";
import userEvent from "@testing-library/user-event";
import { useState } from "react";
import { afterEach, expect, test, vi } from "vitest";
import { type Asked, NOTHING } from "./asked.ts";
import { Parameters } from "./parameters.tsx";
import type { Takes } from "./takes.ts";

afterEach(cleanup);

const takes = (asset: string): Takes => ({
  assets: [asset],
  parameters: [
    { key: `${asset}.depth`, name: "depth", schema: { type: "integer" }, standing: 1, isPinned: false, isFixed: false },
  ],
});

interface Of {
  of: readonly Takes[];
  unknown?: number;
  settled?(is: boolean): void;
}

function Asking({ of, unknown = 0, settled = () => undefined }: Of) {
  const [asked, setAsked] = useState<Asked>(NOTHING);
  return (
    <Parameters
      takes={of}
      unknown={unknown}
      asked={asked}
      ask={(more) => setAsked({ ...asked, ...more })}
      settled={settled}
    />
  );
}

test("what was written in the form a moment ago stands in the JSON, and the other way round", async () => {
  const settled = vi.fn();
  render(<Asking of={[takes("fit")]} settled={settled} />);
  await userEvent.type(screen.getByLabelText("depth"), "7");
  await userEvent.click(screen.getByRole("button", { name: "JSON" }));
  const json = screen.getByLabelText<HTMLTextAreaElement>("Parameters as JSON");
  expect(JSON.parse(json.value)).toEqual({ "fit.depth": [7] });
  await userEvent.clear(json);
  await userEvent.type(json, '{{"fit.depth": [[8]}');
  await userEvent.click(screen.getByRole("button", { name: "Form" }));
  expect(screen.getByLabelText<HTMLInputElement>("depth").value).toBe("8");
  expect(settled).toHaveBeenLastCalledWith(true);
});

test("of many tasks the first have a form, and how many more there are is said", () => {
  const many = Array.from({ length: 23 }, (_, n) => takes(`a${n}`));
  render(<Asking of={many} unknown={500} />);
  expect(screen.getAllByLabelText("depth")).toHaveLength(20);
  screen.getByText("And 3 tasks, and whatever 500 assets beyond these take: write these as JSON.");
});
