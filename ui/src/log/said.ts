// What an event says, as a sentence with links, for who reads the log.
import { pathOf } from "@/address/address.ts";
import { countsText } from "@/runs/counts.ts";
import type { Mark } from "@/shared/marks.ts";
import { counted } from "@/shared/numbers.ts";

export interface Happening {
  type: string;
  assets: readonly string[];
  data: unknown;
}

export type Part = string | { text: string; to: string };

export interface Said {
  mark: Mark | null;
  parts: readonly Part[];
}

type Data = Record<string, unknown>;
type Saying = (data: Data, assets: readonly string[]) => [mark: Mark | null, ...parts: Part[]];

const SAYINGS: Record<string, Saying> = {
  "artifacts.collected": ({ artifacts }) => [null, `${counted(lengthOf(artifacts), "artifact")} collected`],
  "asset.defined": (_, assets) => [null, ...named(assets), " defined"],
  "asset.dropped": ({ key }) => [null, `${text(key)} is not defined any more`],
  "asset.observed": ({ partition }, assets) => [null, ...named(assets), of(partition), " observed"],
  "asset.renamed": ({ old, new: now }) => [null, `${text(old)} is called `, asset(text(now)), " now"],
  "automation.defined": ({ name }) => [null, ...automation(name), " defined"],
  "automation.dropped": ({ name }) => [null, ...automation(name), " is not defined any more"],
  "automation.evaluated": (data) => evaluated(data),
  "automation.switched": ({ name, on }) => [on ? "fresh" : "missing", ...automation(name), on ? " on" : " off"],
  "check.evaluated": ({ check, passed, partition }, assets) => [
    passed ? "fresh" : "failed",
    ...named(assets),
    `${of(partition)}: ${text(check)} ${passed ? "passed" : "did not pass"}`,
  ],
  "deployment.created": ({ location, assets, changed, dropped }) => [
    null,
    `${text(location)} deployed: ${[
      counted(number(assets), "asset"),
      changed ? `${number(changed)} changed` : "",
      dropped ? `${number(dropped)} dropped` : "",
    ]
      .filter(Boolean)
      .join(", ")}`,
  ],
  "environment.created": ({ environment, base }) => [
    null,
    `Environment ${text(environment)} created${base ? ` from ${text(base)}` : ""}`,
  ],
  "environment.deployed": ({ environment, location, deployment }) => [
    null,
    `${text(environment)} has deployment ${text(deployment).slice(0, 8)} of ${text(location)}`,
  ],
  "environment.dropped": ({ environment }) => [null, `Environment ${text(environment)} dropped`],
  "environment.promoted": ({ environment, source }) => [null, `${text(source)} promoted to ${text(environment)}`],
  "failure.handled": ({ run: id, task }) => [null, `${text(task)} ran after the failure of `, run(id)],
  "grant.revoked": ({ name, to }) => [null, `${text(name)} not granted to ${text(to)} any more`],
  "heads.moved": ({ reason }, assets) => [null, ...named(assets), `: ${text(reason) || "heads moved"}`],
  "job.prepared": ({ run: id, step, connector }) => [
    null,
    ...stepOf(id, step),
    ` is about to be a job of ${text(connector)}`,
  ],
  "job.submitted": ({ run: id, step, handle }) => [null, ...stepOf(id, step), ` runs as job ${text(handle)}`],
  "launchable.defined": ({ name }) => [null, `${text(name)} can be launched`],
  "launchable.dropped": ({ name }) => [null, `${text(name)} cannot be launched any more`],
  "notification.failed": ({ name, problem }) => ["failed", ...automation(name), ` could not tell: ${text(problem)}`],
  "notification.raised": ({ name }) => [null, ...automation(name), " has something to tell"],
  "notification.sent": ({ name }) => [null, ...automation(name), " told it"],
  "observation.failed": ({ failure }, assets) => ["failed", ...named(assets), ` not observed: ${failed(failure)}`],
  "parameter.pinned": ({ parameter, value, environment }, assets) => [
    null,
    ...named(assets),
    `: ${text(parameter)} pinned to ${JSON.stringify(value)} in ${text(environment)}`,
  ],
  "parameter.unpinned": ({ parameter, environment }, assets) => [
    null,
    ...named(assets),
    `: ${text(parameter)} not pinned any more in ${text(environment)}`,
  ],
  "partition.carried": ({ old, new: now }, assets) => [null, ...named(assets), `: ${text(old)} is ${text(now)} now`],
  "partitions.added": ({ name, keys }) => [null, `${counted(lengthOf(keys), "partition")} added to ${text(name)}`],
  "partitions.removed": ({ name, keys }) => [
    null,
    `${counted(lengthOf(keys), "partition")} removed from ${text(name)}`,
  ],
  "pool.removed": ({ name }) => [null, `Pool ${text(name)} removed`],
  "pool.set": ({ name, limit }) => [null, `Pool ${text(name)} has ${counted(number(limit), "slot")}`],
  "reproduction.ended": ({ others }) => [
    lengthOf(others) > 0 ? "failed" : "fresh",
    lengthOf(others) > 0 ? `Reproduced, ${lengthOf(others)} otherwise` : "Reproduced, all identical",
  ],
  "reproduction.started": ({ versions }) => [null, `Reproduction of ${text(versions)} begun`],
  "resource.configured": ({ resource, environment }) => [null, `${text(resource)} configured in ${text(environment)}`],
  "retraction.undone": ({ reason }, assets) => ["fresh", ...named(assets), ` not retracted any more${why(reason)}`],
  "reuse.source_lost": (_, assets) => ["failed", ...named(assets), ": an artifact is gone from the store"],
  "run.cancel_requested": ({ run: id }) => [null, "Run ", run(id), " to be cancelled"],
  "run.ended": ({ run: id, status, ...counts }) => [
    RUN_MARKS[text(status)] ?? null,
    "Run ",
    run(id),
    ` ${text(status)}${countsText(counts) && `: ${countsText(counts)}`}`,
  ],
  "run.planned": ({ run: id, steps }) => [
    null,
    "Run ",
    run(id),
    ` planned: ${counted(lengthOf(steps), "group")} of steps`,
  ],
  "run.requested": ({ run: id, selection, partition }) => [
    null,
    "Run ",
    run(id),
    ` asked for: ${selection === "*" ? "all assets" : text(selection)}${of(partition)}`,
  ],
  "run.started": ({ run: id }) => [null, "Run ", run(id), " started"],
  "sensor.evaluated": (data) => evaluated(data),
  "step.expanded": ({ run: id, step, count }) => [
    null,
    ...stepOf(id, step),
    ` has ${counted(number(count), "element")}`,
  ],
  "step.failed": ({ run: id, step, partition, failure }, assets) => [
    "failed",
    ...(assets.length > 0 ? named(assets) : stepOf(id, step)),
    `${of(partition)} failed: ${failed(failure)}`,
  ],
  "step.reused": ({ partition }, assets) => ["fresh", ...named(assets), of(partition), " reused"],
  "step.skipped": ({ reason }, assets) => ["missing", ...named(assets), ` skipped${why(reason)}`],
  "step.started": ({ attempt, partition }, assets) => [
    null,
    ...named(assets),
    of(partition),
    number(attempt) > 1 ? ` started, attempt ${number(attempt)}` : " started",
  ],
  "step.succeeded": ({ partition }, assets) => ["fresh", ...named(assets), of(partition), " made"],
  "task.defined": ({ name }) => [null, `Task ${text(name)} defined`],
  "task.dropped": ({ name }) => [null, `Task ${text(name)} is not defined any more`],
  "task.granted": ({ name, to }) => [null, `Task ${text(name)} granted to ${text(to)}`],
  "task.received": ({ name, project }) => [null, `Task ${text(name)} received from ${text(project)}`],
  "task.withdrawn": ({ name, project }) => [null, `Task ${text(name)} withdrawn by ${text(project)}`],
  "token.created": ({ name, role }) => [null, `Token ${text(name)} created, ${text(role)}`],
  "token.revoked": ({ token }) => [null, `Token ${text(token)} revoked`],
  "version.accepted": ({ partition }, assets) => ["fresh", ...named(assets), of(partition), " accepted"],
  "versions.retracted": ({ reason }, assets) => ["failed", ...named(assets), ` retracted${why(reason)}`],
};

