import { afterEach, beforeEach, describe, expect, test } from "bun:test";
import { systemWaitingClock } from "../../time/waiting-clock.ts";
import { type Node, nodes } from "../core-resources.ts";
import type { ServerAccess } from "../server-access.ts";
import { eventually } from "../testing/eventually.ts";
import { createRecordingLogger } from "../testing/recording-logger.ts";
import { createTransport } from "../transport.ts";
import { type Reflector, startReflector } from "./reflector.ts";
import type { StoreEvent } from "./store.ts";

/** A watch that the server has open. */
interface OpenWatch {
  readonly query: URLSearchParams;
  send(text: string): void;
  close(): void;
}

let server: Bun.Server<undefined>;
let watches: OpenWatch[];
let refusal: Response | undefined;
let reflector: Reflector<string, "pool"> | undefined;
let logger: ReturnType<typeof createRecordingLogger>;

beforeEach(() => {
  watches = [];
  refusal = undefined;
  logger = createRecordingLogger();
  server = serve(0);
});

afterEach(async () => {
  await reflector?.stop();
  server.stop(true);
});

function serve(port: number): Bun.Server<undefined> {
  return Bun.serve({
    port,
    hostname: "127.0.0.1",
    idleTimeout: 0,
    fetch(request) {
      if (refusal) return refusal.clone() as Response;
      let controller: ReadableStreamDefaultController | undefined;
      const body = new ReadableStream({
        start(own) {
          controller = own;
        },
      });
      watches.push({
        query: new URL(request.url).searchParams,
        send: (text) => controller?.enqueue(new TextEncoder().encode(text)),
        close: () => controller?.close(),
      });
      return new Response(body);
    },
  });
}

/** Cuts every connection, as the crash of a server does; it listens again at once. */
async function breakConnections(): Promise<void> {
  const port = server.port ?? 0;
  await server.stop(true);
  server = serve(port);
}

function start(options: { silenceMs?: number } = {}): Reflector<string, "pool"> {
  const access: ServerAccess = {
    server: `http://127.0.0.1:${server.port}`,
    namespace: undefined,
    credentials: async () => ({ headers: {}, tls: {} }),
    forget: () => {},
  };
  const world = { transport: createTransport(access), clock: systemWaitingClock, random: () => 0, logger };
  reflector = startReflector<Node, string, "pool">(world, {
    resource: nodes,
    labelSelector: "pool",
    transform: (node) => `${node.metadata.name}@${node.metadata.resourceVersion}`,
    indexes: { pool: (text) => [text.slice(0, 1)] },
    ...options,
  });
  return reflector;
}

async function watchNumber(count: number): Promise<OpenWatch> {
  await eventually(`watch number ${count}`, () => watches.length >= count);
  const watch = watches[count - 1];
  if (!watch) throw new Error(`there is no watch number ${count}`);
  return watch;
}

const line = (type: string, name: string, version: number) =>
  `${JSON.stringify({ type, object: { metadata: { name, uid: `uid-${name}`, resourceVersion: `${version}` } } })}\n`;
const endOfList = (version: number) =>
  `${JSON.stringify({
    type: "BOOKMARK",
    object: {
      metadata: { resourceVersion: `${version}`, annotations: { "k8s.io/initial-events-end": "true" } },
    },
  })}\n`;

