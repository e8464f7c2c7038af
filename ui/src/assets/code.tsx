import { useAnswer } from "@/server/use-answer.ts";
import { Empty, Panel, Problem, Skeleton } from "@/shared/panels.tsx";
import { SOURCE } from "./asset-documents.ts";
import styles from "./code.module.css";

/** The function that makes it, as it is deployed. */
export default function Code({ asset }: { asset: string }) {
  const { data, problem, isAwaited, again } = useAnswer(SOURCE, { key: asset }, { on: ["environment.deployed"] });
  const found = data?.project.environment.asset;
  if (problem && !found) return <Problem problem={problem} again={again} />;
  if (!found || isAwaited) return <Skeleton lines={12} height={22} />;
  if (!found.source) return <Empty title="Its text is not archived" />;
  const { file, line, text } = found.source;
  const lines = text.replace(/\n$/, "").split("\n");
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
        {/* biome-ignore lint/a11y/noNoninteractiveTabindex: who has no pointer scrolls it by keys */}
        <ol className={styles.lines} start={line} tabIndex={0} aria-label="Source">
          {lines.map((one, n) => (
            <li key={n}>
              <span aria-hidden="true">{line + n}</span>
              <code>{one || " "}</code>
            </li>
          ))}
        </ol>
      </Panel>
    </div>
  );
}
