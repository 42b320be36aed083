import { afterAll, afterEach, beforeAll, describe, expect, test } from "bun:test";
import { mkdtemp, rename, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { customResourceDefinitions, type Lease, leases, nodes, pods } from "../../src/kube/core-resources.ts";
import { createEventRecorder } from "../../src/kube/events.ts";
import { inClusterAccess } from "../../src/kube/in-cluster-access.ts";
import { createKubeClient, type KubeClient } from "../../src/kube/kube-client.ts";
import { KubeError } from "../../src/kube/kube-error.ts";
import type { ObjectMeta } from "../../src/kube/kube-object.ts";
import { kubeConfigAccess } from "../../src/kube/kubeconfig-access.ts";
import { type LeaderElector, startLeaderElection } from "../../src/kube/lease.ts";
import { loadKubeConfig } from "../../src/kube/load-kube-config.ts";
import { type Reflector, startReflector } from "../../src/kube/reflector/reflector.ts";
import type { StoreEvent } from "../../src/kube/reflector/store.ts";
import type { Resource } from "../../src/kube/resource.ts";
import { openServerAccess, type ServerAccess } from "../../src/kube/server-access.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import { createRecordingLogger } from "../../src/kube/testing/recording-logger.ts";
import { createTransport, type KubeRequest, type KubeTransport } from "../../src/kube/transport.ts";
import { createManualClock } from "../../src/time/testing/manual-clock.ts";
import { systemWaitingClock, type WaitingClock } from "../../src/time/waiting-clock.ts";
import { createCertificateAuthority } from "../cluster/certificates.ts";
import { writeKubeconfig } from "../cluster/kubeconfig.ts";
import { apiServerProcess, compactEtcd, crash } from "./api-server-process.ts";
import { type ApiServer, startApiServer } from "./start-api-server.ts";

/** A custom resource with what ours have: a status of several writers, and a field that watches select on. */
interface Thing {
  readonly metadata: ObjectMeta;
  readonly spec: { readonly node: string; readonly size?: number };
  readonly status?: {
    readonly cloud?: string;
    readonly use?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

const things: Resource<Thing> = {
  group: "kube-spec.tke-eni.test",
  version: "v1",
  plural: "things",
  kind: "Thing",
  namespaced: false,
};

const text = { type: "string" };
const thingsDefinition = {
  metadata: { name: `${things.plural}.${things.group}` },
  spec: {
    group: things.group,
    names: { kind: things.kind, plural: things.plural, singular: "thing" },
    scope: "Cluster",
    versions: [
      {
        name: things.version,
        served: true,
        storage: true,
        subresources: { status: {} },
        selectableFields: [{ jsonPath: ".spec.node" }],
        schema: {
          openAPIV3Schema: {
            type: "object",
            properties: {
              spec: { type: "object", properties: { node: text, size: { type: "integer" } } },
              status: {
                type: "object",
                properties: {
                  cloud: text,
                  use: text,
                  conditions: {
                    type: "array",
                    items: { type: "object", required: ["type"], properties: { type: text, status: text } },
                    "x-kubernetes-list-type": "map",
                    "x-kubernetes-list-map-keys": ["type"],
                  },
                },
              },
            },
          },
        },
      },
    ],
  },
};

let server: ApiServer;
let folder: string;
let transport: KubeTransport;
let client: KubeClient;

// Long enough to build Kubernetes where the cache is empty.
beforeAll(async () => {
  server = await startApiServer();
  folder = await mkdtemp(join(tmpdir(), "tke-eni-kube-spec-"));
  transport = createTransport(await openServerAccess({ kubeconfig: server.kubeconfig }));
  client = createKubeClient(transport);
  await client.create(customResourceDefinitions, thingsDefinition);
  await eventually(
    "things are served",
    () =>
      client.list(things).then(
        () => true,
        () => false,
      ),
    { withinMs: 30_000 },
  );
}, 900_000);

afterAll(async () => {
  await server.stop();
  await rm(folder, { recursive: true, force: true });
});

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof KubeError) return error;
  throw new Error(`expected a KubeError, got ${error}`);
}

/** Who the API server takes the caller for. */
async function whoAmI(access: ServerAccess): Promise<string> {
  const { bytes } = await createTransport(access).call({
    method: "POST",
    path: "/apis/authentication.k8s.io/v1/selfsubjectreviews",
    headers: { "content-type": "application/json" },
    body: '{"apiVersion":"authentication.k8s.io/v1","kind":"SelfSubjectReview"}',
  });
  return JSON.parse(new TextDecoder().decode(bytes)).status.userInfo.username;
}

describe("access", () => {
  test("a client certificate says who we are", async () => {
    const kubeconfig = await server.kubeconfigOf({ name: "alice", groups: ["readers"] });
    expect(await whoAmI(kubeConfigAccess(loadKubeConfig({ kubeconfig })))).toBe("alice");
  });

  test("a server that another authority signed is not spoken to", async () => {
    const stranger = await createCertificateAuthority(join(folder, "stranger"));
    const kubeconfig = await writeKubeconfig(join(folder, "wrong-ca.yaml"), {
      server: server.url,
      certificateAuthority: stranger.certificate,
      user: { token: "secret" },
      name: "wrong-ca",
    });
    const error = await failure(whoAmI(kubeConfigAccess(loadKubeConfig({ kubeconfig }))));
    expect([error.reason, error.answered]).toEqual(["Unreachable", false]);
    expect(error.message).toContain("UNABLE_TO_VERIFY_LEAF_SIGNATURE");
  });

  test.each([
    ["kubernetes.default", "by a name of its certificate", true],
    ["elsewhere.example", "by a name that is not in its certificate", false],
  ])("a server that the kubeconfig calls %s, %s: spoken to is %p", async (serverName, _how, spokenTo) => {
    const kubeconfig = await writeKubeconfig(join(folder, "server-name.yaml"), {
      server: server.url,
      certificateAuthority: server.certificateAuthority,
      user: { token: await tokenOf("named") },
      name: "server-name",
    });
    const written = await Bun.file(kubeconfig).text();
    const address = `server: ${server.url}`;
    await writeFile(kubeconfig, written.replace(address, `${address}\n      tls-server-name: ${serverName}`));
    const caller = whoAmI(kubeConfigAccess(loadKubeConfig({ kubeconfig })));
    if (spokenTo) expect(await caller).toBe("system:serviceaccount:default:named");
    else expect((await failure(caller)).reason).toBe("Unreachable");
  });

  test("a pod's token is read again when it is rotated, and at once when it is refused", async () => {
    const pod = join(folder, "pod");
    const write = async (name: string, content: string) => {
      await writeFile(`${pod}-${name}`, content);
      await rename(`${pod}-${name}`, join(pod, name));
    };
    await Bun.write(join(pod, "ca.crt"), Bun.file(server.certificateAuthority));
    await write("namespace", "kube-system\n");
    await write("token", await tokenOf("first"));
    const clock = createManualClock();
    const { hostname, port } = new URL(server.url);
    const env = { KUBERNETES_SERVICE_HOST: hostname, KUBERNETES_SERVICE_PORT: port };
    const access = inClusterAccess({ env, folder: pod, clock });
    expect(access.namespace).toBe("kube-system");
    expect(await whoAmI(access)).toBe("system:serviceaccount:default:first");

    await write("token", await tokenOf("second"));
    await clock.advance(10_000);
    expect(await whoAmI(access)).toBe("system:serviceaccount:default:second");

    await write("token", "refused");
    await clock.advance(10_000);
    expect((await failure(whoAmI(access))).isUnauthorized).toBe(true);
    await write("token", await tokenOf("first"));
    expect(await whoAmI(access)).toBe("system:serviceaccount:default:first");
  });

  test("a kubeconfig's tokenFile is not overlooked", async () => {
    const kubeconfig = await writeKubeconfig(join(folder, "token-file.yaml"), {
      server: server.url,
      certificateAuthority: server.certificateAuthority,
      user: { token: "replaced" },
      name: "token-file",
    });
    await writeFile(join(folder, "token"), await tokenOf("filed"));
    const written = await Bun.file(kubeconfig).text();
    await writeFile(kubeconfig, written.replace("token: replaced", "tokenFile: token"));
    expect(await whoAmI(kubeConfigAccess(loadKubeConfig({ kubeconfig })))).toBe(
      "system:serviceaccount:default:filed",
    );
  });

  async function tokenOf(serviceAccount: string): Promise<string> {
    await server.kubectl(["create", "serviceaccount", serviceAccount]).catch(() => {});
    return server.tokenOf("default", serviceAccount);
  }
});

describe("the client", () => {
  test("tells an absent object from an absent resource", async () => {
    expect(await client.find(things, "none")).toBeUndefined();
    const unserved = { ...things, plural: "nothings" };
    const error = await failure(client.find(unserved, "none"));
    expect([error.status, error.isNotFound]).toEqual([404, false]);
  });

  test("two managers own a field each; a conflict names manager and field; force takes it", async () => {
    const apply = (fieldManager: string, spec: Partial<Thing["spec"]>, force = false) =>
      client.apply(things, { metadata: { name: "shared" }, spec }, { fieldManager, force });
    await apply("one", { node: "n1" });
    expect((await apply("two", { size: 3 })).spec).toEqual({ node: "n1", size: 3 });
    const error = await failure(apply("two", { size: 3, node: "n2" }));
    expect(error.isConflict).toBe(true);
    expect(error.details?.causes).toMatchObject([
      { field: ".spec.node", message: expect.stringContaining('"one"') },
    ]);
    expect((await apply("two", { size: 3, node: "n2" }, true)).spec.node).toBe("n2");
    // What a manager leaves out, and owns alone, goes.
    expect((await apply("two", { node: "n2" })).spec).toEqual({ node: "n2" });
  });

  test("statuses are applied beside each other, and apart from the spec", async () => {
    const metadata = { name: "with-status" };
    await client.create(things, { metadata, spec: { node: "n1" } });
    const ready = { type: "Ready", status: "True" };
    const free = { type: "Free", status: "False" };
    await client.applyStatus(
      things,
      { metadata, status: { cloud: "Assigned", conditions: [ready] } },
      { fieldManager: "ipamd" },
    );
    const both = await client.applyStatus(
      things,
      { metadata, status: { use: "InUse", conditions: [free] } },
      { fieldManager: "agent" },
    );
    expect(both.status).toEqual({ cloud: "Assigned", use: "InUse", conditions: [ready, free] });
    const spec = { node: "elsewhere" };
    const unchanged = await client.applyStatus(
      things,
      { metadata, spec, status: { use: "Free" } },
      { fieldManager: "agent" },
    );
    expect([unchanged.spec.node, unchanged.status?.conditions]).toEqual(["n1", [ready]]);
  });

  test("preconditions hold back what was meant for another object or version", async () => {
    const metadata = { name: "guarded" };
    const old = await client.create(things, { metadata, spec: { node: "n1" } });
    expect((await failure(client.create(things, { metadata, spec: { node: "n1" } }))).isAlreadyExists).toBe(
      true,
    );
    const { uid, resourceVersion } = old.metadata;
    const patch = { metadata: { resourceVersion }, spec: { size: 1 } };
    const patched = await client.mergePatch(things, "guarded", { patch });
    expect(patched.spec).toEqual({ node: "n1", size: 1 });
    expect((await failure(client.mergePatch(things, "guarded", { patch }))).isConflict).toBe(true);
    expect((await failure(client.delete(things, "guarded", { resourceVersion }))).isConflict).toBe(true);
    expect((await failure(client.delete(things, "guarded", { uid: "other" }))).isConflict).toBe(true);
    await client.delete(things, "guarded", { uid, resourceVersion: patched.metadata.resourceVersion });
    // With the uid of the dead one, an apply does not bring it back.
    const revived = client.apply(
      things,
      { metadata: { ...metadata, uid }, spec: { node: "n1" } },
      { fieldManager: "x" },
    );
    expect((await failure(revived)).isConflict).toBe(true);
    expect(await client.find(things, "guarded")).toBeUndefined();

    // Nor does it change another object of that name; a status does.
    await client.create(things, { metadata, spec: { node: "n2" } });
    const stale = { metadata: { ...metadata, uid } };
    const changed = client.apply(
      things,
      { ...stale, spec: { node: "n1" } },
      { fieldManager: "x", force: true },
    );
    expect((await failure(changed)).isInvalid).toBe(true);
    const status = await client.applyStatus(
      things,
      { ...stale, status: { use: "Free" } },
      { fieldManager: "agent" },
    );
    expect([status.spec.node, status.status?.use]).toEqual(["n2", "Free"]);
  });

  test("a field that the schema does not know is refused, not dropped", async () => {
    const spec = { node: "n1", sise: 3 };
    const error = await failure(client.create(things, { metadata: { name: "typo" }, spec }));
    expect(error.message).toContain('unknown field "spec.sise"');
    const applied = client.apply(things, { metadata: { name: "typo" }, spec }, { fieldManager: "x" });
    expect((await failure(applied)).message).toContain("sise");
  });

  test("a merge patch changes the status of a node", async () => {
    await client.create(nodes, { metadata: { name: "n1" }, spec: {} });
    const allocatable = { "tke.cloud.tencent.com/eni-ip": "9" };
    const patch = { status: { allocatable, capacity: allocatable } };
    const node = await client.mergePatch(nodes, "n1", { subresource: "status", patch });
    expect(node.status?.allocatable).toEqual(allocatable);
  });

  test("lists by field and by label, in one namespace and in all", async () => {
    await createPod("default", "on-n1", "n1");
    await createPod("kube-system", "on-n2", "n2");
    const names = async (options: object) =>
      (await client.list(pods, options)).items.map(({ metadata }) => metadata.name);
    expect(await names({})).toEqual(["on-n1", "on-n2"]);
    expect(await names({ namespace: "kube-system" })).toEqual(["on-n2"]);
    expect(await names({ fieldSelector: "spec.nodeName=n1" })).toEqual(["on-n1"]);
    expect(await names({ labelSelector: "node=n2" })).toEqual(["on-n2"]);
  });
});

/** A pod that a scheduler would have bound to the node. */
async function createPod(namespace: string, name: string, node: string): Promise<void> {
  await server.kubectl(["create", "serviceaccount", "default", "--namespace", namespace]).catch(() => {});
  const spec = { nodeName: node, containers: [{ name: "c", image: "none" }] };
  await client.create(pods, { metadata: { name, namespace, labels: { node } }, spec });
}

describe("a reflector", () => {
  let reflector: Reflector<Thing> | undefined;
  let logger: ReturnType<typeof createRecordingLogger>;
  let requests: KubeRequest[];
  /** While false, no watch gets through. */
  let open: boolean;
  /** Aborted: the watches that are open lose their connections. */
  let connections: AbortController;
  /** Added to the versions that watches begin at. */
  let skew: number;

  afterEach(() => reflector?.stop());

  function world() {
    logger = createRecordingLogger();
    requests = [];
    open = true;
    skew = 0;
    connections = new AbortController();
    const gated: Pick<KubeTransport, "stream"> = {
      stream(request, options) {
        if (!open) return Promise.reject(new KubeError("cut off", { status: 0, reason: "Unreachable" }));
        const version = request.query?.["resourceVersion"];
        const query = { ...request.query, resourceVersion: version && String(Number(version) + skew) };
        const sent = { ...request, query };
        requests.push(sent);
        return transport.stream(sent, { signal: AbortSignal.any([options.signal, connections.signal]) });
      },
    };
    return { transport: gated, clock: impatientClock, random: Math.random, logger };
  }

  // While a server is away a reflector comes to wait up to ten seconds between tries, and no test is about that: one that
  // compacts waits for a refusal and then for a list.
  const impatientClock: WaitingClock = {
    ...systemWaitingClock,
    sleep: (ms, signal) => systemWaitingClock.sleep(Math.min(ms, 500), signal),
  };

  async function reflectThings(options: { silenceMs?: number; fieldSelector?: string } = {}) {
    for (const { metadata } of (await client.list(things)).items) await client.delete(things, metadata.name);
    await create("a", "n1");
    await create("b", "n2");
    reflector = startReflector(world(), { resource: things, transform: (thing) => thing, ...options });
    await reflector.whenSynced();
    const events: StoreEvent<Thing>[] = [];
    reflector.subscribe((event) => events.push(event));
    events.length = 0;
    return { ...reflector, events };
  }

  const create = (name: string, node: string) =>
    client.create(things, { metadata: { name }, spec: { node } });
  /** An API server that has come back is ready before it serves custom resources. */
  const untilCreated = (name: string, node: string) =>
    eventually(
      `the API server creates ${name}`,
      () =>
        create(name, node).then(
          () => true,
          () => false,
        ),
      { withinMs: 30_000 },
    );
  const namesIn = ({ store }: { store: Reflector<Thing>["store"] }) =>
    store
      .list()
      .map(({ metadata }) => metadata.name)
      .sort();
  const isFromTheFuture = (query: KubeRequest["query"]) => Number(query?.["resourceVersion"]) > 1_000_000;
  const lists = () => requests.filter(({ query }) => query?.["sendInitialEvents"] === "true").length;

  test("follows additions, changes and deletions", async () => {
    const { store, events } = await reflectThings();
    expect(namesIn({ store })).toEqual(["a", "b"]);
    await create("c", "n1");
    await client.mergePatch(things, "a", { patch: { spec: { size: 7 } } });
    await client.delete(things, "b");
    await eventually("three changes", () => events.length === 3);
    expect(events.map(({ type }) => type)).toEqual(["added", "modified", "deleted"]);
    expect(store.get("a")?.spec.size).toBe(7);
    expect(namesIn({ store })).toEqual(["a", "c"]);
    expect(lists()).toBe(1);
  });

  test("sees only what the server selects; what leaves the selection is deleted", async () => {
    const { store } = await reflectThings({ fieldSelector: "spec.node=n1" });
    expect(namesIn({ store })).toEqual(["a"]);
    await client.mergePatch(things, "b", { patch: { spec: { node: "n1" } } });
    await eventually("b came", () => store.size === 2);
    await client.mergePatch(things, "a", { patch: { spec: { node: "n2" } } });
    await eventually("a left", () => Bun.deepEquals(namesIn({ store }), ["b"]));
  });

  test("follows the pods of one node", async () => {
    const ofNode = startReflector(world(), {
      resource: pods,
      fieldSelector: "spec.nodeName=reflected",
      transform: ({ metadata }) => metadata.name,
    });
    await ofNode.whenSynced();
    await createPod("default", "mine", "reflected");
    await createPod("default", "not-mine", "elsewhere");
    await eventually("the pod", () => ofNode.store.size === 1);
    await client.delete(pods, "mine", { namespace: "default", gracePeriodSeconds: 0 });
    await eventually("its end", () => ofNode.store.size === 0);
    await ofNode.stop();
  });

  test("resumes after a lost connection, without a list", async () => {
    const { store, events } = await reflectThings();
    open = false;
    connections.abort();
    await create("c", "n1");
    await client.delete(things, "a");
    await eventually("the reflector notices", () => logger.lines.some(({ level }) => level === "warn"));
    open = true;
    connections = new AbortController();
    await eventually("what it missed", () => events.length === 2);
    expect(namesIn({ store })).toEqual(["b", "c"]);
    expect(lists()).toBe(1);
  });

  test("goes on after a crash of the API server", async () => {
    const { store, age } = await reflectThings();
    await crash(server);
    await eventually("the reflector notices", () => logger.lines.some(({ level }) => level === "warn"));
    expect(namesIn({ store })).toEqual(["a", "b"]);
    await server.resume();
    await untilCreated("c", "n1");
    await eventually("the new object", () => store.size === 3, { withinMs: 20_000 });
    expect(age()).toBeLessThan(5_000);
  }, 60_000);

  test("lists again when its version is compacted away, and finds what was deleted meanwhile", async () => {
    const { store, events } = await reflectThings();
    open = false;
    await crash(server);
    await server.resume();
    await untilCreated("c", "n1");
    await client.delete(things, "a");
    await client.delete(things, "b");
    await create("b", "n3");
    await compactEtcd(server);
    // Its watch cache still has what etcd has not.
    await crash(server);
    await server.resume();
    expect(events).toEqual([]);
    open = true;
    await eventually("the new list", () => events.some(({ type }) => type === "synced"), {
      withinMs: 20_000,
    });
    const expired = logger.lines.some(
      ({ fields }) => "err" in fields && fields.err instanceof KubeError && fields.err.isGone,
    );
    expect(expired).toBe(true);
    expect(lists()).toBeGreaterThanOrEqual(2);
    expect(events.map((event) => [event.type, "object" in event && event.object.metadata.name])).toEqual([
      ["deleted", "a"],
      ["deleted", "b"],
      ["added", "b"],
      ["added", "c"],
      ["synced", false],
    ]);
    expect(store.get("b")?.spec.node).toBe("n3");
  }, 60_000);

  test("lists again when its version lies in the server's future, as after a restored backup", async () => {
    const { store } = await reflectThings({ silenceMs: 2_000 });
    skew = 1_000_000;
    await crash(server);
    await server.resume();
    await eventually("a watch from the future", () => requests.some(({ query }) => isFromTheFuture(query)), {
      withinMs: 20_000,
    });
    await create("c", "n1");
    await eventually("the new object", () => store.size === 3, { withinMs: 20_000 });
    // A busy machine may be silent for longer than the limit, which makes more of them.
    expect(lists()).toBeGreaterThanOrEqual(2);
  }, 60_000);

  test("gives up a frozen server after the silence limit, and grows old meanwhile", async () => {
    const { store, age } = await reflectThings({ silenceMs: 2_000 });
    const process = apiServerProcess(server);
    const before = requests.length;
    process.freeze();
    try {
      await eventually("the silence is noticed", () => requests.length > before, { withinMs: 10_000 });
      // The next watch does not make an old view young.
      await eventually("the view's age", () => age() > 3_000);
      expect(namesIn({ store })).toEqual(["a", "b"]);
    } finally {
      process.thaw();
    }
    await create("c", "n1");
    await eventually("the new object", () => store.size === 3, { withinMs: 20_000 });
    expect(age()).toBeLessThan(2_000);
  }, 60_000);
});

describe("leader election", () => {
  const options = {
    namespace: "default",
    name: "election",
    leaseDurationMs: 3_000,
    retryMs: 500,
    longestCallMs: 1_000,
  };
  const world = () => ({
    client,
    clock: systemWaitingClock,
    random: Math.random,
    logger: createRecordingLogger(),
  });
  const electors: LeaderElector[] = [];

  afterEach(async () => {
    for (const elector of electors.splice(0)) await elector.stop();
  });

  function elect(identity: string, told: string[]): LeaderElector {
    const elector = startLeaderElection(world(), {
      ...options,
      identity,
      onAcquired: ({ from }) => told.push(`${identity} leads, from ${from}`),
      onLost: () => told.push(`${identity} lost`),
    });
    electors.push(elector);
    return elector;
  }

  test("one leads, and hands over at its stop", async () => {
    const told: string[] = [];
    const first = elect("first", told);
    await eventually("the first leads", () => first.isLeader());
    const second = elect("second", told);
    await Bun.sleep(options.leaseDurationMs + 2 * options.retryMs);
    expect([first.isLeader(), second.isLeader()]).toEqual([true, false]);
    await first.stop();
    await eventually("the second leads", () => second.isLeader(), { withinMs: 2_000 });
    expect(told).toEqual(["first leads, from nobody", "second leads, from released"]);
    const { spec }: Lease = await client.get(leases, options.name, { namespace: options.namespace });
    expect(spec).toMatchObject({ holderIdentity: "second", leaseDurationSeconds: 3 });
  }, 30_000);

  test("a leader that the API server does not answer stops leading, and leads again after", async () => {
    const told: string[] = [];
    const elector = elect("cut-off", told);
    await eventually("it leads", () => elector.isLeader());
    const process = apiServerProcess(server);
    process.freeze();
    const frozenAt = performance.now();
    try {
      let lastLed = frozenAt;
      await eventually(
        "it leads no more",
        () => {
          const now = performance.now();
          const leads = elector.isLeader();
          if (leads) lastLed = now;
          return !leads;
        },
        { withinMs: 10_000 },
      );
      expect(lastLed - frozenAt).toBeLessThanOrEqual(options.leaseDurationMs);
      await eventually("it says so", () => told.includes("cut-off lost"), { withinMs: 1_000 });
    } finally {
      process.thaw();
    }
    await eventually("it leads again", () => elector.isLeader(), { withinMs: 10_000 });
  }, 30_000);
});

test("events show where kubectl describe looks, and are counted", async () => {
  const node = await client.create(nodes, { metadata: { name: "eventful" }, spec: {} });
  const recorder = createEventRecorder(
    { client, clock: systemWaitingClock, random: Math.random, logger: createRecordingLogger() },
    { component: "tke-eni-agent", instance: "eventful" },
  );
  for (let at = 0; at < 3; at += 1) {
    recorder.record({
      about: { apiVersion: "v1", kind: "Node", name: "eventful", uid: node.metadata.uid },
      type: "Warning",
      reason: "Tested",
      message: "told thrice",
    });
    await Bun.sleep(50);
  }
  await recorder.stop();
  const described = await server.kubectl(["describe", "node", "eventful"]);
  expect(described).toMatch(/Warning\s+Tested\s.*\(x3 over .*\)\s+tke-eni-agent\s+told thrice/);
});
