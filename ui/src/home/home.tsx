import { pathOf } from "@/address/address.ts";
import { hasPage } from "@/address/routes.ts";
import { useGo } from "@/address/use-address.ts";
import { FirstRun } from "@/assets/first-run.tsx";
import { useAnswer } from "@/server/use-answer.ts";
import { Button } from "@/shared/button.tsx";
import { counted } from "@/shared/numbers.ts";
import { PageHead } from "@/shared/panels.tsx";
import { AroundPanel, FEW_ASSETS } from "./around-panel.tsx";
import { AttentionPanel, SHOWN } from "./attention-panel.tsx";
import { ChangesPanel } from "./changes-panel.tsx";
import { ATTENTION, ATTENTION_EVENTS, GROUPS } from "./documents.ts";
import { GroupsPanel } from "./groups-panel.tsx";
import styles from "./home.module.css";
import { RunningPanel } from "./running-panel.tsx";

/** What needs somebody, what goes on, how all stands and what changed. */
export default function Home() {
  const go = useGo();
  const attention = useAnswer(ATTENTION, { first: SHOWN }, { on: ATTENTION_EVENTS });
  const groups = useAnswer(GROUPS, {}, { on: ATTENTION_EVENTS });
  const needed = attention.data?.project.environment.attention;
  const all = groups.data?.project.environment.groups;
  const count = all?.reduce((sum, { assets }) => sum + assets, 0) ?? null;
  const first = needed?.nodes[0] && pathOf("assets", needed.nodes[0].asset.key);

  return (
    <div className={styles.page}>
      <PageHead
        title="Home"
        actions={
          first &&
          hasPage(first) && (
            <Button primary onClick={() => go(first)}>
              Open the first problem
            </Button>
          )
        }
      >
        <span className="figures" role="status">
          {count !== null && count > 0 && counted(count, "asset")}
        </span>
      </PageHead>
      {count === 0 ? (
        <FirstRun />
      ) : (
        <div className={styles.panels}>
          <div className={styles.column}>
            <AttentionPanel answer={attention} />
            <GroupsPanel answer={groups} />
            {count !== null && count <= FEW_ASSETS && <AroundPanel />}
          </div>
          <div className={styles.column}>
            <RunningPanel />
            <ChangesPanel />
          </div>
        </div>
      )}
    </div>
  );
}
