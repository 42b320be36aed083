import type { ContractApi } from "./contract-api.ts";

const GROUP = "/apis/networking.tke.cloud.tencent.com/v1";
const apiVersion = "networking.tke.cloud.tencent.com/v1";
const VIPS = `${GROUP}/vpcips`;
const CLAIMS = `${GROUP}/namespaces/default/vpcipclaims`;
const NECS = `${GROUP}/nodeeniconfigs`;
const PODS = "/api/v1/namespaces/default/pods";
const LEASES = "/apis/coordination.k8s.io/v1/namespaces/default/leases";

/** A VpcIP; what is given besides is laid over it. */
function vip(
  name: string,
  { spec = {}, ...rest }: { spec?: object; metadata?: object; status?: object } = {},
) {
  return {
    apiVersion,
    kind: "VpcIP",
    ...rest,
    metadata: { name, ...rest.metadata },
    spec: { type: "Pod", subnetID: "subnet-a", eniID: "eni-a", node: "n1", instanceID: "ins-a", ...spec },
  };
}

function nec(name: string, status: object, metadata: object = {}) {
  return { apiVersion, kind: "NodeENIConfig", metadata: { name, ...metadata }, status };
}

function condition(type: string, status: string, reason = "R") {
  return { type, status, reason, message: "m", lastTransitionTime: "2026-01-01T00:00:00Z" };
}

/** A UID that no object has. */
const STRANGER = "99999999-0000-4000-8000-000000000000";
const since = "2026-01-01T00:00:00Z";

