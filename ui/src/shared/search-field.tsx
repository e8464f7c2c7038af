import { useCallback, useEffect, useRef, useState } from "react";
import { Icon } from "./icon.tsx";
import styles from "./search-field.module.css";

interface Props {
  label: string;
  placeholder: string;
  text: string;
  change(text: string): void;
}

const SETTLED_MS = 150;

/** A text to search for, told once somebody has stopped typing for a moment. */
export function SearchField({ label, placeholder, text, change }: Props) {
  const [typed, type] = useState(text);
  const told = useRef(text);
  const tell = useRef(change);
  useEffect(() => {
    tell.current = change;
  });
  useEffect(() => {
    if (text === told.current) return;
    told.current = text; // it was changed elsewhere: by "back", or by who cleared it
    type(text);
  }, [text]);
  const send = useCallback((now: string) => {
    if (now === told.current) return;
    told.current = now;
    tell.current(now);
  }, []);
  useEffect(() => {
    const timer = setTimeout(() => send(typed), SETTLED_MS);
    return () => clearTimeout(timer);
  }, [typed, send]);

  return (
    <label className={styles.of}>
      <span className="unseen">{label}</span>
      <Icon name="search" size={15} />
      <input
        type="search"
        className={styles.field}
        placeholder={placeholder}
        spellCheck={false}
        autoComplete="off"
        value={typed}
        onChange={(event) => type(event.target.value)}
        onKeyDown={(event) => {
          if (event.key === "Enter") send(typed);
          else if (event.key === "Escape") {
            event.preventDefault(); // it is left as it is, and not emptied
            event.currentTarget.blur();
          }
        }}
      />
    </label>
  );
}
