import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { listAs, pathOf } from "@/address/address.ts";
import { ROUTES } from "@/address/routes.ts";
import { useChange, useGo } from "@/address/use-address.ts";
import { graphql } from "@/graphql.ts";
import { useMaterialize } from "@/materialize/use-materialize.ts";
import { beyond, momentFrom, momentName, quickMoments } from "@/moment/moment.ts";
import { position } from "@/server/client.ts";
import { useAnswer } from "@/server/use-answer.ts";
import { Dialog } from "@/shared/dialog.tsx";
import { Glyph } from "@/shared/glyph.tsx";
import { Icon } from "@/shared/icon.tsx";
import type { IconName } from "@/shared/icons.ts";
import { Keys } from "@/shared/keys.tsx";
import { type Mark, RUN_STANDINGS, standingOf } from "@/shared/marks.ts";
import { best } from "@/shared/matching.ts";
import { counted } from "@/shared/numbers.ts";
import styles from "./palette.module.css";
import { shortcuts } from "./use-shortcuts.ts";

const FOUND = graphql(`
  query Found($project: String!, $environment: String!, $asOf: Moment, $text: String!) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        assets(search: $text, first: 12) { nodes { key group status flags } }
      }
      runs(search: $text, first: 3) { nodes { id selection status } }
    }
  }
`);

/** What there is by name besides assets, all at once: there is little of it. */
const NAMED = graphql(`
  query Named($project: String!, $environment: String!, $asOf: Moment) {
    project(name: $project, asOf: $asOf) {
      environment(name: $environment) {
        groups(first: 1000) { name assets }
        launchPlans(first: 200) { nodes { name isWorkflow } }
      }
    }
  }
`);

interface Item {
  id: string;
  label: string;
  hint?: string;
  keys?: string;
  icon?: IconName;
  mark?: Mark;
  run(): void;
}

interface Section {
  title: string;
  items: Item[];
}

/** What could be written behind a mark, where nothing is found. */
const NOTHING: Readonly<Record<string, string>> = {
  "@": "An owner, as in @team:data",
  ":": "A moment until now, as in :yesterday 9am, :2h or :48211",
};

