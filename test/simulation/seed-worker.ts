// Runs the seeds that it is sent, one after the other.
import { runSeedAlone } from "./run-seed-alone.ts";

declare const self: Worker;

self.onmessage = async ({ data }: MessageEvent<number>) => {
  self.postMessage(await runSeedAlone({ seed: data }));
};
