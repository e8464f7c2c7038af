// Server-sent events, read from the text of a response as it comes.

export interface Message {
  event: string;
  data: string;
  /** What the server takes to go on behind it; empty where it said nothing. */
  id: string;
}

/** Takes pieces of text, wherever they were cut, and gives what is whole. */
export function reader(): (text: string) => Message[] {
  let rest = "";
  return (text) => {
    const blocks = (rest + text).split(/\r?\n\r?\n/);
    rest = blocks.pop() ?? "";
    return blocks.map(read).filter((message) => message !== null);
  };
}

function read(block: string): Message | null {
  const message: Message = { event: "message", data: "", id: "" };
  const data: string[] = [];
  let isEmpty = true;
  for (const line of block.split(/\r?\n/)) {
    const at = line.indexOf(":");
    if (at === 0 || line === "") continue; // a comment, by which a quiet connection is kept
    isEmpty = false;
    const name = at < 0 ? line : line.slice(0, at);
    const value = at < 0 ? "" : line.slice(at + 1).replace(/^ /, "");
    if (name === "data") data.push(value);
    else if (name === "event") message.event = value;
    else if (name === "id") message.id = value;
  }
  message.data = data.join("\n");
  return isEmpty ? null : message;
}
