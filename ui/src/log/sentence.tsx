import { Link } from "@/address/link.tsx";
import { Glyph } from "@/shared/glyph.tsx";
import { type Happening, said } from "./said.ts";
import styles from "./sentence.module.css";

/** What happened, in a line. */
export function Sentence({ of, inTable = false }: { of: Happening; inTable?: boolean }) {
  const { mark, parts } = said(of);
  return (
    <span className={styles.sentence}>
      <span className={styles.mark}>{mark && <Glyph mark={mark} />}</span>
      <span className={styles.text}>
        {parts.map((part, n) =>
          typeof part === "string" ? (
            part
          ) : (
            <Link key={n} to={part.to} {...(inTable ? { tabIndex: -1 } : {})}>
              {part.text}
            </Link>
          ),
        )}
      </span>
    </span>
  );
}
