import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { CniError } from "../cni/error.ts";
import { AgentClient } from "./agent-client.ts";

const ATTACHMENT = {
  containerId: "c1",
  ifName: "eth0",
  netns: "/run/netns/a",
  args: new Map<string, string>(),
};

let folder: string;
let socket: string;
let server: Bun.Server<undefined> | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-agent-client-"));
  socket = join(folder, "cni.sock");
});

afterEach(async () => {
  await server?.stop(true);
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

function answer(respond: (request: Request) => Response | Promise<Response>): AgentClient {
  server = Bun.serve({ unix: socket, fetch: respond });
  return new AgentClient({ socket });
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
    const seen: { path: string; method: string; headers: Headers; body: unknown }[] = [];
    const client = answer(async (request) => {
      const { pathname: path } = new URL(request.url);
      seen.push({ path, method: request.method, headers: request.headers, body: await request.json() });
      return Response.json({
        addresses: [{ address: "10.0.16.5", nodeAddress: "10.0.1.11" }],
        group: 4003,
        podsTable: 512,
        mtu: 1500,
      });
    });
    expect((await client.allocate(ATTACHMENT)).group).toBe(4003);
    await client.release(ATTACHMENT);
    expect(seen.map(({ method, path, body }) => ({ method, path, body }))).toEqual([
      {
        method: "POST",
        path: "/tke.eni.agent.v1.AddressService/Allocate",
        body: { attachment: { containerId: "c1", ifName: "eth0" }, netns: "/run/netns/a" },
      },
      {
        method: "POST",
        path: "/tke.eni.agent.v1.AddressService/Release",
        body: { attachment: { containerId: "c1", ifName: "eth0" } },
      },
    ]);
    for (const { headers } of seen) {
      expect(headers.get("content-type")).toBe("application/json");
      expect(headers.get("connect-protocol-version")).toBe("1");
      expect(headers.get("connect-timeout-ms")).toMatch(/^\d{1,10}$/);
    }
  });

  test.each([
    ["resource_exhausted", 11],
    ["unavailable", 11],
    ["deadline_exceeded", 11],
    ["invalid_argument", 100],
    ["internal", 100],
  ])("a refusal with %s has code %i and the agent's own words", async (code, cniCode) => {
    const client = answer(() =>
      Response.json({ code, message: "subnet-1 is full: add a subnet" }, { status: 500 }),
    );
    expect(await failureOf(client.allocate(ATTACHMENT))).toMatchObject({
      code: cniCode,
      message: "subnet-1 is full: add a subnet",
      details: `tke-eni-agent: ${code}`,
    });
  });

  test.each([
    ["another server", () => new Response("<html>", { status: 404 }), "HTTP status 404"],
    ["JSON without a code", () => Response.json({ error: "x" }, { status: 500 }), "HTTP status 500"],
    ["success without JSON", () => new Response("ok"), "HTTP status 200"],
  ])("tells %s from an agent", async (_, respond, text) => {
    const failure = await failureOf(answer(respond).allocate(ATTACHMENT));
    expect(failure.code).toBe(100);
    expect(failure.message).toContain(text);
    expect(failure.message).toContain("ipam.backend");
  });

  test.each([
    ["there is no socket", () => {}, "ENOENT"],
    ["nobody listens", () => writeFileSync(socket, ""), "ECONNREFUSED"],
  ])("is to be tried again when %s", async (_, prepare, reason) => {
    prepare();
    const failure = await failureOf(new AgentClient({ socket }).allocate(ATTACHMENT));
    expect(failure.code).toBe(11);
    expect(failure.message).toBe(
      `cannot reach tke-eni-agent at ${socket} (${reason}): see that the tke-eni-agent pod of this node is running`,
    );
  });

  test("reaches an agent by TCP", async () => {
    server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: () => Response.json({}) });
    await new AgentClient({ host: `127.0.0.1:${server.port}` }).release(ATTACHMENT);
  });
});
