import { expect, test } from "bun:test";
import { ENI_TAGS } from "../../api/eni-tags.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { cloudEni } from "../../cloud/testing/cloud-eni.ts";
import type { Node } from "../../kube/core-resources.ts";
import { createRecordingLogger } from "../../kube/testing/recording-logger.ts";
import { createManualClock } from "../../time/testing/manual-clock.ts";
import { CloudView } from "../cloud-view/cloud-view.ts";
import { createMemoryObjects } from "../objects/testing/memory-objects.ts";
import { TokenBook } from "../objects/token-book.ts";
import type { CreationBook } from "./creation-book.ts";
import { DepartingNodes } from "./departing-nodes.ts";
import type { NodeWorld } from "./node-world.ts";
import type { RunCalls } from "./run-calls.ts";
import { syncObjects } from "./sync-objects.ts";

const node = { metadata: { name: "node-1", uid: "uid-n" }, spec: {} } as unknown as Node;

function eni(instanceId?: string): Eni {
  return cloudEni({
    ...(instanceId !== undefined && { instanceId }),
    addresses: [{ address: "10.0.16.10", state: "available" }],
    tags: [{ key: ENI_TAGS.node, value: "node-1" }],
  });
}

test("what a former machine of a name keeps for claims is looked at now and then, and each second until it is detached", async () => {
  const clock = createManualClock();
  const view = new CloudView();
  const world = {
    clock,
    view,
    objects: createMemoryObjects().objects,
    logger: createRecordingLogger(),
    tokens: new TokenBook(() => "token"),
    options: { nodeGoneGraceMs: 600_000, agentAnswerMs: 30_000 },
    nodes: { list: () => [node], get: () => node },
    findNode: async () => node,
    instances: {
      identify: async () => ({ instance: { id: "ins-2" } }),
      is: () => false,
      mayBe: () => false,
    },
    subnets: { get: async () => ({ cidr: "10.0.16.0/24" }), named: () => {} },
    claims: {
      ofAddress: () => "shop/web-0",
      isKept: () => true,
      isClaimed: () => true,
      nodeOf: () => undefined,
      gaveAddress: async () => {},
    },
  } as unknown as NodeWorld;
  const departing = new DepartingNodes(world, {} as CreationBook);
  const look = () => departing.lookAtReplaced(node, {} as RunCalls);
  view.readAll([eni("ins-1")], clock.monotonic());
  await syncObjects(world, { node: "node-1", instanceId: "ins-1", addressesPerEni: 9 });
  expect(await look()).toEqual({ againInMs: 1000 });
  for (let reading = 0; reading < 2; reading++) {
    await clock.advance(10_000);
    view.readAll([eni()], clock.monotonic());
  }
  expect(await look()).toEqual({ againInMs: 30_000 });
});
