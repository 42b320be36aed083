// A program: calls an extender for its parent, one call at a time, and tells how long each took.
import { ExtenderClient } from "./extender-client.ts";
import type { CallerAnswer, CallerQuestion } from "./timed-caller.ts";

let client: ExtenderClient | undefined;

async function answer(question: CallerQuestion): Promise<CallerAnswer> {
  if ("connect" in question) {
    client = await ExtenderClient.connect(question.connect, question.identity);
    return { connected: true };
  }
  if (client === undefined) throw new Error("there is no connection yet");
  const began = performance.now();
  const text = await client.call(question.verb, question.body);
  return { ms: performance.now() - began, text };
}

process.on("message", async (question: CallerQuestion) => {
  const said = await answer(question).catch((error: Error) => ({ error: error.message }));
  process.send?.(said);
});