const RUN_MARKS: Record<string, Mark> = {
  succeeded: "fresh",
  failed: "failed",
  cancelled: "missing",
  interrupted: "stale",
};

/** All types that there are. */
export const TYPES: readonly string[] = Object.keys(SAYINGS);

/** What they are about, each once: `run` of `run.ended`. */
export const SUBJECTS: readonly string[] = [...new Set(TYPES.map((type) => type.replace(/\..*/, "")))];

/** The types that a filter takes: of a subject, or one; null for all of them. */
export function typesOf(filter: string): string[] | null {
  const found = TYPES.filter((type) => type === filter || type.startsWith(`${filter}.`));
  return found.length > 0 ? found : null;
}

/** An event of a type that nobody has words for is called by it. */
export function said({ type, assets, data }: Happening): Said {
  const [mark, ...parts] = SAYINGS[type]?.((data ?? {}) as Data, assets) ?? [null, type];
  return { mark, parts: parts.filter(Boolean) };
}

export function saidText(of: Said): string {
  return of.parts.map((part) => (typeof part === "string" ? part : part.text)).join("");
}

function asset(key: string): Part {
  return { text: key, to: pathOf("assets", key) };
}

function named([first, ...others]: readonly string[]): Part[] {
  if (first === undefined) return ["Something"];
  return others.length > 0 ? [asset(first), ` and ${counted(others.length, "other")}`] : [asset(first)];
}

function automation(name: unknown): Part[] {
  return [{ text: text(name), to: "/automations" }];
}

/** What came of looking at an automation. */
function evaluated({ name, problem, requests, skipped }: Data): [Mark | null, ...Part[]] {
  const [asked, ...more] = Array.isArray(requests) ? (requests as Data[]) : [];
  if (problem) return ["failed", ...automation(name), `: ${text(problem).split("\n")[0]}`];
  if (asked) {
    const others = more.length > 0 ? ` and ${counted(more.length, "other")}` : "";
    return ["fresh", ...automation(name), " asked for run ", run(asked.run), others];
  }
  return [null, ...automation(name), skipped ? `: ${text(skipped)}` : " had nothing to do"];
}

function run(id: unknown): Part {
  return { text: text(id), to: pathOf("runs", text(id)) };
}

function stepOf(id: unknown, step: unknown): Part[] {
  return [`Step ${text(step)} of `, run(id)];
}

function of(partition: unknown): string {
  return partition ? ` ${text(partition)}` : "";
}

function why(reason: unknown): string {
  return reason ? `: ${text(reason)}` : "";
}

function failed(failure: unknown): string {
  const { error, message } = (failure ?? {}) as Data;
  const [line] = text(message).split("\n");
  return [text(error), line].filter(Boolean).join(": ");
}

function text(value: unknown): string {
  return typeof value === "string" || typeof value === "number" ? String(value) : "";
}

function number(value: unknown): number {
  return typeof value === "number" ? value : 0;
}

function lengthOf(value: unknown): number {
  return Array.isArray(value) ? value.length : 0;
}
