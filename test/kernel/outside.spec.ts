// Pods and what is outside of the VPC: by their ENI or by the node's primary interface, with and without masquerade, link-local
// services wherever they may be, and replies that come in by another interface than requests left by.
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { ReadableStreamDefaultReader } from "node:stream/web";
import type { PrimaryEgress } from "../../src/agent/nft/primary-egress.ts";
import { ECHO_PORT } from "../cluster/echo-server.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { ask, type EchoPod, ServiceNode, serveEcho } from "./service-node.ts";
import { OUTSIDE_ADDRESS, SimulatedVpc } from "./simulated-vpc.ts";
import { type ThrowAwayNamespace, ThrowAwayNamespaces } from "./throw-away-namespaces.ts";

const SET_UP_MS = 240_000;
/** Where what a client says comes back, for connections that stay. */
const CAT_PORT = 9_000;
/** A service that is behind primary interfaces alone. */
const BEHIND_PRIMARY = "169.254.77.1";
/** A service of the node's own, as a DNS cache is. */
const ON_NODE = "169.254.20.10";

const namespaces = new ThrowAwayNamespaces("tkout");
const folder = mkdtempSync(join(tmpdir(), "tke-eni-outside-"));
const vpc = new SimulatedVpc(namespaces);
/** A service that every link leads to. */
const everywhere = vpc.apiAddress;
/** To be ended with the tests. */
const processes: Bun.Subprocess[] = [];
let node: ServiceNode;
let other: ServiceNode;
let pod: EchoPod;
let sibling: EchoPod;
let away: EchoPod;

beforeAll(async () => {
  const world = { vpc, namespaces, folder };
  await vpc.start();
  node = await ServiceNode.start(world, { name: "a", instanceId: "ins-node000a", address: "10.0.1.211" });
  other = await ServiceNode.start(world, { name: "b", instanceId: "ins-node000b", address: "10.0.1.212" });
  pod = await node.addPod("pod", { eni: 0, address: 0 });
  sibling = await node.addPod("sibling", { eni: 0, address: 1 });
  away = await other.addPod("away", { eni: 0, address: 0 });
  serve(vpc.outside, "outside");
  serve(vpc.router, "cloud");
  serve(node.namespace, "node");
  processes.push(serveCat(vpc.outside));
  vpc.router.run("ip", "address", "add", `${BEHIND_PRIMARY}/32`, "dev", "lo");
  const primaries = [node, other].map(({ machine }) => `"${machine.primaryEniId}"`).join(", ");
  vpc.router.run(
    "nft",
    `table ip behind_primary {
       chain only {
         type filter hook prerouting priority filter
         ip daddr ${BEHIND_PRIMARY} iifname != { ${primaries} } drop
       }
     }`,
  );
  node.namespace.run("ip", "address", "add", `${ON_NODE}/32`, "dev", "lo");
  const echoing = [vpc.outside, vpc.router, node.namespace, pod.namespace, sibling.namespace, away.namespace];
  await waitUntil(
    "the servers",
    async () => {
      for (const one of echoing) if ((await ask(one, "127.0.0.1", ECHO_PORT)) === undefined) return false;
      return (
        vpc.outside.run("sh", "-c", `echo x | timeout 2 /bin/busybox nc 127.0.0.1 ${CAT_PORT}`) === "x\n"
      );
    },
    { deadlineMs: 30_000 },
  );
}, SET_UP_MS);

afterAll(async () => {
  for (const one of processes) one.kill("SIGKILL");
  for (const one of [node, other]) await one?.stop();
  await vpc.remove();
  namespaces.removeAll();
  rmSync(folder, { recursive: true, force: true });
}, SET_UP_MS);

function serve(namespace: ThrowAwayNamespace, name: string): void {
  processes.push(serveEcho(namespace, { name, folder: join(folder, `${name}-www`) }));
}

function serveCat(namespace: ThrowAwayNamespace): Bun.Subprocess {
  const nc = ["/bin/busybox", "nc", "-ll", "-p", String(CAT_PORT), "-e", "/bin/busybox", "cat"];
  return Bun.spawn(["ip", "netns", "exec", namespace.name, ...nc], { stdout: "ignore", stderr: "inherit" });
}

/** Whom the server saw; undefined where it was not reached. */
async function seen(from: { namespace: ThrowAwayNamespace }, address: string): Promise<string | undefined> {
  return (await ask(from.namespace, address, ECHO_PORT))?.saw;
}

const byEni: PrimaryEgress = { linkLocal: "eni", masquerade: undefined };
const byDefault: PrimaryEgress = { linkLocal: "primary", masquerade: undefined };
/** All but what stays in the VPC, and all pods but one. */
function masquerading(linkLocal: PrimaryEgress["linkLocal"] = "primary"): PrimaryEgress {
  return { linkLocal, masquerade: { exceptTo: ["10.0.0.0/16"], exceptFrom: [`${sibling.address}/32`] } };
}

