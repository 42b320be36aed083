import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { KubeError } from "./kube-error.ts";
import type { ServerAccess } from "./server-access.ts";
import { createTransport } from "./transport.ts";

let server: Bun.Server<undefined>;
let answer: (request: Request) => Response | Promise<Response>;
let forgotten: number;
let token: string;

beforeEach(() => {
  answer = () => new Response("{}");
  forgotten = 0;
  token = "first";
  server = Bun.serve({ port: 0, hostname: "127.0.0.1", fetch: (request) => answer(request) });
});
afterEach(() => server.stop(true));

function access(): ServerAccess {
  return {
    server: `http://127.0.0.1:${server.port}`,
    namespace: undefined,
    credentials: async () => ({ headers: { authorization: `Bearer ${token}` }, tls: {} }),
    forget: () => {
      forgotten += 1;
    },
  };
}

async function failure(promise: Promise<unknown>): Promise<KubeError> {
  const error = await promise.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof KubeError) return error;
  throw new Error(`expected a KubeError, got ${error}`);
}

describe("call()", () => {
  test("sends credentials, query and body, and reads the whole answer", async () => {
    answer = async (request) =>
      Response.json({
        url: new URL(request.url).pathname + new URL(request.url).search,
        authorization: request.headers.get("authorization"),
        type: request.headers.get("content-type"),
        body: await request.text(),
      });
    const { status, bytes } = await createTransport(access()).call({
      method: "PATCH",
      path: "/api/v1/nodes/n1",
      query: { fieldManager: "me", force: undefined },
      headers: { "content-type": "application/merge-patch+json" },
      body: "{}",
    });
    expect(status).toBe(200);
    expect(JSON.parse(new TextDecoder().decode(bytes))).toEqual({
      url: "/api/v1/nodes/n1?fieldManager=me",
      authorization: "Bearer first",
      type: "application/merge-patch+json",
      body: "{}",
    });
  });

  test("asks for the credentials anew each time, and has them read again after a 401", async () => {
    const transport = createTransport(access());
    const seen: (string | null)[] = [];
    answer = (request) => {
      seen.push(request.headers.get("authorization"));
      return seen.length === 1 ? new Response("no", { status: 401 }) : new Response("{}");
    };
    expect((await failure(transport.call({ method: "GET", path: "/api" }))).isUnauthorized).toBe(true);
    expect(forgotten).toBe(1);
    token = "second";
    await transport.call({ method: "GET", path: "/api" });
    expect(seen).toEqual(["Bearer first", "Bearer second"]);
  });

  test("gives up at the deadline, be it before the answer or inside its body", async () => {
    const transport = createTransport(access(), { timeoutMs: 100 });
    answer = () => new Promise(() => {});
    expect((await failure(transport.call({ method: "GET", path: "/a" }))).reason).toBe("Timeout");
    answer = () => new Response(neverEnding());
    const error = await failure(transport.call({ method: "GET", path: "/b" }));
    expect([error.reason, error.answered]).toEqual(["Timeout", false]);
    expect(error.message).toStartWith("GET /b: no answer in time: ");
    await transport.call({ method: "GET", path: "/c" }, { timeoutMs: 20 }).catch(() => {});
  });

  test("gives up when its caller does", async () => {
    answer = () => new Promise(() => {});
    const caller = new AbortController();
    const call = failure(
      createTransport(access()).call({ method: "GET", path: "/a" }, { signal: caller.signal }),
    );
    caller.abort(new Error("the caller's own reason"));
    expect((await call).reason).toBe("Aborted");
  });

  test("says when nobody listens", async () => {
    const unreachable = { ...access(), server: "http://127.0.0.1:1" };
    const error = await failure(createTransport(unreachable).call({ method: "GET", path: "/a" }));
    expect(error.reason).toBe("Unreachable");
  });

  test("says when the credentials cannot be read, and sends nothing", async () => {
    let asked = 0;
    answer = () => {
      asked += 1;
      return new Response("{}");
    };
    const without = { ...access(), credentials: () => Promise.reject(new Error("no file")) };
    const error = await failure(createTransport(without).call({ method: "GET", path: "/a" }));
    expect([error.reason, asked]).toEqual(["NoCredentials", 0]);
  });

  test("does not follow a redirect with the token", async () => {
    let asked = 0;
    answer = () => {
      asked += 1;
      return Response.redirect(`http://127.0.0.1:${server.port}/elsewhere`);
    };
    await failure(createTransport(access()).call({ method: "GET", path: "/a" }));
    expect(asked).toBe(1);
  });

  test("leaves no connection behind a refused or broken-off answer", async () => {
    const transport = createTransport(access(), { timeoutMs: 50 });
    // More than the 256 requests that a process may have under way: an unread body would keep its place for ever.
    for (let batch = 0; batch < 5; batch += 1) {
      answer = () =>
        batch % 2 ? new Response("x".repeat(100_000), { status: 500 }) : new Response(neverEnding());
      await Promise.all(
        Array.from({ length: 60 }, () => failure(transport.call({ method: "GET", path: "/a" }))),
      );
    }
    answer = () => new Response("{}");
    expect((await transport.call({ method: "GET", path: "/a" }, { timeoutMs: 5000 })).status).toBe(200);
  });
});

describe("stream()", () => {
  test("gives chunks as they come, and ends by its signal", async () => {
    answer = () => new Response(neverEnding());
    const end = new AbortController();
    const stream = await createTransport(access()).stream(
      { method: "GET", path: "/a" },
      { signal: end.signal },
    );
    const chunks = stream[Symbol.asyncIterator]();
    expect(new TextDecoder().decode((await chunks.next()).value)).toBe("begun");
    const rest = failure(chunks.next());
    end.abort();
    expect((await rest).reason).toBe("Aborted");
  });

  test("says when it breaks", async () => {
    const listener = Bun.listen({
      hostname: "127.0.0.1",
      port: 0,
      socket: {
        data(socket) {
          socket.write("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nbegun\r\n");
          setTimeout(() => socket.terminate(), 20);
        },
      },
    });
    const { signal } = new AbortController();
    const broken = { ...access(), server: `http://127.0.0.1:${listener.port}` };
    const stream = await createTransport(broken).stream({ method: "GET", path: "/a" }, { signal });
    const chunks = stream[Symbol.asyncIterator]();
    await chunks.next();
    expect((await failure(chunks.next())).reason).toBe("Unreachable");
    listener.stop(true);
  });

  test("throws for a refusal, with its Retry-After", async () => {
    answer = () =>
      new Response("storage is (re)initializing", { status: 429, headers: { "retry-after": "1" } });
    const { signal } = new AbortController();
    const error = await failure(createTransport(access()).stream({ method: "GET", path: "/a" }, { signal }));
    expect([error.isTooManyRequests, error.retryAfterMs]).toEqual([true, 1000]);
  });
});

function neverEnding(): ReadableStream {
  return new ReadableStream({
    start(controller) {
      controller.enqueue(new TextEncoder().encode("begun"));
    },
  });
}
