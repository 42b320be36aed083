import { describe, expect, it } from "bun:test";
import { ENI_IP_RESOURCE } from "../../api/extended-resources.ts";
import type { Container, Pod } from "../../kube/core-resources.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import { BoundPods, slotsOnTheWay } from "./bound-pods.ts";

const clock = createManualClock();
const never = new AbortController().signal;

const container = (slots?: number): Container => ({
  name: "main",
  ...(slots !== undefined && { resources: { limits: { [ENI_IP_RESOURCE]: String(slots) } } }),
});

function pod(name: string, { slots, status }: { slots?: number; status?: Pod["status"] } = {}): Pod {
  return {
    metadata: { name, namespace: "default", uid: name, resourceVersion: "1", creationTimestamp: "" },
    spec: { containers: [container(slots)] },
    ...(status !== undefined && { status }),
  };
}

function boundPods(items: Pod[], { failures = 0 } = {}) {
  const selectors: (string | undefined)[] = [];
  const list = async (_resource: unknown, { fieldSelector }: { fieldSelector?: string }) => {
    selectors.push(fieldSelector);
    if (selectors.length <= failures) throw new KubeError("gone", { status: 0, reason: "Unreachable" });
    return { items, resourceVersion: "1" };
  };
  const client = { list } as unknown as Pick<KubeClient, "list">;
  const reader = new BoundPods({
    client,
    nodeName: "node-1",
    clock,
    random: () => 0.5,
    logger: createRecordingLogger(),
  });
  return { reader, selectors };
}

describe("BoundPods", () => {
  it("lists the pods of this node that ask for addresses and have not ended", async () => {
    const init = pod("init", { slots: 1 });
    const { reader, selectors } = boundPods([
      pod("new", { slots: 1, status: { phase: "Pending" } }),
      pod("runs", { slots: 1, status: { phase: "Running", startTime: "2026-01-01T00:00:00Z" } }),
      pod("asks-for-none"),
      pod("asks-for-zero", { slots: 0 }),
      pod("done", { slots: 1, status: { phase: "Succeeded" } }),
      pod("failed", { slots: 1, status: { phase: "Failed" } }),
      { ...init, spec: { containers: [container(1)], initContainers: [container(2), container()] } },
    ]);
    expect(await reader.list(never)).toEqual([
      { key: "default/new", slots: 1, acknowledged: false },
      { key: "default/runs", slots: 1, acknowledged: true },
      { key: "default/init", slots: 3, acknowledged: false },
    ]);
    expect(selectors).toEqual(["spec.nodeName=node-1"]);
  });

  it("tries again until the API server answers", async () => {
    const { reader } = boundPods([pod("new", { slots: 1 })], { failures: 2 });
    const listed = reader.list(never);
    await clock.advance(1_000);
    expect((await listed).length).toBe(1);
  });
});

describe("slotsOnTheWay()", () => {
  const of = (name: string, acknowledged: boolean) => ({ key: `default/${name}`, slots: 2, acknowledged });

  it("counts what the kubelet has not handed out", () => {
    expect(slotsOnTheWay([of("a", false), of("b", true), of("c", true)], new Set(["default/c"]))).toBe(4);
  });

  it("does not take the slots of a pod for those of its namesake", () => {
    expect(slotsOnTheWay([of("a", false)], new Set(["default/a"]))).toBe(2);
  });
});
