// The agent's address API on real sockets: as plugins speak to it, as any gRPC client does, and through the death of the process.
import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, statSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Code, ConnectError, createClient } from "@connectrpc/connect";
import { createConnectTransport, createGrpcTransport } from "@connectrpc/connect-node";
import { RuntimeService } from "../../src/gen/cri/runtime/v1/pod_sandboxes_pb.ts";
import {
  AddressService,
  AddressState,
  AllocationFailureSchema,
  FailureReason,
} from "../../src/gen/tke/eni/agent/v1/address_pb.ts";
import type { ToAddressService } from "./address-service-process.ts";

let folder: string;
let agent: ReturnType<typeof spawnAgent>;
let said: { read(): Promise<unknown> };

beforeEach(async () => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-server-test-"));
  await start();
});

afterEach(async () => {
  await kill();
  rmSync(folder, { recursive: true });
});

function spawnAgent() {
  const program = join(import.meta.dir, "address-service-process.ts");
  return Bun.spawn([process.execPath, program, folder], {
    stdin: "pipe",
    stdout: "pipe",
    stderr: "inherit",
  });
}

async function start(): Promise<void> {
  agent = spawnAgent();
  said = agent.stdout.getReader();
  await said.read();
}

async function kill(): Promise<void> {
  agent.kill("SIGKILL");
  await agent.exited;
}

async function tell(what: ToAddressService): Promise<void> {
  agent.stdin.write(`${JSON.stringify(what)}\n`);
  agent.stdin.flush();
  await said.read();
}

const give = (...addresses: string[]) => tell({ addresses });

function socketPath(name: string): string {
  return join(folder, "run", name);
}

/** gRPC over HTTP/2. */
function grpc() {
  return createClient(
    AddressService,
    createGrpcTransport({
      baseUrl: "http://localhost",
      nodeOptions: { createConnection: () => connect(socketPath("agent.sock")) },
    }),
  );
}

/** The Connect protocol over HTTP/1.1, by its own client. */
function connectClient() {
  return createClient(
    AddressService,
    createConnectTransport({
      baseUrl: "http://localhost",
      httpVersion: "1.1",
      nodeOptions: { socketPath: socketPath("cni.sock") },
    }),
  );
}

function attachment(name: string) {
  return {
    containerId: `c-${name}`,
    ifName: "eth0",
    podNamespace: "default",
    podName: name,
    podUid: `u-${name}`,
  };
}

describe.each([
  ["Connect over HTTP/1.1", connectClient],
  ["gRPC over HTTP/2", grpc],
])("%s", (_, client) => {
  test("gives an address, the same one again, and takes it back", async () => {
    await give("10.0.16.5", "10.0.16.6");
    const first = await client().allocate({ attachment: attachment("a"), netns: "/run/netns/a" });
    expect(first).toMatchObject({
      addresses: [
        {
          address: "10.0.16.5",
          nodeAddress: "10.0.1.11",
          eniId: "eni-1",
          eniMac: "20:90:6f:00:00:11",
          subnetId: "subnet-1",
        },
      ],
      group: 4003,
      podsTable: 512,
      mtu: 1500,
    });
    expect(await client().allocate({ attachment: attachment("a") })).toEqual(first);
    const { addresses } = await client().listAddresses({});
    expect(addresses).toMatchObject([
      { address: "10.0.16.5", state: AddressState.IN_USE, attachment: attachment("a") },
      { address: "10.0.16.6", state: AddressState.FREE },
    ]);
    expect((await client().release({ attachment: attachment("a") })).addresses).toEqual(["10.0.16.5"]);
    expect((await client().release({ attachment: attachment("a") })).addresses).toEqual([]);
  });

  test("waits for an address, and says why there is none before the caller's time is up", async () => {
    const waiting = client().allocate({ attachment: attachment("a") }, { timeoutMs: 10_000 });
    await give("10.0.16.5");
    expect((await waiting).addresses[0]?.address).toBe("10.0.16.5");

    const began = performance.now();
    const refused = await client()
      .allocate({ attachment: attachment("b") }, { timeoutMs: 800 })
      .catch((error) => error);
    expect(performance.now() - began).toBeLessThan(800);
    expect(refused).toBeInstanceOf(ConnectError);
    expect(refused.code).toBe(Code.ResourceExhausted);
    expect(refused.findDetails(AllocationFailureSchema)).toMatchObject([
      { reason: FailureReason.NO_FREE_ADDRESS },
    ]);
    expect(refused.message).toContain("1 are in use");
  });

  test("gives nothing to a caller that has hung up", async () => {
    const hangingUp = new AbortController();
    const aborted = client()
      .allocate({ attachment: attachment("a") }, { signal: hangingUp.signal })
      .catch((error) => error);
    await tell({ callers: 1 });
    hangingUp.abort();
    await aborted;
    // The server learns of it by the connection, which takes a moment.
    await tell({ callers: 0 });
    await give("10.0.16.5");
    expect(
      (await client().allocate({ attachment: attachment("b") }, { timeoutMs: 2000 })).addresses,
    ).toMatchObject([{ address: "10.0.16.5" }]);
  });

  test("refuses an attachment without a key", async () => {
    const refused = await client()
      .allocate({ attachment: { ...attachment("a"), containerId: "" } })
      .catch((error) => error);
    expect(refused.code).toBe(Code.InvalidArgument);
  });
});

