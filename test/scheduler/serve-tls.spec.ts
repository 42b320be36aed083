// The extender's door: who may call is told by the name in the certificate, over HTTP/2 as kube-scheduler speaks it and over HTTP/1.1.
import { afterAll, beforeAll, expect, test } from "bun:test";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { type ClientHttp2Session, connect } from "node:http2";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { extenderApp } from "../../src/scheduler/app.ts";
import { serveTls, type TlsServer } from "../../src/scheduler/serve-tls.ts";
import type { ExtenderArgs } from "../../src/scheduler/wire/extender-messages.ts";
import { type Certificate, createCertificateAuthority } from "../cluster/certificates.ts";

const SCHEDULER = "system:kube-scheduler";

let folder: string;
let server: TlsServer;
let authorityFile: string;
let keeps = true;
const clients = new Map<string, Certificate>();

const names: string[] = [];
/** What was counted. */
const answers: string[] = [];

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-extender-test-"));
  const authority = await createCertificateAuthority(join(folder, "ca"));
  const other = await createCertificateAuthority(join(folder, "other-ca"));
  authorityFile = authority.certificate;
  const serving = await authority.issue({
    name: "serving",
    commonName: "tke-eni-ip-scheduler",
    usage: "serverAuth",
    alternativeNames: ["DNS:localhost", "IP:127.0.0.1"],
  });
  const client = { usage: "clientAuth" } as const;
  clients.set("scheduler", await authority.issue({ name: "scheduler", commonName: SCHEDULER, ...client }));
  clients.set("kubelet", await authority.issue({ name: "kubelet", commonName: "system:node:n1", ...client }));
  clients.set("stranger", await other.issue({ name: "stranger", commonName: SCHEDULER, ...client }));
  const extender = {
    filter({ Pod, NodeNames }: ExtenderArgs) {
      names.push(Pod.metadata.name);
      return { NodeNames: NodeNames ?? [], FailedNodes: {}, FailedAndUnresolvableNodes: {}, Error: "" };
    },
    prioritize: () => [{ Host: "n1", Score: 10 }],
    preempt(): never {
      throw new Error("nothing is known yet");
    },
    bind: async () => ({ Error: "" }),
  };
  const app = extenderApp({
    extender,
    answered: (verb, outcome) => answers.push(`${verb} ${outcome}`),
    stopwatch: () => 0,
  });
  server = await serveTls({
    hostname: "127.0.0.1",
    port: 0,
    certificate: readFileSync(serving.certificate, "utf8"),
    key: readFileSync(serving.key, "utf8"),
    clientAuthority: readFileSync(authority.certificate, "utf8"),
    allowedNames: new Set([SCHEDULER]),
    fetch: (request) => app.fetch(request),
    keepsConnections: () => keeps,
  });
});

afterAll(async () => {
  await server?.stop();
  rmSync(folder, { recursive: true, force: true });
});

/** By HTTP/2, in a connection of its own. */
async function post(
  who: string | undefined,
  verb: string,
  body: string,
): Promise<{ status: number; text: string }> {
  const session = open(who);
  try {
    return await postIn(session, verb, body);
  } finally {
    session.close();
  }
}

function open(who: string | undefined): ClientHttp2Session {
  const certificate = who === undefined ? undefined : clients.get(who);
  return connect(`https://127.0.0.1:${server.port}`, {
    ca: readFileSync(authorityFile, "utf8"),
    ...(certificate && {
      cert: readFileSync(certificate.certificate, "utf8"),
      key: readFileSync(certificate.key, "utf8"),
    }),
  });
}

function postIn(
  session: ClientHttp2Session,
  verb: string,
  body: string,
): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    session.once("error", reject);
    session.once("close", () => reject(new Error("closed")));
    const stream = session.request({
      ":method": "POST",
      ":path": `/v1/${verb}`,
      "content-type": "application/json",
    });
    let status = 0;
    let text = "";
    stream.on("response", (headers) => {
      status = Number(headers[":status"]);
    });
    stream.setEncoding("utf8");
    stream.on("data", (chunk) => {
      text += chunk;
    });
    stream.on("end", () => {
      // A connection that is cut off during its handshake ends its streams without a word.
      if (status === 0) reject(new Error("cut off"));
      else resolve({ status, text });
    });
    stream.on("error", reject);
    stream.end(body);
  });
}

