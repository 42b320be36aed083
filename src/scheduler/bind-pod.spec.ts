import { beforeEach, describe, expect, it } from "bun:test";
import { POD_ANNOTATIONS } from "../api/annotations.ts";
import { CLAIM_FINALIZER, type VpcIPClaim } from "../api/vpc-ip-claim.ts";
import type { KubeObject } from "../kube/kube-object.ts";
import { createMemoryClient, type MemoryClient } from "../kube/testing/memory-client.ts";
import type { KubeRequest } from "../kube/transport.ts";
import { type BindWorld, bindPod } from "./bind-pod.ts";

let memory: MemoryClient;
let world: BindWorld;
/** Requests for a binding. */
let bindings: KubeRequest[];
let deleted: string[];

beforeEach(() => {
  memory = createMemoryClient();
  bindings = [];
  deleted = [];
  world = {
    kube: {
      find: memory.find,
      create: memory.create,
      mergePatch: memory.mergePatch,
      async list<T extends KubeObject>(_: unknown, { fieldSelector }: { fieldSelector?: string } = {}) {
        const all = [...memory.objects.values()] as unknown as VpcIPClaim[];
        const items = all.filter(({ spec }) => `spec.address=${spec.address}` === fieldSelector);
        return { items: items as unknown as T[], resourceVersion: "1" };
      },
      async delete(_, name, { namespace, uid } = {}) {
        deleted.push(`${namespace}/${name} ${uid}`);
      },
    },
    transport: {
      async call(request) {
        bindings.push(request);
        return { status: 201, headers: new Headers(), bytes: new Uint8Array() };
      },
    },
    call: () => ({ timeoutMs: 1 }),
  };
});

function bind(
  more: { annotations?: Record<string, string>; uid?: string; node?: string; address?: string } = {},
) {
  const { annotations = {}, uid = "uid-1", node = "n1", address } = more;
  return bindPod(world, {
    args: { PodName: "web-0", PodNamespace: "shop", PodUID: uid, Node: node },
    pod: { metadata: { name: "web-0", namespace: "shop", uid, annotations } },
    subnetId: "subnet-a",
    address,
  });
}

function claim(name = "web-0") {
  return memory.objects.get(`vpcipclaims/shop/${name}`) as unknown as VpcIPClaim;
}

/** A claim as the API server has it. */
function there(
  spec: object,
  {
    name = "web-0",
    ...metadata
  }: { name?: string; deletionTimestamp?: string; resourceVersion?: string } = {},
) {
  const key = `vpcipclaims/shop/${name}`;
  const made = { metadata: { name, namespace: "shop", uid: key, resourceVersion: "0", ...metadata }, spec };
  memory.objects.set(key, made);
}

/** Something happens right after each read, before its reader has written. @param act told which read it is, from one */
function afterRead(act: (read: number) => void): void {
  let reads = 0;
  const find: BindWorld["kube"]["find"] = async (resource, name, options) => {
    const found = await memory.find(resource, name, options);
    act(++reads);
    return found;
  };
  world = { ...world, kube: { ...world.kube, find } };
}

