// What an address costs an extender in memory.
import { join } from "node:path";
import type { BenchWorld, Measured } from "./bench.ts";
import { startOnModel } from "./start-on-model.ts";

const NODES = 1000;
const ADDRESSES = 50_000;
/** After each the allocator gives back what is free. */
const COLLECTIONS = 5;

const preload = join(import.meta.dir, "collect-on-signal.ts");
const program = join(import.meta.dir, "../../src/scheduler/main.ts");

export async function benchExtenderMemory({ say, signal }: BenchWorld): Promise<Measured> {
  const resident: Record<string, number[]> = {};
  for (const addresses of [0, ADDRESSES]) {
    await using started = new AsyncDisposableStack();
    const { extender } = await startOnModel([process.execPath, "--preload", preload, program], {
      nodes: NODES,
      addresses,
      started,
    });
    const seen: number[] = [];
    for (let i = 0; i < COLLECTIONS; i++) {
      signal.throwIfAborted();
      process.kill(extender.daemon.pid, "SIGUSR2");
      await Bun.sleep(2_000);
      seen.push(extender.resident().now);
    }
    say(
      `${addresses} addresses: resident ${seen.map((bytes) => (bytes / 1e6).toFixed(1)).join(", ")} MB after each collection`,
    );
    resident[`resident bytes, ${addresses} addresses`] = seen;
  }
  const [without = 0, withAll = 0] = Object.values(resident).map((seen) => Math.min(...seen));
  return {
    figures: [
      { name: `resident memory, ${NODES} nodes, no address`, value: without / 1e6, unit: "MB" },
      {
        name: `resident memory, ${NODES} nodes, ${ADDRESSES} addresses with claims`,
        value: withAll / 1e6,
        unit: "MB",
      },
      { name: "memory of an address with its claim", value: (withAll - without) / ADDRESSES, unit: "B" },
    ],
    raw: resident,
  };
}
