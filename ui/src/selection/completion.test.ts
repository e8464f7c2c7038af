import { expect, test } from "vitest";
import { completed, completions } from "./completion.ts";

const flights = {
  keys: ["flights/daily", "flights/raw", "weather/daily", "and", "odd name"],
  groups: ["flights", "weather", "two words"],
  owners: ["ana"],
};
const at = (text: string, cursor = text.length) => completions(text, cursor, flights).items.map((item) => item.text);

test("nothing typed: fields, then assets, quoted where they would mean something else", () => {
  expect(at("")).toEqual([
    "group:",
    "status:",
    "tag:",
    "owner:",
    "kind:",
    "flights/daily",
    "flights/raw",
    "weather/daily",
    '"and"',
    '"odd name"',
  ]);
});

test("assets by how they begin, then by a part of them", () => {
  expect(at("da")).toEqual(["flights/daily", "weather/daily"]);
  expect(at("+wea")).toEqual(["weather/daily"]);
});

test("values of a field", () => {
  expect(at("status:f")).toEqual(["status:fresh", "status:failed"]);
  expect(at("group:t")).toEqual(['group:"two words"', "group:flights", "group:weather"]);
  expect(at("a and owner:")).toEqual(["owner:ana"]);
  expect(at("tag:x")).toEqual([]);
});

test("behind something selected come and, or", () => {
  expect(at("flights/daily ")).toEqual(["and ", "or "]);
  expect(at("flights/daily+ a")).toEqual(["and "]);
  expect(at("(a)+2 ")).toEqual(["and ", "or "]);
  expect(at("not ")[0]).toBe("group:");
});

test("what was chosen stands in place of what was typed, with the rest behind it", () => {
  const found = completions("status:f and x", 8, flights);
  const item = found.items[1];
  expect(item && completed("status:f and x", found, item)).toEqual({ text: "status:failed and x", cursor: 13 });
});
