import { type KeyboardEvent, useEffect, useId, useMemo, useRef, useState } from "react";
import { Icon } from "@/shared/icon.tsx";
import field from "@/shared/search-field.module.css";
import { type Completion, completed, completions } from "./completion.ts";
import styles from "./selection-field.module.css";
import { useVocabulary } from "./use-vocabulary.ts";

interface Props {
  text: string;
  /** Somebody is done with writing: the server may be asked. */
  change(text: string): void;
  /** What the server has against it, if anything. */
  refusal: string | null;
  /** Whether a text that somebody leaves is asked for as well; else it waits for enter. */
  isLeft?: "asked" | "waiting";
}

/** A selection, with what could be written next once somebody turns to it. Enter asks for it. */
export function SelectionField({ text, change, refusal, isLeft = "waiting" }: Props) {
  const list = useId();
  const input = useRef<HTMLInputElement>(null);
  const [typed, setTyped] = useState(text);
  const [cursor, setCursor] = useState(text.length);
  const [isOpen, setOpen] = useState(false);
  const [at, setAt] = useState(-1);
  const [isUsed, setUsed] = useState(false);
  const vocabulary = useVocabulary(isUsed);
  useEffect(() => setTyped(text), [text]);
  const found = useMemo(() => completions(typed, cursor, vocabulary), [typed, cursor, vocabulary]);
  const items = isOpen ? found.items : [];

  function help(): void {
    setUsed(true);
    setOpen(true);
  }

  function take(item: Completion): void {
    const next = completed(typed, found, item);
    setTyped(next.text);
    setCursor(next.cursor);
    setAt(-1);
    const isWhole = item.kind === "asset" || item.kind === "value";
    setOpen(!isWhole);
    if (isWhole) change(next.text.trim());
    requestAnimationFrame(() => input.current?.setSelectionRange(next.cursor, next.cursor));
  }

  function pressed(event: KeyboardEvent): void {
    const item = items[at];
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      help();
      const step = event.key === "ArrowDown" ? 1 : -1;
      const count = found.items.length;
      setAt(count ? (at + step + count + (at < 0 && step < 0 ? 1 : 0)) % count : -1);
    } else if ((event.key === "Enter" || event.key === "Tab") && item) take(item);
    else if (event.key === "Enter") {
      setOpen(false);
      change(typed.trim());
      return;
    } else if (event.key === "Escape" && isOpen) {
      setOpen(false);
      setAt(-1);
    } else return;
    event.preventDefault();
    event.stopPropagation();
  }

  return (
    <div className={field.of}>
      <Icon name="search" size={15} />
      <input
        ref={input}
        className={field.field}
        type="text"
        role="combobox"
        aria-label="Selection"
        aria-expanded={items.length > 0}
        aria-controls={list}
        aria-autocomplete="list"
        aria-activedescendant={items[at] ? `${list}-${at}` : undefined}
        aria-invalid={refusal !== null}
        title={refusal ?? undefined}
        placeholder="All assets, or a selection such as group:reports or +daily"
        spellCheck={false}
        autoComplete="off"
        value={typed}
        onChange={(event) => {
          setTyped(event.target.value);
          setCursor(event.target.selectionStart ?? event.target.value.length);
          help();
          setAt(-1);
          if (event.target.value === "") change("");
        }}
        onSelect={(event) => setCursor(event.currentTarget.selectionStart ?? 0)}
        onClick={help}
        onBlur={() => {
          setOpen(false);
          if (isLeft === "asked") change(typed.trim());
        }}
        onKeyDown={pressed}
      />
      {items.length > 0 && (
        <div id={list} role="listbox" aria-label="What could be written" className={styles.items}>
          {items.map((item, n) => (
            <div
              key={`${item.kind} ${item.text}`}
              id={`${list}-${n}`}
              role="option"
              tabIndex={-1}
              aria-selected={n === at}
              onMouseDown={(event) => event.preventDefault()}
              onClick={() => take(item)}
            >
              <span>{item.text}</span>
              <small>{item.kind}</small>
            </div>
          ))}
        </div>
      )}
    </div>
  );
}
