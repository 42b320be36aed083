import { afterEach, beforeEach, expect, test } from "bun:test";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { postOnUnixSocket } from "./post-on-unix-socket.ts";
import { AnsweringServer } from "./testing/answering-server.ts";

const POST = { target: "/service/Method", headers: { "content-type": "application/json" }, timeoutMs: 5_000 };

let folder: string;
let socket: string;
let server: AnsweringServer | undefined;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "tke-eni-post-"));
  socket = join(folder, "a.sock");
});

afterEach(() => {
  server?.stop();
  server = undefined;
  rmSync(folder, { recursive: true, force: true });
});

test("sends one request, and takes an answer in pieces and of any size", async () => {
  const body = "x".repeat(100_000);
  const text = AnsweringServer.response(200, body);
  server = await AnsweringServer.start(socket, text.slice(0, 10), text.slice(10, 30_000), text.slice(30_000));
  expect(postOnUnixSocket(socket, { ...POST, body: '{"é":1}' })).toEqual({ status: 200, text: body });
  expect(await server.asked(1)).toEqual([
    'POST /service/Method HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\ncontent-type: application/json\r\ncontent-length: 8\r\n\r\n{"é":1}',
  ]);
});

test("waits no longer than it is told to", async () => {
  server = await AnsweringServer.start(socket);
  const began = performance.now();
  expect(() => postOnUnixSocket(socket, { ...POST, body: "", timeoutMs: 50 })).toThrow(
    "cannot receive the answer: ETIMEDOUT",
  );
  expect(performance.now() - began).toBeGreaterThanOrEqual(49);
});

test("a connection that ends before the answer does is an error", async () => {
  server = await AnsweringServer.start(socket, "HTTP/1.1 200 OK\r\n");
  expect(() => postOnUnixSocket(socket, { ...POST, body: "" })).toThrow("the answer ended after 17 bytes");
});

test("a path that no socket can have is told as such", () => {
  expect(() => postOnUnixSocket(`/${"x".repeat(120)}`, { ...POST, body: "" })).toThrow("ENAMETOOLONG");
});
