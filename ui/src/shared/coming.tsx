import { type ComponentType, useEffect, useState } from "react";
import { generation, isAway } from "@/server/reachability.ts";
import { Away, Skeleton } from "./panels.tsx";
import { useStore } from "./store.ts";

/** A part of the interface that is loaded when it is needed, or before. */
export interface Coming<Props extends object> {
  (props: Props): React.ReactNode;
  load(): Promise<void>;
}

/**
 * The part that `load` brings. If it is there it is drawn at once; else so many lines stand for it until it comes, or
 * until the server is back.
 *
 * React's `lazy` and `Suspense` wait a third of a second before they replace what stands for something.
 */
export function coming<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
  lines = 0,
): Coming<Props> {
  let Part: ComponentType<Props> | null = null;
  let asked: Promise<void> | null = null;

  function come(): Promise<void> {
    asked ??= load().then(
      (found) => {
        Part = found.default;
      },
      (error) => {
        asked = null; // another time it may come
        throw error;
      },
    );
    return asked;
  }

  function Arriving(props: Props) {
    const [arrived, arrive] = useState<{ error?: unknown; isAway?: boolean }>({});
    const all = useStore(generation);
    const Here = Part;
    // biome-ignore lint/correctness/useExhaustiveDependencies: it is asked for again when the server is back
    useEffect(() => {
      if (Here) return;
      let isWanted = true;
      come().then(
        () => isWanted && arrive({}),
        async (error) => {
          const is = await isAway();
          if (!isWanted) return;
          if (arrived.isAway && !is)
            location.reload(); // browsers remember that a script was not there
          else arrive({ error, isAway: is });
        },
      );
      return () => {
        isWanted = false;
      };
    }, [all]);
    if (Here) return <Here {...props} />;
    if (arrived.isAway) return <Away />;
    if (arrived.error) throw arrived.error;
    return lines > 0 && <Skeleton lines={lines} />;
  }

  return Object.assign(Arriving, { load: come });
}
