import { SOURCE } from "@/assets/asset-documents.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Empty, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import styles from "./code.module.css";
import { Line } from "./line.tsx";
import { useHighlighted } from "./use-highlighted.ts";

/** The function that makes it, as it is deployed. */
export default function Code({ asset }: { asset: string }) {
  const { data, problem, isAwaited, again } = useAnswer(SOURCE, { key: asset }, { on: ["environment.deployed"] });
  const found = data?.project.environment.asset;
  if (problem && !found) return <Problem problem={problem} again={again} />;
  if (!found || isAwaited) return <Skeleton lines={12} height={22} />;
  if (!found.source) return <Empty title="Its text is not archived" />;
  const { file, line, text } = found.source;
  return (
    <div className={styles.code}>
      <Panel
        title={
          <>
            {file}:{line}
          </>
        }
        actions={<code title={found.codeVersion}>{found.task}</code>}
      >
        <Lines text={text.replace(/\n$/, "")} file={file} first={line} />
      </Panel>
    </div>
  );
}

function Lines({ text, file, first }: { text: string; file: string; first: number }) {
  return (
    // biome-ignore lint/a11y/noNoninteractiveTabindex: who has no pointer scrolls it by keys
    <ol className={styles.lines} start={first} tabIndex={0} aria-label="Source">
      {useHighlighted(text, file).map((pieces, n) => (
        <li key={n}>
          <span aria-hidden="true">{first + n}</span>
          <Line pieces={pieces} />
        </li>
      ))}
    </ol>
  );
}
