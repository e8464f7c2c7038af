import { transferables } from "./scene.ts";
import { type Request, session } from "./session.ts";

const answer = session(() => performance.now());

self.onmessage = ({ data }: MessageEvent<Request>) => {
  const answered = answer(data);
  if (answered) self.postMessage(answered, { transfer: transferables(answered.scene) });
};
