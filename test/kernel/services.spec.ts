// NodePort, hostPort, load balancers' and external addresses with the real kube-proxy beside the agent's rules, under the fabric's
// anti-spoofing: who reaches what, by which interface replies leave, and whom the server sees.
import { afterAll, beforeAll, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ApiServer, startApiServer } from "../apiserver/start-api-server.ts";
import { ECHO_PORT } from "../cluster/echo-server.ts";
import type { KubeProxyMode } from "../cluster/kube-proxy.ts";
import { ask, type EchoPod, ServiceNode } from "./service-node.ts";
import { OUTSIDE_ADDRESS, SimulatedVpc } from "./simulated-vpc.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const SET_UP_MS = 240_000;
/** Where a load balancer has its address: nobody's of the VPC. */
const VIP = "203.0.113.10";
const HOST_PORT = 18_080;
const POLICIES = ["Cluster", "Local"] as const;
const PLACES = ["local", "remote"] as const;
type Policy = (typeof POLICIES)[number];
type Place = (typeof PLACES)[number];

const namespaces = new ThrowAwayNamespaces("tksvc");
const folder = mkdtempSync(join(tmpdir(), "tke-eni-services-"));
const vpc = new SimulatedVpc(namespaces);
let api: ApiServer;
let a: ServiceNode;
let b: ServiceNode;
/** The endpoints: one on node a, which is asked, and one on node b. */
let local: EchoPod;
let remote: EchoPod;
let sameEni: EchoPod;
let otherEni: EchoPod;
let away: EchoPod;
/** A secondary address of node a's primary interface. */
let externalIp: string;

beforeAll(async () => {
  const world = { vpc, namespaces, folder };
  [api] = await Promise.all([startApiServer(), vpc.start()]);
  a = await ServiceNode.start(world, { name: "a", instanceId: "ins-node000a", address: "10.0.1.211" });
  b = await ServiceNode.start(world, { name: "b", instanceId: "ins-node000b", address: "10.0.1.212" });
  local = await a.addPod("local", { eni: 0, address: 0 });
  sameEni = await a.addPod("sameeni", { eni: 0, address: 1 });
  otherEni = await a.addPod("othereni", { eni: 1, address: 0 });
  remote = await b.addPod("remote", { eni: 0, address: 0 });
  away = await b.addPod("away", { eni: 1, address: 0 });
  await bringVip();
  externalIp = await assignExternalIp();
  await a.mapHostPort(local, HOST_PORT, ECHO_PORT);
  await createObjects();
}, SET_UP_MS);

afterAll(async () => {
  for (const node of [a, b]) await node?.stop();
  await vpc.remove();
  namespaces.removeAll();
  await api?.stop();
  rmSync(folder, { recursive: true, force: true });
}, SET_UP_MS);

/** The cloud delivers the balancer's address to node a, and lets it answer from there. */
async function bringVip(): Promise<void> {
  const link = a.machine.primaryEniId;
  vpc.router.run("ip", "route", "add", `${VIP}/32`, "via", a.address, "dev", link);
  vpc.router.run("nft", "add", "element", "inet", "vpc", "allowed", `{ ${link} . ${VIP} }`);
}

async function assignExternalIp(): Promise<string> {
  const { addresses } = await vpc.control.assignAddresses(a.machine.primaryEniId, { count: 1 });
  return addresses[0] ?? "";
}

const serviceName = (place: Place, policy: Policy) => `${place}-${policy.toLowerCase()}`;
const servicePort = (place: Place, policy: Policy) =>
  8000 + PLACES.indexOf(place) * 10 + POLICIES.indexOf(policy);
const nodePort = (place: Place, policy: Policy) => servicePort(place, policy) + 22_000;

async function createObjects(): Promise<void> {
  const objects: object[] = [a, b].map(({ name }) => ({
    apiVersion: "v1",
    kind: "Node",
    metadata: { name, labels: { "kubernetes.io/hostname": name } },
  }));
  for (const place of PLACES) {
    for (const policy of POLICIES) {
      const name = serviceName(place, policy);
      const port = servicePort(place, policy);
      objects.push(
        {
          apiVersion: "v1",
          kind: "Service",
          metadata: { name },
          spec: {
            type: "LoadBalancer",
            externalTrafficPolicy: policy,
            externalIPs: [externalIp],
            ports: [{ port, targetPort: ECHO_PORT, nodePort: nodePort(place, policy) }],
          },
        },
        {
          apiVersion: "discovery.k8s.io/v1",
          kind: "EndpointSlice",
          metadata: { name, labels: { "kubernetes.io/service-name": name } },
          addressType: "IPv4",
          ports: [{ port: ECHO_PORT }],
          endpoints: [
            {
              addresses: [place === "local" ? local.address : remote.address],
              nodeName: place === "local" ? "a" : "b",
              conditions: { ready: true },
            },
          ],
        },
      );
    }
  }
  const input = objects.map((object) => JSON.stringify(object)).join("\n---\n");
  await api.kubectl(["apply", "-f", "-"], { input });
  for (const node of [a, b]) {
    await patchStatus("node", node.name, { addresses: [{ type: "InternalIP", address: node.address }] });
  }
  for (const place of PLACES) {
    for (const policy of POLICIES) {
      await patchStatus("service", serviceName(place, policy), {
        loadBalancer: { ingress: [{ ip: VIP, ipMode: "VIP" }] },
      });
    }
  }
}

async function patchStatus(kind: string, name: string, status: object): Promise<void> {
  const patch = ["--subresource=status", "--type=merge", "-p", JSON.stringify({ status })];
  await api.kubectl(["patch", kind, name, ...patch]);
}

interface Client {
  readonly namespace: ThrowAwayNamespace;
  readonly address: string;
  /** Undefined for one outside the cluster. */
  readonly node: ServiceNode | undefined;
}

