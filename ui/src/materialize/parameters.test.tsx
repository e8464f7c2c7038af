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
  parameters: [{ key: `${asset}.depth`, name: "depth", schema: { type: "integer" }, standing: 1, isPinned: false }],
});

function Asking({ of, settled = () => undefined }: { of: readonly Takes[]; settled?(is: boolean): void }) {
  const [asked, setAsked] = useState<Asked>(NOTHING);
  return <Parameters takes={of} asked={asked} ask={(more) => setAsked({ ...asked, ...more })} settled={settled} />;
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