/** What our programs ask of an API server, and what a simulation relies on. Each has objects of its own. */
export const SCENARIOS: Readonly<Record<string, (api: ContractApi) => Promise<void>>> = {
  async "an apply makes, changes, and says when it changes nothing"(api) {
    const path = `${VIPS}/10.1.0.1`;
    await api.apply(path, "ipamd", vip("10.1.0.1"));
    await api.apply(path, "ipamd", vip("10.1.0.1"));
    await api.apply(path, "ipamd", vip("10.1.0.1", { spec: { node: "n2" } }));
    await api.apply(
      path,
      "ipamd",
      vip("10.1.0.1", { metadata: { labels: { a: "b" } }, spec: { node: "n2" } }),
    );
    await api.apply(path, "ipamd", vip("10.1.0.1", { spec: { node: "n2" } }));
    await api.get(path);
  },

  async "what a manager leaves out goes, with what was below it"(api) {
    const path = `${VIPS}/10.1.0.2`;
    const reclaim = { token: "t1", mode: "now" };
    await api.apply(path, "ipamd", vip("10.1.0.2", { spec: { reclaim } }));
    await api.apply(path, "ipamd", vip("10.1.0.2"));
    await api.apply(`${NECS}/left-out`, "ipamd", {
      apiVersion,
      kind: "NodeENIConfig",
      metadata: { name: "left-out" },
      spec: {},
    });
    const creating = { nonce: "n", subnetID: "s", addresses: 3, since };
    await api.apply(`${NECS}/left-out/status`, "ipamd", nec("left-out", { demand: 1, creating }));
    await api.apply(`${NECS}/left-out/status`, "ipamd", nec("left-out", { demand: 1 }));
    await api.apply(`${NECS}/left-out/status`, "ipamd", nec("left-out", {}));
    await api.apply(`${NECS}/left-out/status`, "ipamd", nec("left-out", { creating }));
    await api.apply(`${NECS}/left-out/status`, "ipamd", nec("left-out", {}));
  },

  async "two managers own fields beside each other; a change of the other's is refused unless forced"(api) {
    const path = `${VIPS}/10.1.0.3`;
    await api.apply(path, "one", vip("10.1.0.3"));
    await api.apply(path, "two", { ...vip("10.1.0.3"), spec: { reclaim: { token: "t", mode: "now" } } });
    await api.apply(path, "two", { ...vip("10.1.0.3"), spec: { node: "n2", eniID: "eni-b" } });
    await api.apply(path, "two", { ...vip("10.1.0.3"), spec: { node: "n2" } }, { force: true });
    await api.apply(path, "one", vip("10.1.0.3"));
    await api.apply(path, "one", vip("10.1.0.3", { spec: { node: "n2" } }));
    await api.apply(path, "two", { apiVersion, kind: "VpcIP", metadata: { name: "10.1.0.3" }, spec: {} });
    await api.apply(path, "one", vip("10.1.0.3", { spec: { node: "n3" } }));
  },

  async "spec and status are written by calls of their own"(api) {
    const path = `${VIPS}/10.1.0.4`;
    const cloud = { state: "Assigned", since };
    const use = { state: "Free", since };
    await api.create(VIPS, vip("10.1.0.4", { status: { cloud } }));
    await api.apply(`${path}/status`, "ipamd", {
      ...vip("10.1.0.4", { spec: { node: "other" } }),
      status: { cloud },
    });
    await api.apply(`${path}/status`, "agent", {
      apiVersion,
      kind: "VpcIP",
      metadata: { name: "10.1.0.4", labels: { a: "b" } },
      status: { use },
    });
    await api.apply(
      path,
      "creator",
      vip("10.1.0.4", { spec: { node: "n1" }, status: { cloud: { state: "Releasing", since } } }),
    );
    await api.merge(path, { status: { use: { state: "InUse" } }, spec: { node: "n9" } });
    await api.merge(`${path}/status`, {
      status: { use: { state: "InUse" } },
      spec: { node: "n8" },
      metadata: { labels: { c: "d" } },
    });
    await api.apply(`${path}/status`, "agent", {
      apiVersion,
      kind: "VpcIP",
      metadata: { name: "10.1.0.4" },
      status: { use },
    });
    await api.apply(
      `${path}/status`,
      "agent",
      { apiVersion, kind: "VpcIP", metadata: { name: "10.1.0.4" }, status: { use } },
      { force: true },
    );
  },

  async "lists that are maps are merged by their keys"(api) {
    const path = `${NECS}/maps/status`;
    await api.apply(`${NECS}/maps`, "ipamd", {
      apiVersion,
      kind: "NodeENIConfig",
      metadata: { name: "maps" },
      spec: { securityGroups: ["sg-a"] },
    });
    const info = (eniID: string, addresses: number) => ({
      eniID,
      mac: "m",
      subnetID: "s",
      subnetCIDR: "c",
      primaryIP: "p",
      addresses,
    });
    await api.apply(
      path,
      "ipamd",
      nec("maps", {
        conditions: [condition("Ready", "True")],
        eniInfos: [info("eni-a", 1), info("eni-b", 2)],
      }),
    );
    await api.apply(path, "agent", nec("maps", { conditions: [condition("LinksReady", "False")] }));
    await api.apply(path, "agent", nec("maps", { conditions: [condition("Ready", "False")] }));
    await api.apply(
      path,
      "ipamd",
      nec("maps", {
        conditions: [condition("Ready", "False", "X")],
        eniInfos: [info("eni-c", 3), info("eni-b", 2)],
      }),
    );
    await api.apply(path, "ipamd", nec("maps", { eniInfos: [] }));
    await api.apply(
      path,
      "agent",
      nec("maps", { conditions: [condition("Ready", "True"), condition("LinksReady", "True")] }),
    );
    await api.apply(
      path,
      "ipamd",
      nec("maps", { conditions: [condition("Ready", "True"), condition("Ready", "False")] }),
    );
  },

  async "a merge patch writes under a version, removes by null, and owns what it has changed"(api) {
    const path = `${VIPS}/10.1.0.5`;
    const made = await api.apply(
      path,
      "ipamd",
      vip("10.1.0.5", { metadata: { annotations: { a: "1", b: "2" } } }),
    );
    const resourceVersion = (made?.["metadata"] as { resourceVersion?: string } | undefined)?.resourceVersion;
    await api.merge(path, { metadata: { resourceVersion, annotations: { a: null, c: "3" } } });
    await api.merge(path, { metadata: { resourceVersion }, spec: { node: "n2" } });
    await api.merge(path, { spec: { node: "n1" } });
    await api.merge(path, { spec: { node: "n2" } });
    await api.apply(path, "ipamd", vip("10.1.0.5", { metadata: { annotations: { a: "1", b: "2" } } }));
    await api.apply(
      path,
      "ipamd",
      vip("10.1.0.5", { metadata: { annotations: { b: "2" } }, spec: { node: "n2" } }),
    );
    await api.merge(path, { metadata: { uid: STRANGER } });
  },

  async "what the schema does not know or allow is refused"(api) {
    await api.create(VIPS, vip("10.1.0.6", { spec: { sise: 3 } }));
    await api.apply(`${VIPS}/10.1.0.6`, "ipamd", vip("10.1.0.6", { spec: { sise: 3 } }));
    await api.create(VIPS, vip("10.1.0.6", { spec: { type: "Car" } }));
    await api.create(VIPS, vip("10.1.0.6", { spec: { node: 3 } }));
    await api.create(VIPS, { ...vip("10.1.0.6"), spec: { type: "Pod" } });
    const { type: _, ...spec } = vip("10.1.0.6").spec;
    await api.create(VIPS, { ...vip("10.1.0.6"), spec });
    await api.apply(`${VIPS}/10.1.0.6`, "ipamd", { ...vip("10.1.0.6"), spec });
    await api.merge(`${VIPS}/10.1.0.6`, { spec: { subnetID: "subnet-b" } });
    await api.merge(`${VIPS}/10.1.0.6/status`, { status: { use: { state: "Gone", since } } });
    await api.merge(`${VIPS}/10.1.0.6/status`, { status: { use: { state: "Free" } } });
  },

  async "the address that a claim keeps is fixed, with its subnet; of one that keeps nothing it is not"(api) {
    for (const policy of ["Never", "Immediate"] as const) {
      const name = `keeps-${policy.toLowerCase()}`;
      const path = `${CLAIMS}/${name}`;
      const claim = { apiVersion, kind: "VpcIPClaim", metadata: { name }, spec: { policy } };
      await api.create(CLAIMS, claim);
      await api.merge(path, { spec: { subnetID: "subnet-a" } });
      await api.merge(path, { spec: { subnetID: "subnet-b", address: "10.1.0.9" } });
      await api.merge(path, { spec: { node: "n2" } });
      await api.merge(path, { spec: { address: "10.1.0.10" } });
      await api.merge(path, { spec: { subnetID: "subnet-a" } });
      await api.merge(path, { spec: { address: null } });
    }
  },

  async "a name is taken once"(api) {
    await api.create(VIPS, vip("10.1.0.7"));
    await api.create(VIPS, vip("10.1.0.7"));
    await api.create(VIPS, { ...vip("10.1.0.7"), metadata: {} });
  },

  async "an object with a finalizer stays until that is taken off"(api) {
    const path = `${VIPS}/10.1.0.8`;
    const finalizers = ["networking.tke.cloud.tencent.com/cloud"];
    await api.apply(path, "ipamd", vip("10.1.0.8", { metadata: { finalizers } }));
    await api.delete(path);
    await api.get(path);
    await api.delete(path);
    await api.apply(
      path,
      "ipamd",
      vip("10.1.0.8", { metadata: { finalizers }, spec: { reclaim: { token: "t", mode: "now" } } }),
    );
    await api.merge(path, { metadata: { finalizers: [...finalizers, "example.com/another"] } });
    await api.merge(path, { metadata: { finalizers: [] } });
    await api.get(path);
    await api.create(VIPS, vip("10.1.0.8"));
  },

  async "a delete is held back by its preconditions"(api) {
    const path = `${VIPS}/10.1.0.9`;
    const made = await api.create(VIPS, vip("10.1.0.9"));
    const { uid, resourceVersion } = (made?.["metadata"] ?? {}) as { uid?: string; resourceVersion?: string };
    await api.delete(path, { preconditions: { uid: STRANGER } });
    await api.delete(path, { preconditions: { uid, resourceVersion: "1" } });
    await api.delete(path, { preconditions: { uid, resourceVersion } });
    await api.delete(path, { preconditions: { uid } });
    await api.get(path);
  },

  async "an apply names the object that it means"(api) {
    const path = `${VIPS}/10.1.0.10`;
    const uid = STRANGER;
    const use = { state: "Free", since };
    await api.apply(path, "ipamd", vip("10.1.0.10", { metadata: { uid } }));
    await api.apply(
      `${path}/status`,
      "agent",
      vip("10.1.0.10", { status: { use: { state: "Free", since } } }),
    );
    const made = await api.apply(path, "ipamd", vip("10.1.0.10"));
    const meta = (made?.["metadata"] ?? {}) as { uid?: string; resourceVersion?: string };
    await api.apply(path, "ipamd", vip("10.1.0.10", { metadata: { uid }, spec: { node: "n2" } }));
    await api.apply(
      `${path}/status`,
      "agent",
      vip("10.1.0.10", { metadata: { uid }, status: { use: { state: "Free", since } } }),
    );
    await api.apply(
      path,
      "ipamd",
      vip("10.1.0.10", { metadata: { resourceVersion: "1" }, spec: { node: "n2" } }),
    );
    await api.apply(
      path,
      "ipamd",
      vip("10.1.0.10", {
        metadata: { uid: meta.uid, resourceVersion: meta.resourceVersion },
        spec: { node: "n2" },
      }),
    );
    await api.apply(
      `${path}/status`,
      "agent",
      vip("10.1.0.10", { metadata: { uid: meta.uid }, status: { use: { state: "Free", since } } }),
    );
    const status = (metadata: object, state: string) =>
      vip("10.1.0.10", { metadata, status: { use: { ...use, state } } });
    await api.apply(`${path}/status`, "agent", status({ resourceVersion: "1" }, "InUse"));
    await api.merge(`${path}/status`, { metadata: { uid }, status: { use: { state: "InUse" } } });
    await api.merge(`${path}/status`, {
      metadata: { resourceVersion: "1" },
      status: { use: { state: "InUse" } },
    });
    await api.merge(path, { metadata: { uid }, spec: { node: "n3" } });
    await api.apply(`${path}/status`, "agent", status({ uid }, "CoolingDown"), { force: true });
  },

  async "what is not there is told from what is not served"(api) {
    await api.get(`${VIPS}/10.9.9.9`);
    await api.merge(`${VIPS}/10.9.9.9`, { spec: { node: "n" } });
    await api.delete(`${VIPS}/10.9.9.9`);
    await api.get(`${GROUP}/nothings/x`);
    await api.get("/api/v1/nodes/none");
    await api.create("/apis/coordination.k8s.io/v1/namespaces/nowhere/leases", {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "x" },
      spec: {},
    });
  },

  async "nodes and pods"(api) {
    const only = ["spec.nodeName", "status.phase", "status.startTime", "status.podIP"];
    const allocatable = { "tke.cloud.tencent.com/eni-ip": "3" };
    await api.create(
      "/api/v1/nodes",
      {
        apiVersion: "v1",
        kind: "Node",
        metadata: { name: "contract-node" },
        spec: {},
        status: { allocatable },
      },
      { only: ["status.allocatable"] },
    );
    await api.merge(
      "/api/v1/nodes/contract-node/status",
      { status: { allocatable: { "tke.cloud.tencent.com/eni-ip": "4" } } },
      { only: ["status.allocatable"] },
    );
    await api.merge(
      "/api/v1/nodes/contract-node/status",
      { status: { allocatable: { "tke.cloud.tencent.com/eni-ip": "4" } } },
      { only: ["status.allocatable"] },
    );
    await api.merge(
      "/api/v1/nodes/contract-node",
      { status: { allocatable: { "tke.cloud.tencent.com/eni-ip": "5" } } },
      { only: ["status.allocatable"] },
    );
    const pod = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name: "contract-pod" },
      spec: { containers: [{ name: "c", image: "none" }] },
    };
    await api.create(PODS, { ...pod, status: { phase: "Running" } }, { only });
    const target = { apiVersion: "v1", kind: "Node", name: "contract-node" };
    const binding = { apiVersion: "v1", kind: "Binding", metadata: { name: "contract-pod" }, target };
    const another = { ...binding, metadata: { name: "contract-pod", uid: STRANGER } };
    await api.request("POST", `${PODS}/contract-pod/binding`, { body: another });
    await api.request("POST", `${PODS}/contract-pod/binding`, { body: binding });
    await api.request("POST", `${PODS}/contract-pod/binding`, { body: binding });
    await api.get(`${PODS}/contract-pod`, { only });
    await api.merge(
      `${PODS}/contract-pod/status`,
      { status: { phase: "Running", podIP: "10.1.1.1" } },
      { only },
    );
    await api.request("DELETE", `${PODS}/contract-pod`, {
      only,
      body: { apiVersion: "v1", kind: "DeleteOptions" },
    });
    await api.get(`${PODS}/contract-pod`, { only });
    await api.request("DELETE", `${PODS}/contract-pod`, {
      only,
      body: { apiVersion: "v1", kind: "DeleteOptions", gracePeriodSeconds: 0 },
    });
    await api.get(`${PODS}/contract-pod`, { only });
  },

  async "a lease is written under its version"(api) {
    const path = `${LEASES}/contract`;
    const made = await api.create(LEASES, {
      apiVersion: "coordination.k8s.io/v1",
      kind: "Lease",
      metadata: { name: "contract" },
      spec: { holderIdentity: "a", leaseDurationSeconds: 15 },
    });
    const { resourceVersion } = (made?.["metadata"] ?? {}) as { resourceVersion?: string };
    await api.merge(path, { metadata: { resourceVersion }, spec: { holderIdentity: "b" } });
    await api.merge(path, { metadata: { resourceVersion }, spec: { holderIdentity: "c" } });
  },

  async "lists are selected by field and label"(api) {
    await api.create(VIPS, vip("10.2.0.1", { metadata: { labels: { team: "a" } }, spec: { node: "sel-1" } }));
    await api.create(VIPS, vip("10.2.0.2", { metadata: { labels: { team: "b" } }, spec: { node: "sel-1" } }));
    await api.create(VIPS, vip("10.2.0.3", { metadata: { labels: { team: "a" } }, spec: { node: "sel-2" } }));
    const only: string[] = ["spec.node"];
    await api.get(VIPS, { query: { fieldSelector: "spec.node=sel-1" }, only });
    await api.get(VIPS, { query: { fieldSelector: "spec.node=sel-1,metadata.name!=10.2.0.1" }, only });
    await api.get(VIPS, { query: { labelSelector: "team=a" }, only });
    await api.get(VIPS, { query: { labelSelector: "team in (a,b),team!=b" }, only });
    await api.get(VIPS, { query: { fieldSelector: "metadata.name=10.2.0.3" }, only });
    await api.get(VIPS, { query: { fieldSelector: "spec.subnetID=subnet-a" }, only });
  },

  async "a watch tells what there is, then what changes, and what leaves its selection"(api) {
    const made = await api.create(VIPS, vip("10.3.0.1", { spec: { node: "w1" } }));
    await api.create(VIPS, vip("10.3.0.2", { spec: { node: "w2" } }));
    const list = {
      sendInitialEvents: "true",
      resourceVersionMatch: "NotOlderThan",
      allowWatchBookmarks: "true",
    };
    const selector = { fieldSelector: "spec.node=w1" };
    const change = async () => {
      await api.merge(`${VIPS}/10.3.0.2`, { spec: { node: "w1" } });
      await api.merge(`${VIPS}/10.3.0.1`, { spec: { eniID: "eni-b" } });
      await api.merge(`${VIPS}/10.3.0.1`, { spec: { node: "w3" } });
      await api.delete(`${VIPS}/10.3.0.2`);
    };
    await api.watch(VIPS, { ...list, ...selector }, { events: 6, act: change });
    const { resourceVersion = "" } = (made?.["metadata"] ?? {}) as { resourceVersion?: string };
    await api.watch(VIPS, { resourceVersion, ...selector }, { events: 4, act: async () => {} });
    await api.watch(
      VIPS,
      { resourceVersion, fieldSelector: "metadata.name=10.3.0.1" },
      { events: 2, act: async () => {} },
    );
  },
};
