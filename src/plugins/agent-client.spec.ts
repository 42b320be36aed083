import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CniError } from "../cni/error.ts";
import { AgentClient } from "./agent-client.ts";
import { AnsweringServer } from "./testing/answering-server.ts";

const ATTACHMENT = {
  containerId: "c1",
  ifName: "eth0",
  netns: "/run/netns/a",
  args: new Map<string, string>(),
};

const IMPATIENT = { patienceMs: 0 };

let folder: string;
let socket: string;
let server: AnsweringServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-agent-client-"));
  socket = join(folder, "cni.sock");
});

afterEach(() => {
  server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

/** An agent that answers each call alike. */
async function answering(status: number, body: string): Promise<AgentClient> {
  server = await AnsweringServer.start(socket, AnsweringServer.response(status, body));
  return new AgentClient({ socket }, IMPATIENT);
}

async function failureOf(promise: Promise<unknown>): Promise<CniError> {
  try {
    await promise;
  } catch (error) {
    if (error instanceof CniError) return error;
    throw error;
  }
  throw new Error("nothing failed");
}

describe("AgentClient", () => {
  test("speaks the Connect protocol", async () => {
    const client = await answering(
      200,
      JSON.stringify({
        addresses: [{ address: "10.0.16.5", nodeAddress: "10.0.1.11" }],
        group: 4003,
        podsTable: 512,
        mtu: 1500,
      }),
    );
    const { allocation, link } = await client.allocate(ATTACHMENT, { network: "a" });
    expect(allocation.group).toBe(4003);
    expect(link).toBeUndefined();
    expect(await client.release(ATTACHMENT)).toEqual({ linkTaken: false });
    const requests = (await server?.asked(2)) ?? [];
    const seen = requests.map((request) => {
      const [head = "", body = ""] = request.split("\r\n\r\n");
      const [first, ...headers] = head.split("\r\n");
      return { first, headers, body: JSON.parse(body) };
    });
    expect(seen.map(({ first, body }) => ({ first, body }))).toEqual([
      {
        first: "POST /tke.eni.agent.v1.AddressService/Allocate HTTP/1.1",
        body: {
          attachment: { containerId: "c1", ifName: "eth0" },
          netns: "/run/netns/a",
          network: "a",
          link: 1,
        },
      },
      {
        first: "POST /tke.eni.agent.v1.AddressService/Release HTTP/1.1",
        body: { attachment: { containerId: "c1", ifName: "eth0" } },
      },
    ]);
    for (const { headers } of seen) {
      expect(headers).toContain("content-type: application/json");
      expect(headers).toContain("connect-protocol-version: 1");
      expect(headers).toContainEqual(expect.stringMatching(/^connect-timeout-ms: \d{1,10}$/));
    }
  });

  test.each([
    ["resource_exhausted", 11],
    ["unavailable", 11],
    ["deadline_exceeded", 11],
    ["invalid_argument", 100],
    ["internal", 100],
  ])("a refusal with %s has code %i and the agent's own words", async (code, cniCode) => {
    const client = await answering(500, JSON.stringify({ code, message: "subnet-1 is full: add a subnet" }));
    expect(await failureOf(client.allocate(ATTACHMENT, { network: "a" }))).toMatchObject({
      code: cniCode,
      message: "subnet-1 is full: add a subnet",
      details: `tke-eni-agent: ${code}`,
    });
  });

  test.each([
    ["another server", 404, "<html>", "HTTP status 404"],
    ["JSON without a code", 500, '{"error":"x"}', "HTTP status 500"],
    ["success without JSON", 200, "ok", "HTTP status 200"],
  ])("tells %s from an agent", async (_, status, body, text) => {
    const failure = await failureOf((await answering(status, body)).allocate(ATTACHMENT, { network: "a" }));
    expect(failure.code).toBe(100);
    expect(failure.message).toContain(text);
    expect(failure.message).toContain("ipam.backend");
  });

  test.each([
    ["there is no socket", () => {}, "ENOENT"],
    ["nobody listens", () => writeFileSync(socket, ""), "ECONNREFUSED"],
  ])("is to be tried again when %s", async (_, prepare, reason) => {
    prepare();
    const failure = await failureOf(
      new AgentClient({ socket }, IMPATIENT).allocate(ATTACHMENT, { network: "a" }),
    );
    expect(failure.code).toBe(11);
    expect(failure.message).toBe(
      `cannot reach tke-eni-agent at ${socket} (${reason}): see that the tke-eni-agent pod of this node is running`,
    );
  });

  test("reaches an agent by TCP", async () => {
    await using byTcp = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({}) });
    await new AgentClient({ host: `127.0.0.1:${byTcp.port}` }).release(ATTACHMENT);
  });
});
