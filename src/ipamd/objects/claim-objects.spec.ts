import { expect, test } from "bun:test";
import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { KubeError } from "../../kube/kube-error.ts";
import { ClaimObjects } from "./claim-objects.ts";

const address = "10.0.16.5";

function claim(name: string, metadata: object = {}): VpcIPClaim {
  return {
    apiVersion: "networking.tke.cloud.tencent.com/v1",
    kind: "VpcIPClaim",
    metadata: { name, namespace: "shop", uid: `uid of ${name}`, resourceVersion: "1", ...metadata },
    spec: { policy: "Never", address },
  };
}

const gone = new KubeError("no such claim", { status: 404, reason: "NotFound" });

/** Claims as the watch shows them. */
function objectsOf(shown: VpcIPClaim[]): ClaimObjects {
  const kube = {
    create: async (_: unknown, { metadata, spec }: VpcIPClaim) => ({ ...claim(metadata.name), spec }),
    applyStatus: () => Promise.reject(gone),
    mergePatch: () => Promise.reject(gone),
  };
  return new ClaimObjects(kube as unknown as KubeClient, {
    store: {
      get: (name) => shown.find(({ metadata }) => metadata.name === name),
      list: () => shown,
      index: (_, value) => shown.filter(({ spec }) => spec.address === value),
    },
  });
}

test("a claim that we have made has its address before the watch shows it", async () => {
  const objects = objectsOf([]);
  await objects.create("web-0", "shop", { policy: "Never", address });
  expect(objects.ofAddress(address)?.metadata.name).toBe("web-0");
  expect(objects.ofAddress("10.0.16.6")).toBeUndefined();
});

test("an address is of the claim that stays, where another one that has it goes", () => {
  const gone = claim("web-0", { deletionTimestamp: "2026-01-01T00:00:00Z" });
  expect(objectsOf([gone]).ofAddress(address)?.metadata.name).toBe("web-0");
  expect(objectsOf([gone, claim("web-1")]).ofAddress(address)?.metadata.name).toBe("web-1");
});

test.each([
  ["status", (objects: ClaimObjects, it: VpcIPClaim) => objects.writeStatus(it, { state: "Pending" })],
  ["spec", (objects: ClaimObjects, it: VpcIPClaim) => objects.change(it, { spec: { node: "n2" } })],
])(
  "a claim that went before the watch brought it is known no more once its %s could not be written",
  async (_, write) => {
    const objects = objectsOf([]);
    await objects.create("web-0", "shop", { policy: "Never", address });
    const made = objects.cache.get("web-0", "shop");
    if (made === undefined) throw new Error("not known");
    await expect(write(objects, made)).rejects.toThrow(gone);
    expect(objects.cache.get("web-0", "shop")).toBeUndefined();
  },
);
