import { expect, test } from "vitest";
import { keysText } from "./keys.ts";

const at = (start: number) => [{ start, firstKey: `day-${start}` }];

test("keys are told by the set that goes on right there", () => {
  const sets = [
    { first: at(3), last: at(9) },
    { first: at(5), last: at(40) },
    { first: [], last: [] },
  ];
  expect(keysText(sets, 5, 9)).toBe("day-5..day-9");
  expect(keysText(sets, 3, 3)).toBe(null);
  expect(keysText([{ first: at(3), last: at(3) }], 3, 3)).toBe("day-3");
});
