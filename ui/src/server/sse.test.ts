import fc from "fast-check";
import { expect, test } from "vitest";
import { reader } from "./sse.ts";

const SENT =
  ':\n\nevent: next\nid: 7\ndata: {"data":1}\n\n:\n\nevent: next\ndata: a\ndata: b\n\nevent: complete\ndata:\n\n';
const READ = [
  { event: "next", id: "7", data: '{"data":1}' },
  { event: "next", id: "", data: "a\nb" },
  { event: "complete", id: "", data: "" },
];

test("messages are read as they were sent, and comments are none", () => {
  expect(reader()(SENT)).toEqual(READ);
});

test("it does not matter where the network cuts", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(SENT.length), { maxLength: 6 }), (cuts) => {
      const at = [0, ...cuts.sort((a, b) => a - b), SENT.length];
      const take = reader();
      expect(at.slice(1).flatMap((end, n) => take(SENT.slice(at[n], end)))).toEqual(READ);
    }),
  );
});

test("what has not come whole is none yet", () => {
  const take = reader();
  expect(take("event: next\ndata: 1\n")).toEqual([]);
  expect(take("\n")).toEqual([{ event: "next", id: "", data: "1" }]);
});
