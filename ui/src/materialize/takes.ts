// What a selection takes: the parameters of its tasks, with what they are where nobody says.
import type { Launchable, Target } from "./documents.ts";
import type { Schema } from "./fields.ts";

export interface Taken {
  /** As the API names it: `ASSET.NAME`, or the input of what is launched by name. */
  key: string;
  name: string;
  schema: Schema;
  /** What it is where nobody says; undefined where somebody has to. */
  standing: unknown;
  isPinned: boolean;
  /** Whether nobody may say anything else. */
  isFixed: boolean;
}

/** What one task takes, by whatever of its assets. */
export interface Takes {
  assets: readonly string[];
  parameters: readonly Taken[];
}

/** By task, in the order of its assets; nothing of what takes nothing. */
export function takenBy(targets: readonly Target[]): Takes[] {
  const tasks = new Map<string, Target[]>();
  for (const target of targets) {
    if (target.parameters.length === 0) continue;
    const id = `${target.location} ${target.task || target.key}`;
    tasks.set(id, [...(tasks.get(id) ?? []), target]);
  }
  return [...tasks.values()].map((made) => {
    const assets = made.map(({ key }) => key);
    const parameters = made[0]!.parameters.map(({ name, jsonSchema, required, pinned, standing }) => ({
      key: `${assets[0]}.${name}`,
      name,
      schema: (jsonSchema ?? {}) as Schema,
      standing: required && !pinned && standing === null ? undefined : standing,
      isPinned: pinned,
      isFixed: false,
    }));
    return { assets, parameters };
  });
}

/** What is launched by name takes its inputs. */
export function takenByName({ name, inputs }: Launchable): Takes[] {
  if (inputs.length === 0) return [];
  const parameters = inputs.map(({ name, jsonSchema, default: value, required, isFixed }) => ({
    key: name,
    name,
    schema: (jsonSchema ?? {}) as Schema,
    standing: required ? undefined : value,
    isPinned: false,
    isFixed,
  }));
  return [{ assets: [name], parameters }];
}
