// Whether a token lets anybody in.
import type { Standing } from "@/shared/marks.ts";
import type { TokenNow } from "./documents.ts";

export function standing({ revokedAt, expiresAt }: Pick<TokenNow, "revokedAt" | "expiresAt">, now: Date): Standing {
  if (revokedAt) return { mark: "failed", word: "revoked" };
  if (new Date(expiresAt) <= now) return { mark: "missing", word: "expired" };
  return { mark: "fresh", word: "usable" };
}