describe("a claim", () => {
  it("is made before the pod is bound, with its finalizer and what the pod says", async () => {
    await bind({
      annotations: {
        [POD_ANNOTATIONS.claimDeletePolicy]: "Never",
        [POD_ANNOTATIONS.claimExpiredDuration]: "10m",
      },
    });
    expect(claim().metadata.finalizers).toEqual([CLAIM_FINALIZER]);
    expect(claim().spec).toEqual({
      policy: "Never",
      subnetID: "subnet-a",
      node: "n1",
      podUID: "uid-1",
      expiresAfterSeconds: 600,
    });
    expect(bindings.map(({ path }) => path)).toEqual(["/api/v1/namespaces/shop/pods/web-0/binding"]);
  });

  it("of a former pod is taken over, with what the new one says", async () => {
    const spec = { policy: "Never", subnetID: "subnet-a", address: "10.0.16.5", node: "n0", podUID: "uid-0" };
    there({ ...spec, expiresAfterSeconds: 600 });
    await bind();
    expect(claim().spec).toEqual({
      policy: "Immediate",
      subnetID: "subnet-a",
      address: "10.0.16.5",
      node: "n1",
      podUID: "uid-1",
      expiresAfterSeconds: null,
    } as never);
    expect(bindings).toHaveLength(1);
  });

  it("is read anew where somebody writes of it meanwhile", async () => {
    there({ policy: "Never", subnetID: "subnet-a", address: "10.0.16.5" });
    afterRead((read) => {
      if (read <= 2)
        there(
          { policy: "Never", subnetID: "subnet-a", address: "10.0.16.5" },
          { resourceVersion: `${read}` },
        );
    });
    await bind();
    expect(claim().spec).toMatchObject({ node: "n1", podUID: "uid-1", address: "10.0.16.5" });
    expect(bindings).toHaveLength(1);
    expect(memory.calls.filter((verb) => verb === "find")).toHaveLength(3);
  });

  it("that the next pod of the name has taken meanwhile is that pod's", async () => {
    there({ policy: "Never", subnetID: "subnet-a", podUID: "uid-0" });
    afterRead((read) => {
      const taken = { policy: "Never", subnetID: "subnet-a", podUID: "uid-2", node: "n2" };
      if (read === 1) there(taken, { resourceVersion: "9" });
    });
    await expect(bind()).rejects.toThrow("shop/web-0 is another pod's of that name by now");
    expect(claim().spec.node).toBe("n2");
    expect(bindings).toEqual([]);
  });

  it("of a former try is left as it is, and its subnet changed as long as there is no address", async () => {
    there({ policy: "Immediate", subnetID: "subnet-b", node: "n1", podUID: "uid-1" });
    await bind();
    expect(claim().spec.subnetID).toBe("subnet-a");
    const writes = memory.calls.filter((verb) => verb === "mergePatch").length;
    await bind();
    expect(memory.calls.filter((verb) => verb === "mergePatch")).toHaveLength(writes);
    expect(bindings).toHaveLength(2);
  });

  it("that is being deleted is nobody's, and one of another subnet was not seen yet: the pod waits", async () => {
    there({ policy: "Never", subnetID: "subnet-a" }, { deletionTimestamp: "2026-01-01T00:00:00Z" });
    await expect(bind()).rejects.toThrow("shop/web-0 of a former pod is being deleted");
    there({ policy: "Never", subnetID: "subnet-b", address: "10.0.17.5" });
    await expect(bind()).rejects.toThrow("its address 10.0.17.5 is of subnet-b");
    expect(bindings).toEqual([]);
  });
});

describe("an address that the pod names", () => {
  it("is written into its claim, there or not", async () => {
    await bind({ address: "10.0.16.20" });
    expect(claim().spec).toMatchObject({ address: "10.0.16.20", subnetID: "subnet-a" });
    there({ policy: "Immediate", node: "n1" });
    await bind({ address: "10.0.16.20" });
    expect(claim().spec).toMatchObject({ address: "10.0.16.20", subnetID: "subnet-a" });
    expect(bindings).toHaveLength(2);
  });

  it("is given up where another claim names it: no pod is bound", async () => {
    there({ policy: "Immediate", address: "10.0.16.20" }, { name: "other" });
    await expect(bind({ address: "10.0.16.20" })).rejects.toThrow("10.0.16.20 is claimed by shop/other");
    expect(deleted).toEqual(["shop/web-0 vpcipclaims/shop/web-0"]);
    expect(bindings).toEqual([]);
  });

  it("is not looked for elsewhere where the claim has another", async () => {
    there({ policy: "Immediate", subnetID: "subnet-a", address: "10.0.16.9" });
    there({ policy: "Immediate", address: "10.0.16.20" }, { name: "other" });
    await bind({ address: "10.0.16.20" });
    expect(claim().spec.address).toBe("10.0.16.9");
    expect(bindings).toHaveLength(1);
  });
});

it("makes no call that it may not make any more", async () => {
  world = {
    ...world,
    call() {
      throw new Error("another leads");
    },
  };
  await expect(bind()).rejects.toThrow("another leads");
  expect(memory.calls).toEqual([]);
});