describe("a reflector", () => {
  test("lists by watching, then follows, whatever way the bytes are cut", async () => {
    const { store, whenSynced, hasSynced } = start();
    const watch = await watchNumber(1);
    expect(Object.fromEntries(watch.query)).toEqual({
      watch: "1",
      allowWatchBookmarks: "true",
      labelSelector: "pool",
      sendInitialEvents: "true",
      resourceVersionMatch: "NotOlderThan",
    });
    expect(hasSynced()).toBe(false);
    const text = line("ADDED", "é1", 1) + line("ADDED", "é2", 2) + endOfList(3);
    for (let at = 0; at < text.length; at += 7) {
      watch.send(text.slice(at, at + 7));
      await Bun.sleep(0);
    }
    expect(await whenSynced()).toBe(true);
    expect(store.list()).toEqual(["é1@1", "é2@2"]);
    watch.send(line("MODIFIED", "é1", 4) + line("DELETED", "é2", 5));
    await eventually("the changes", () => Bun.deepEquals(store.list(), ["é1@4"]));
    expect(store.index("pool", "é")).toEqual(["é1@4"]);
  });

  test("tells a late subscriber what there is", async () => {
    const { subscribe, whenSynced } = start();
    (await watchNumber(1)).send(line("ADDED", "a", 1) + endOfList(1));
    await whenSynced();
    const told: StoreEvent<string>[] = [];
    const unsubscribe = subscribe((event) => told.push(event));
    expect(told).toEqual([{ type: "added", object: "a@1" }, { type: "synced" }]);
    unsubscribe();
  });

  test("survives a subscriber that throws", async () => {
    const { subscribe, whenSynced, store } = start();
    subscribe(() => {
      throw new Error("mine");
    });
    (await watchNumber(1)).send(line("ADDED", "a", 1) + endOfList(1));
    await whenSynced();
    expect(store.list()).toEqual(["a@1"]);
    expect(logger.lines.filter(({ level }) => level === "error")).toHaveLength(2);
  });

  test.each(["closes", "breaks"])("resumes where it was after the server %s a watch", async (how) => {
    const { store, whenSynced } = start();
    const first = await watchNumber(1);
    first.send(line("ADDED", "a", 1) + endOfList(7));
    await whenSynced();
    if (how === "closes") first.close();
    else await breakConnections();
    const second = await watchNumber(2);
    expect(second.query.get("resourceVersion")).toBe("7");
    expect(second.query.has("sendInitialEvents")).toBe(false);
    second.send(line("ADDED", "b", 8));
    await eventually("the change", () => store.size === 2);
  });

  test.each(["as an ERROR event", "as an HTTP status"])("lists again after a 410 %s", async (how) => {
    const { store, whenSynced, subscribe } = start();
    const first = await watchNumber(1);
    first.send(line("ADDED", "a", 1) + line("ADDED", "b", 1) + endOfList(7));
    await whenSynced();
    const told: StoreEvent<string>[] = [];
    subscribe((event) => told.push(event));
    told.length = 0;
    const status = {
      kind: "Status",
      code: 410,
      reason: "Expired",
      message: "too old resource version: 7 (9)",
    };
    if (how === "as an HTTP status") refusal = Response.json(status, { status: 410 });
    if (refusal) first.close();
    else first.send(`${JSON.stringify({ type: "ERROR", object: status })}\n`);
    if (refusal) await eventually("the refusal", () => logger.lines.some(({ level }) => level === "warn"));
    refusal = undefined;
    const second = await watchNumber(2);
    expect(second.query.get("sendInitialEvents")).toBe("true");
    second.send(line("ADDED", "b", 1));
    expect(store.list()).toEqual(["a@1", "b@1"]);
    second.send(line("ADDED", "c", 9) + endOfList(9));
    await eventually("the new list", () => told.length === 3);
    expect(told).toEqual([
      { type: "deleted", object: "a@1" },
      { type: "added", object: "c@9" },
      { type: "synced" },
    ]);
  });

  test("gives up a silent watch, and its age tells on it meanwhile", async () => {
    const { whenSynced, age } = start({ silenceMs: 150 });
    expect(age()).toBe(Number.POSITIVE_INFINITY);
    (await watchNumber(1)).send(endOfList(7));
    await whenSynced();
    expect(age()).toBeLessThan(100);
    const second = await watchNumber(2);
    expect(age()).toBeGreaterThanOrEqual(150);
    expect(second.query.get("sendInitialEvents")).toBe("true");
    second.send(line("ADDED", "a", 8));
    expect(age()).toBeGreaterThanOrEqual(150);
    second.send(endOfList(8));
    await eventually("fresh again", () => age() < 100);
    expect(logger.lines.some(({ message }) => message.includes("silent for too long"))).toBe(true);
  });

  test("waits as long as a busy server asks for", async () => {
    refusal = new Response("storage is (re)initializing", { status: 429, headers: { "retry-after": "1" } });
    const began = performance.now();
    const { whenSynced } = start();
    await eventually("the refusal", () => logger.lines.length === 1);
    refusal = undefined;
    (await watchNumber(1)).send(endOfList(1));
    expect(await whenSynced()).toBe(true);
    expect(performance.now() - began).toBeGreaterThanOrEqual(1000);
    expect(logger.lines).toHaveLength(1);
  });

  test("stop() ends the watch, and nobody waits for ever", async () => {
    const { whenSynced, stop } = start();
    await watchNumber(1);
    const synced = whenSynced();
    await stop();
    expect(await synced).toBe(false);
    expect(await start().whenSynced(AbortSignal.timeout(20))).toBe(false);
  });
});