const args = JSON.stringify({
  Pod: { metadata: { name: "web-0", namespace: "shop", uid: "u1", annotations: null } },
  Nodes: null,
  NodeNames: ["n1", "n2"],
});

test("the scheduler is answered, in the scheduler's words", async () => {
  const { status, text } = await post("scheduler", "filter", args);
  expect({ status, ...JSON.parse(text) }).toEqual({
    status: 200,
    NodeNames: ["n1", "n2"],
    FailedNodes: {},
    FailedAndUnresolvableNodes: {},
    Error: "",
  });
  expect(names).toEqual(["web-0"]);
  expect(JSON.parse((await post("scheduler", "prioritize", args)).text)).toEqual([{ Host: "n1", Score: 10 }]);
});

test("another name of the same authority may not call, and nothing is done for it", async () => {
  const { status, text } = await post("kubelet", "filter", args);
  expect(status).toBe(403);
  expect(JSON.parse(text).error).toContain('"system:node:n1"');
  expect(names).toEqual(["web-0"]);
});

test.each([["stranger"], [undefined]])(
  "%p, of another authority or of none, does not come in",
  async (who) => {
    await expect(post(who, "filter", args)).rejects.toThrow();
    expect(names).toEqual(["web-0"]);
  },
);

test("what is no message of a scheduler is refused with what is wrong, and what goes wrong is told", async () => {
  const refused = await post("scheduler", "filter", '{"Pod":{"metadata":{"name":7}}}');
  expect(refused.status).toBe(400);
  expect(JSON.parse(refused.text).error).toContain("filter: Pod.metadata.name");
  const names = await post(
    "scheduler",
    "filter",
    JSON.stringify({ ...JSON.parse(args), NodeNames: ["n1", 2] }),
  );
  expect(names.status).toBe(400);
  expect(JSON.parse(names.text).error).toContain("filter: NodeNames: it must be a list of names");
  expect((await post("scheduler", "filter", "{")).status).toBe(400);
  const body = JSON.stringify({ Pod: JSON.parse(args).Pod, NodeNameToMetaVictims: {} });
  const failed = await post("scheduler", "preempt", body);
  expect({ status: failed.status, ...JSON.parse(failed.text) }).toEqual({
    status: 500,
    error: "nothing is known yet",
  });
});

test("who stands by ends the connection after its answer, so that the next one may lead elsewhere; who does not keeps it", async () => {
  const session = open("scheduler");
  const closed = new Promise<void>((resolve) => session.once("close", resolve));
  expect((await postIn(session, "filter", args)).status).toBe(200);
  expect((await postIn(session, "filter", args)).status).toBe(200);
  expect(session.closed || session.destroyed).toBe(false);
  keeps = false;
  try {
    const { status, text } = await postIn(session, "prioritize", args);
    expect({ status, answer: JSON.parse(text) }).toEqual({
      status: 200,
      answer: [{ Host: "n1", Score: 10 }],
    });
    await closed;
  } finally {
    keeps = true;
  }
});

test("over HTTP/1.1 as well", async () => {
  const certificate = clients.get("scheduler");
  if (certificate === undefined) throw new Error("unreachable");
  const tls = {
    ca: readFileSync(authorityFile, "utf8"),
    cert: readFileSync(certificate.certificate, "utf8"),
    key: readFileSync(certificate.key, "utf8"),
  };
  const ask = () =>
    fetch(`https://127.0.0.1:${server.port}/v1/filter`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: args,
      tls,
    });
  expect((await ask()).headers.get("connection")).not.toBe("close");
  keeps = false;
  try {
    const answered = await ask();
    expect(answered.status).toBe(200);
    expect(answered.headers.get("connection")).toBe("close");
  } finally {
    keeps = true;
  }
});
