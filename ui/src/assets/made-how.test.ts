import { expect, test } from "vitest";
import { partitionsRead, policyFacts, resourceFacts } from "./made-how.ts";

const PLAIN = {
  retries: { most: 0, backoffMs: 1_000 },
  timeouts: { runningMs: null, queuedMs: null, totalMs: null },
  reuse: { isOn: true, windowMs: null },
  needs: { cpu: 1, memoryBytes: null, gpu: 0 },
  pool: "",
  priority: 0,
  image: "",
  partitionsPerCall: 1,
  each: [],
};

test("of what nobody said anything nothing is said", () => {
  expect(policyFacts(PLAIN)).toEqual([]);
});

test("what was said is in words", () => {
  const said = {
    ...PLAIN,
    retries: { most: 3, backoffMs: 2_000 },
    timeouts: { runningMs: 300_000, queuedMs: null, totalMs: 3_600_000 },
    reuse: { isOn: true, windowMs: 3_600_000 },
    needs: { cpu: 2, memoryBytes: 2 ** 30, gpu: 1 },
    pool: "db",
    priority: -2,
    partitionsPerCall: 366,
  };
  expect(Object.fromEntries(policyFacts(said))).toMatchObject({
    Retries: expect.stringMatching(/^3, the first after 2/),
    "Time limits": expect.stringMatching(/running, .* in all$/),
    Reuse: expect.stringMatching(/^for 1/),
    Needs: "2 cores, 1.1 GB of memory, 1 GPU",
    Pool: "db",
    Priority: "-2",
    "At once": "up to 366 partitions",
  });
  expect(policyFacts({ ...PLAIN, reuse: { isOn: false, windowMs: 0 } })).toEqual([["Reuse", "never"]]);
});

test("which partitions are read is said where it is not the same ones", () => {
  const same = { asset: "orders", mapping: "IDENTITY" as const, partitions: "the same partition", loads: true };
  const before = { ...same, mapping: "OFFSET" as const, partitions: "1 before it" };
  const awaited = { ...same, asset: "gate", loads: false };
  expect([...partitionsRead([same, before, awaited])]).toEqual([
    ["orders", "1 before it"],
    ["gate", "waited for"],
  ]);
});

test("a resource says what it is configured to", () => {
  const shop = { resource: "Shop", values: { country: "de", patience: 3 } };
  expect(resourceFacts([shop, { resource: "Mail", values: null }])).toEqual([
    ["Resource Shop", "country: de, patience: 3"],
    ["Resource Mail", "not configured here"],
  ]);
});