const clients = {
  "a host outside the VPC": () => ({ namespace: vpc.outside, address: OUTSIDE_ADDRESS, node: undefined }),
  "a pod of another node": () => ({ ...away, node: b }),
  "another node": () => ({ namespace: b.namespace, address: b.address, node: b }),
  "the node itself": () => ({ namespace: a.namespace, address: a.address, node: a }),
  "the endpoint itself": () => ({ ...local, node: a }),
  "a pod of the endpoint's ENI": () => ({ ...sameEni, node: a }),
  "a pod of another ENI": () => ({ ...otherEni, node: a }),
} satisfies Record<string, () => Client>;

interface Target {
  readonly name: string;
  readonly address: string;
  readonly port: number;
  readonly policy: Policy | "hostPort";
  readonly place: Place;
  /** kube-proxy of whatever node a client is on takes what goes there; else that of node a. */
  readonly everywhere: boolean;
}

function targets(): Target[] {
  const [ofEndpoint = "", another = ""] = a.enis.map(({ spec }) => spec.primaryIp);
  const onNode = [
    ["the primary's address", a.address],
    ["the address of the endpoint's ENI", ofEndpoint],
    ["the address of another ENI", another],
  ] as const;
  const ofServices = PLACES.flatMap((place) =>
    POLICIES.flatMap((policy): Target[] => {
      const of = { policy, place, port: servicePort(place, policy), everywhere: true };
      const ofNode = { ...of, port: nodePort(place, policy), everywhere: false };
      return [
        ...onNode.map(([name, address]) => ({ ...ofNode, name: `NodePort on ${name}`, address })),
        { ...of, name: "load balancer", address: VIP },
        { ...of, name: "external IP", address: externalIp },
      ];
    }),
  );
  // Without a place: a hostPort is that of a pod on the node itself.
  const hostPort = { policy: "hostPort", place: "local", port: HOST_PORT, everywhere: false } as const;
  return [
    ...ofServices,
    ...onNode.map(([name, address]) => ({ ...hostPort, name: `hostPort on ${name}`, address })),
  ];
}

/** Whom the server must see: one of these addresses, or nobody where it must not be reached. */
function expected(client: Client, { policy, place, everywhere }: Target): readonly string[] | undefined {
  const proxy = everywhere ? (client.node ?? a) : a;
  const endpoint = place === "local" ? { pod: local, node: a } : { pod: remote, node: b };
  const isLocal = client.node === proxy;
  // kube-proxy lets a node and its pods have endpoints anywhere: externalTrafficPolicy is for others.
  if (policy === "Local" && !isLocal && endpoint.node !== proxy) return undefined;
  const isHost = client.namespace === client.node?.namespace;
  const isItself = client.address === endpoint.pod.address;
  if (policy !== "Cluster" && !isItself && !(isHost && isLocal)) return [client.address];
  return proxy.addresses;
}

async function faultsOf(client: Client): Promise<string[]> {
  const faults = await Promise.all(
    targets().map(async (target) => {
      const { name, address, port, policy, place } = target;
      const answer = await ask(client.namespace, address, port);
      const server = place === "local" ? local.name : remote.name;
      const wanted = expected(client, target);
      const isRight =
        wanted === undefined
          ? answer === undefined
          : answer?.server === server && wanted.includes(answer.saw);
      const found = answer === undefined ? "nobody answered" : `${answer.server} saw ${answer.saw}`;
      return isRight ? [] : [`${name} (${address}), ${policy}, ${place} endpoint: ${found}, not ${wanted}`];
    }),
  );
  return faults.flat();
}

describe.each(["nftables", "iptables"] satisfies KubeProxyMode[])("kube-proxy in %s mode", (mode) => {
  beforeAll(async () => {
    const port = String(nodePort("remote", "Local"));
    await Promise.all([a, b].map((node) => node.startKubeProxy(mode, { api, written: port })));
  }, SET_UP_MS);

  afterAll(async () => {
    await Promise.all([a, b].map((node) => node.stopKubeProxy()));
  }, SET_UP_MS);

  test("a host outside does so too where the cloud sends what it sends by the primary interface", async () => {
    await vpc.control.changeSettings({ asymmetricOutside: true });
    try {
      expect(await faultsOf(clients["a host outside the VPC"]())).toEqual([]);
      expect(await vpc.control.readDrops()).toEqual({ total: 0, bySource: [] });
    } finally {
      await vpc.control.changeSettings({ asymmetricOutside: false });
    }
  });

  for (const [name, client] of Object.entries(clients)) {
    test(`${name} reaches what it should, and is seen as it should be`, async () => {
      expect(await faultsOf(client())).toEqual([]);
      expect(await vpc.control.readDrops()).toEqual({ total: 0, bySource: [] });
    });
  }
});

describe("kube-proxy that takes the whole VPC for its node's own pods", () => {
  beforeAll(async () => {
    const written = String(nodePort("remote", "Local"));
    const local = { detectLocalMode: "ClusterCIDR", clusterCIDR: "10.0.0.0/16" };
    await a.startKubeProxy("nftables", { api, written, local });
  }, SET_UP_MS);

  afterAll(() => a.stopKubeProxy(), SET_UP_MS);

  test("what it sends on to another node without masquerade leaves with an address that the interface may send", async () => {
    const port = nodePort("remote", "Local");
    const [ofEni = ""] = a.enis.map(({ spec }) => spec.primaryIp);
    for (const { namespace } of [away, b]) {
      for (const address of [a.address, ofEni]) {
        expect(await ask(namespace, address, port)).toEqual({ server: remote.name, saw: address });
      }
    }
    expect(await vpc.control.readDrops()).toEqual({ total: 0, bySource: [] });
  });
});