/** Everything by its name: `>` does something, `#` is a group, `@` an owner, `:` a moment. */
export function Palette({ begun = "", close }: { begun?: string; close(): void }) {
  const [text, setText] = useState(begun);
  const [at, setAt] = useState(0);
  const sections = useSections(text, close);
  const items = sections.flatMap((section) => section.items);
  const chosen = items[Math.min(at, items.length - 1)];
  const id = useId();
  const list = useRef<HTMLDivElement>(null);

  // biome-ignore lint/correctness/useExhaustiveDependencies: another text, another first one
  useEffect(() => setAt(0), [text]);
  // biome-ignore lint/correctness/useExhaustiveDependencies: the chosen one is in sight
  useEffect(() => {
    void list.current?.querySelector("[aria-selected=true]")?.scrollIntoView({ block: "nearest" });
  }, [at]);

  function press(event: KeyboardEvent) {
    const by = { ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (by !== undefined) {
      event.preventDefault();
      setAt((Math.min(at, items.length - 1) + by + items.length) % Math.max(1, items.length));
    } else if (event.key === "Enter" && chosen) {
      event.preventDefault();
      chosen.run();
    }
  }

  let number = -1;
  return (
    <Dialog title="Find anything" close={close} place="top">
      <div className={styles.head}>
        <Icon name="search" />
        <input
          className={styles.field}
          placeholder="Find asset, run, page…   > do   # group   @ owner   : moment"
          aria-label="Find"
          role="combobox"
          aria-expanded="true"
          aria-controls={id}
          aria-activedescendant={chosen ? `${id}-${chosen.id}` : undefined}
          value={text}
          onChange={(event) => setText(event.target.value)}
          onKeyDown={press}
          autoFocus
        />
      </div>
      <div ref={list} id={id} className={styles.list} role="listbox" aria-label="What was found">
        {sections.map(({ title, items }) => (
          <div key={title} role="group" aria-label={title}>
            <div className={styles.title} aria-hidden="true">
              {title}
            </div>
            {items.map((item) => {
              number += 1;
              const mine = number;
              return (
                <div
                  key={item.id}
                  id={`${id}-${item.id}`}
                  role="option"
                  aria-selected={item === chosen}
                  className={styles.item}
                  onPointerMove={() => mine !== at && setAt(mine)}
                  onClick={item.run}
                >
                  {item.mark && <Glyph mark={item.mark} />}
                  {item.icon && (
                    <span className={styles.icon}>
                      <Icon name={item.icon} size={14} />
                    </span>
                  )}
                  <span className={styles.label}>{item.label}</span>
                  {item.hint && <span className={styles.hint}>{item.hint}</span>}
                  {item.keys && <Keys of={item.keys} />}
                </div>
              );
            })}
          </div>
        ))}
        {items.length === 0 && <p className={styles.none}>{NOTHING[text[0] ?? ""] ?? "Nothing is called so"}</p>}
      </div>
    </Dialog>
  );
}

function useSections(text: string, close: () => void): Section[] {
  const go = useGo();
  const change = useChange();
  const wanted = useSettled(text, 80);
  const mark = /^[>#@:]/.test(text) ? text[0] : "";
  const plain = mark ? text.slice(1).trim() : text.trim();
  const { data } = useAnswer(FOUND, { text: wanted.trim() }, { pause: mark !== "" || wanted.trim() === "" });
  const named = useAnswer(NAMED, {}).data?.project.environment;
  const materialize = useMaterialize();

  return useMemo(() => {
    const done = (run: () => void) => () => {
      close();
      run();
    };
    const pages: Item[] = ROUTES.flatMap(({ path, title, navigation }) =>
      navigation
        ? [
            {
              id: `page-${title}`,
              label: title,
              icon: navigation.icon,
              keys: navigation.keys,
              run: done(() => go(path)),
            },
          ]
        : [],
    );
    const verbs: Item[] = shortcuts
      .get()
      .filter(
        ({ keys }, n, all) => !/^g |^mod\+|^\/$/.test(keys) && n === all.findLastIndex((one) => one.keys === keys),
      )
      .map(({ label, keys, run }) => ({ id: `verb-${label}`, label, keys, icon: "right" as const, run: done(run) }));
    const launches: Item[] = (named?.launchPlans.nodes ?? []).map(({ name, isWorkflow }) => ({
      id: `launch-${name}`,
      label: `Launch ${name}…`,
      hint: isWorkflow ? "workflow" : "launch plan",
      icon: "runs",
      run: done(() => materialize({ launch: name })),
    }));
    const groups: Item[] = (named?.groups ?? []).map(({ name, assets }) => ({
      id: `group-${name}`,
      label: name,
      hint: counted(assets, "asset"),
      icon: "backfills",
      run: done(() => go("/assets", { group: listAs([name]) })),
    }));
    const byLabel = (item: Item) => item.label;
    const sections: Section[] = [];
    const add = (title: string, items: Item[]) => items.length > 0 && sections.push({ title, items });

    if (mark === "#") add("Groups", best(plain, groups, byLabel).slice(0, 12));
    else if (mark === "@") {
      if (plain) {
        const run = done(() => go("/assets", { q: `owner:*${plain}*` }));
        add("Assets", [{ id: "owner", label: `owner ${plain}`, icon: "assets", run }]);
      }
    } else if (mark === ":") {
      const now = new Date();
      const moment = momentFrom(plain, now);
      const said = moment && !beyond(moment, position.get(), now) ? [{ label: momentName(moment), asOf: moment }] : [];
      const quick = moment ? [] : best(plain, quickMoments(now), ({ label }) => label);
      add(
        "Moment",
        [...said, ...quick].map(({ label, asOf }) => ({
          id: `moment-${asOf}`,
          label,
          icon: "clock",
          run: done(() => change({ asOf }, { step: true })),
        })),
      );
    } else if (mark === ">") add("Do", best(plain, [...verbs, ...launches], byLabel));
    else {
      add("Pages", best(plain, pages, byLabel));
      if (plain && data) {
        const nodes = best(plain, data.project.environment.assets.nodes, ({ key }) => key);
        const others = data.project.environment.assets.nodes.filter((one) => !nodes.includes(one));
        add(
          "Assets",
          [...nodes, ...others].slice(0, 10).map(({ key, group, status, flags }) => ({
            id: `asset-${key}`,
            label: key,
            hint: group,
            mark: standingOf(status, flags).mark,
            run: done(() => go(pathOf("assets", key))),
          })),
        );
      }
      if (plain) add("Groups", best(plain, groups, byLabel).slice(0, 3));
      if (plain && data)
        add(
          "Runs",
          data.project.runs.nodes.map(({ id, selection, status }) => ({
            id: `run-${id}`,
            label: id,
            hint: selection === "*" ? "all assets" : selection,
            mark: RUN_STANDINGS[status].mark,
            run: done(() => go(pathOf("runs", id))),
          })),
        );
      add("Do", best(plain, [...verbs, ...launches], byLabel).slice(0, plain ? 3 : 6));
    }
    return sections;
  }, [mark, plain, data, named, go, change, close, materialize]);
}

/** The text once nobody has typed for so long. */
function useSettled(text: string, ms: number): string {
  const [settled, settle] = useState(text);
  useEffect(() => {
    const timer = setTimeout(() => settle(text), ms);
    return () => clearTimeout(timer);
  }, [text, ms]);
  return settled;
}