test("30 callers at once get 30 addresses", async () => {
  const all = Array.from({ length: 30 }, (_, i) => `10.0.16.${i + 5}`);
  await give(...all);
  const answers = await Promise.all(
    all.map((_, i) => (i % 2 ? grpc() : connectClient()).allocate({ attachment: attachment(`p${i}`) })),
  );
  expect(new Set(answers.map(({ addresses }) => addresses[0]?.address)).size).toBe(30);
});

test("what was answered is known after kill -9, cool-downs too", async () => {
  await give("10.0.16.5", "10.0.16.6", "10.0.16.7");
  const held = await grpc().allocate({ attachment: attachment("a") });
  await grpc().allocate({ attachment: attachment("b") });
  await grpc().release({ attachment: attachment("b") });
  await kill();
  await start();
  expect(await connectClient().allocate({ attachment: attachment("a") })).toEqual(held);
  const { addresses } = await grpc().listAddresses({});
  expect(addresses.map(({ address, state }) => [address, state])).toEqual([
    ["10.0.16.5", AddressState.IN_USE],
    ["10.0.16.6", AddressState.COOLING_DOWN],
    ["10.0.16.7", AddressState.FREE],
  ]);
});

test("only root may open the sockets", () => {
  expect(statSync(join(folder, "run")).mode & 0o777).toBe(0o700);
  for (const name of ["cni.sock", "agent.sock"]) expect(statSync(socketPath(name)).mode & 0o777).toBe(0o600);
});

test("a method that nobody has is told as unimplemented", async () => {
  const answer = await fetch("http://localhost/tke.eni.agent.v1.AddressService/Steal", {
    unix: socketPath("cni.sock"),
    method: "POST",
  });
  expect(answer.status).toBe(404);
  const stranger = createClient(
    RuntimeService,
    createGrpcTransport({
      baseUrl: "http://localhost",
      nodeOptions: { createConnection: () => connect(socketPath("agent.sock")) },
    }),
  );
  const refused = await stranger.listPodSandbox({}).catch((error) => error);
  expect(refused.code).toBe(Code.Unimplemented);
});

test("a killed server's sockets are taken over", async () => {
  const before = statSync(socketPath("cni.sock"));
  await kill();
  expect(statSync(socketPath("cni.sock")).ctimeMs).toBe(before.ctimeMs);
  await start();
  await give("10.0.16.5");
  expect((await connectClient().allocate({ attachment: attachment("a") })).addresses).toHaveLength(1);
});
