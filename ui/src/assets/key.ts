// The key of an asset in the path of its page.

const BEFORE = "/assets/";

/** From the path as the browser has it, with all its escapes: a key may hold any character. */
export function keyIn(path: string): string {
  const text = path.startsWith(BEFORE) ? path.slice(BEFORE.length) : "";
  return text.split("/").map(decoded).join("/");
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text; // somebody typed a percent sign
  }
}
