import { describe, expect, it } from "bun:test";
import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import type { Node } from "../../kube/core-resources.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import { NodeStatus } from "./node-status.ts";

/** An API server with one Node. */
class Bench {
  readonly clock = createManualClock();
  readonly calls: string[] = [];
  status: Record<"capacity" | "allocatable", Record<string, string>>;
  failures = 0;
  readonly nodeStatus: NodeStatus;

  constructor(shown?: string) {
    const amount = { cpu: "2", ...(shown !== undefined && { [ENI_IP_RESOURCE]: shown }) };
    this.status = { capacity: amount, allocatable: amount };
    this.nodeStatus = new NodeStatus({
      client: { get: this.#answer("get"), mergePatch: this.#answer("patch") } as unknown as KubeClient,
      nodeName: "node-1",
      clock: this.clock,
      random: () => 0.5,
      logger: createRecordingLogger(),
    });
  }

  #answer(verb: string) {
    return async (_resource: unknown, name: string, options: { patch?: { status: Bench["status"] } }) => {
      this.calls.push(verb);
      if (this.failures-- > 0) throw new KubeError("gone", { status: 0, reason: "Unreachable" });
      for (const part of ["capacity", "allocatable"] as const) {
        this.status[part] = { ...this.status[part], ...options.patch?.status[part] };
      }
      return { metadata: { name }, spec: {}, status: this.status } as unknown as Node;
    };
  }
}

const never = new AbortController().signal;

describe("NodeStatus", () => {
  it("patches capacity and allocatable of its own resource, once", async () => {
    const bench = new Bench("3");
    await bench.nodeStatus.show(5, never);
    const expected = { cpu: "2", [ENI_IP_RESOURCE]: "5" };
    expect(bench.status).toEqual({ capacity: expected, allocatable: expected });
    expect(bench.calls).toEqual(["get", "patch"]);
  });

  it("writes a node that has none yet", async () => {
    const bench = new Bench();
    await bench.nodeStatus.show(0, never);
    expect(bench.status.allocatable[ENI_IP_RESOURCE]).toBe("0");
  });

  it.each([
    [5, "5"],
    [1000, "1k"],
    [0, "0"],
  ])("writes nothing when the kubelet has shown %d before, as %s", async (count, quantity) => {
    const bench = new Bench(quantity);
    await bench.nodeStatus.show(count, never);
    expect(bench.calls).toEqual(["get"]);
  });

  it("tries again, ever slower, until the API server answers", async () => {
    const bench = new Bench("3");
    bench.failures = 3;
    const shown = bench.nodeStatus.show(5, never);
    await bench.clock.advance(1_000);
    expect(bench.calls).toEqual(["get", "get", "get"]);
    await bench.clock.advance(1_000);
    await shown;
    expect(bench.status.allocatable[ENI_IP_RESOURCE]).toBe("5");
  });

  it("says whether the node has a count, and tries until it knows", async () => {
    const bench = new Bench("3");
    bench.failures = 1;
    const answer = bench.nodeStatus.shows(3, never);
    await bench.clock.advance(1_000);
    expect(await answer).toBe(true);
    expect(await bench.nodeStatus.shows(4, never)).toBe(false);
    expect(bench.calls).not.toContain("patch");
  });

  it("gives up when it is told to", async () => {
    const bench = new Bench("3");
    bench.failures = 100;
    const over = new AbortController();
    const shown = bench.nodeStatus.show(5, over.signal);
    shown.catch(() => {});
    await bench.clock.advance(1_000);
    over.abort();
    await expect(shown).rejects.toThrow("aborted");
    expect(bench.status.allocatable[ENI_IP_RESOURCE]).toBe("3");
  });
});