describe.each([false, true])("where what comes from outside comes in by the primary interface: %p", (on) => {
  beforeAll(async () => {
    await vpc.control.changeSettings({ asymmetricOutside: on });
    // What systemd-sysctl sets at a time of its own choosing.
    node.namespace.run("sysctl", "-qw", `net.ipv4.conf.eth0.rp_filter=${on ? 1 : 0}`);
  });

  beforeEach(() => node.setEgress(byDefault));

  async function nothingDropped(): Promise<void> {
    expect(await vpc.control.readDrops()).toEqual({ total: 0, bySource: [] });
  }

  test("the switch is what the fabric does", async () => {
    const before = received("eth0");
    expect(await seen(pod, OUTSIDE_ADDRESS)).toBe(pod.address);
    // Handshake, answer and end come by one interface or by the other.
    expect(received("eth0") - before >= 4).toBe(on);
  });

  test("no mark of ours goes on to whoever looks after us", async () => {
    node.namespace.run(
      "nft",
      `table ip looks {
         counter marked {}
         chain last {
           type filter hook postrouting priority 200
           meta mark and 0xf0 != 0 counter name marked
         }
       }`,
    );
    expect(await seen(pod, OUTSIDE_ADDRESS)).toBe(pod.address);
    expect(node.namespace.run("nft", "list", "counter", "ip", "looks", "marked")).toContain("packets 0");
    node.namespace.run("nft", "delete", "table", "ip", "looks");
  });

  test("a pod is seen outside by its own address, and reached from there", async () => {
    expect(await seen(pod, OUTSIDE_ADDRESS)).toBe(pod.address);
    expect(await seen({ namespace: vpc.outside }, pod.address)).toBe(OUTSIDE_ADDRESS);
    expect(await seen(pod, away.address)).toBe(pod.address);
    await nothingDropped();
  });

  test("link-local services are reached wherever they are: on every link, on the primary's side, on the node", async () => {
    expect(await seen(pod, everywhere)).toBe(node.address);
    expect(await seen(pod, BEHIND_PRIMARY)).toBe(node.address);
    expect(await seen(pod, ON_NODE)).toBe(pod.address);
    expect(await seen(node, BEHIND_PRIMARY)).toBe(node.address);
    await nothingDropped();
  });

  test("by the ENI they see the pod, and those on the primary's side are not reached", async () => {
    await node.setEgress(byEni);
    expect(await seen(pod, everywhere)).toBe(pod.address);
    expect(await seen(pod, BEHIND_PRIMARY)).toBeUndefined();
    expect(await seen(pod, ON_NODE)).toBe(pod.address);
    await nothingDropped();
  });

  test("a pod that link-local peers connect to answers by its ENI", async () => {
    vpc.router.run("ping", "-c", "1", "-W", "2", "-I", everywhere, pod.address);
    await nothingDropped();
  });

  test("masqueraded pods are seen outside as their node, but for what is excepted", async () => {
    await node.setEgress(masquerading());
    expect(await seen(pod, OUTSIDE_ADDRESS)).toBe(node.address);
    expect(await seen(sibling, OUTSIDE_ADDRESS)).toBe(sibling.address);
    expect(await seen(pod, away.address)).toBe(pod.address);
    expect(await seen(pod, other.address)).toBeUndefined(); // Nobody listens there.
    expect(await seen(pod, everywhere)).toBe(node.address);
    expect(await seen(sibling, BEHIND_PRIMARY)).toBe(node.address);
    await node.setEgress(masquerading("eni"));
    expect(await seen(pod, everywhere)).toBe(pod.address);
    await nothingDropped();
  });

  test("what comes from outside by the ENI is answered by the ENI, masqueraded or not", async () => {
    await node.setEgress(masquerading());
    expect(await seen({ namespace: vpc.outside }, pod.address)).toBe(OUTSIDE_ADDRESS);
    await nothingDropped();
  });

  test("connections go on as they began when it changes", async () => {
    const before = await Conversation.start(pod);
    await before.say("by the ENI");
    await node.setEgress(masquerading());
    await before.say("still by the ENI");
    const after = await Conversation.start(pod);
    await after.say("by the primary");
    await node.setEgress(byDefault);
    await after.say("still by the primary");
    for (const conversation of [before, after]) await conversation.end();
    await nothingDropped();
  });
});

/** Packets that came in by a link of the node. */
function received(link: string): number {
  const [{ stats64 }] = node.namespace.ip("-stats", "link", "show", "dev", link);
  return stats64.rx.packets;
}

/** A connection to the host outside that stays. */
class Conversation {
  readonly #client: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #reader: ReadableStreamDefaultReader<Uint8Array<ArrayBuffer>>;

  private constructor(client: Bun.Subprocess<"pipe", "pipe", "inherit">) {
    this.#client = client;
    this.#reader = client.stdout.getReader();
  }

  static async start({ namespace }: EchoPod): Promise<Conversation> {
    const nc = ["/bin/busybox", "nc", OUTSIDE_ADDRESS, String(CAT_PORT)];
    const enter = ["ip", "netns", "exec", namespace.name];
    const client = Bun.spawn([...enter, ...nc], { stdin: "pipe", stdout: "pipe", stderr: "inherit" });
    processes.push(client);
    return new Conversation(client);
  }

  /** Says a line and hears it. */
  async say(line: string): Promise<void> {
    this.#client.stdin.write(`${line}\n`);
    this.#client.stdin.flush();
    const late = Bun.sleep(10_000).then(() => {
      throw new Error(`"${line}" did not come back`);
    });
    const { value } = await Promise.race([this.#reader.read(), late]);
    expect(new TextDecoder().decode(value)).toBe(`${line}\n`);
  }

  async end(): Promise<void> {
    this.#client.kill();
    await this.#client.exited;
  }
}
