import { SystemCallError } from "../netlink/errno.ts";
import { lastErrno, libc } from "../netlink/libc.ts";
import { setOption } from "../netlink/socket-option.ts";
import { type HttpAnswer, parseHttpAnswer } from "./http-answer.ts";

const AF_UNIX = 1;
const SOCK_STREAM = 1;
const SOCK_CLOEXEC = 0o2000000;
const SOL_SOCKET = 1;
const SO_RCVTIMEO = 20;
const SO_SNDTIMEO = 21;
const MSG_NOSIGNAL = 0x4000;
const ENAMETOOLONG = 36;
const ETIMEDOUT = 110;
/** `sockaddr_un.sun_path` has 108 bytes, the last of which is zero. */
const LONGEST_PATH = 107;
/** Several answers of an agent. */
const RECEIVE_BYTES = 16 * 1024;

export interface Post {
  /** Path of the request. */
  readonly target: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** For everything. */
  readonly timeoutMs: number;
}

/**
 * One POST on a unix socket, waited for in the calling thread. fetch starts threads and loads code, which costs a plugin 0.5 ms of its
 * 5, and a plugin has nothing to do but wait.
 *
 * @throws SystemCallError: `ENOENT` and `ECONNREFUSED` when nobody listens, `ETIMEDOUT`; Error for what is no answer of HTTP
 */
export function postOnUnixSocket(path: string, { target, headers, body, timeoutMs }: Post): HttpAnswer {
  const deadline = performance.now() + timeoutMs;
  const fd = libc().socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd < 0) throw new SystemCallError("open a unix socket", lastErrno());
  try {
    limit(fd, SO_SNDTIMEO, deadline);
    connect(fd, path);
    send(fd, encode({ target, headers, body }));
    return receive(fd, deadline);
  } finally {
    libc().close(fd);
  }
}

function encode({ target, headers, body }: Omit<Post, "timeoutMs">): Uint8Array {
  const encoder = new TextEncoder();
  const content = encoder.encode(body);
  const lines = Object.entries({ host: "localhost", connection: "close", ...headers });
  const head = encoder.encode(
    `POST ${target} HTTP/1.1\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join("")}content-length: ${content.length}\r\n\r\n`,
  );
  const request = new Uint8Array(head.length + content.length);
  request.set(head);
  request.set(content, head.length);
  return request;
}

function connect(fd: number, path: string): void {
  const name = new TextEncoder().encode(path);
  if (name.length > LONGEST_PATH) throw new SystemCallError(`connect to ${path}`, ENAMETOOLONG);
  // struct sockaddr_un: family, then the path with a zero at its end
  const address = new Uint8Array(2 + name.length + 1);
  address[0] = AF_UNIX;
  address.set(name, 2);
  if (libc().connect(fd, address, address.length) < 0) throw failure(`connect to ${path}`);
}

function send(fd: number, bytes: Uint8Array): void {
  for (let rest = bytes; rest.length > 0; ) {
    const sent = libc().send(fd, rest, rest.length, MSG_NOSIGNAL);
    if (sent >= 0) rest = rest.subarray(sent);
    else retryOrThrow("send the request");
  }
}

function receive(fd: number, deadline: number): HttpAnswer {
  let buffer = new Uint8Array(RECEIVE_BYTES);
  for (let length = 0; ; ) {
    limit(fd, SO_RCVTIMEO, deadline);
    const got = libc().recv(fd, buffer.subarray(length), buffer.length - length, 0);
    if (got < 0) {
      retryOrThrow("receive the answer");
      continue;
    }
    length += got;
    const answer = parseHttpAnswer(buffer.subarray(0, length), { ended: got === 0 });
    if (answer !== undefined) return answer;
    if (length === buffer.length) {
      const larger = new Uint8Array(2 * length);
      larger.set(buffer);
      buffer = larger;
    }
  }
}

/** Lets the next calls take no longer than until the deadline. @throws SystemCallError `ETIMEDOUT` when that is past */
function limit(fd: number, option: number, deadline: number): void {
  const micros = Math.floor((deadline - performance.now()) * 1000);
  // Zero would mean no limit at all.
  if (micros <= 0) throw new SystemCallError("wait for the answer", ETIMEDOUT);
  const value = new BigInt64Array([BigInt(Math.floor(micros / 1e6)), BigInt(micros % 1e6)]);
  setOption(fd, { level: SOL_SOCKET, option, value });
}

/** The garbage collector stops threads by a signal, and a call with a timeout is not restarted by itself. */
function retryOrThrow(act: string): void {
  const error = failure(act);
  if (error.errno !== "EINTR") throw error;
}

function failure(act: string): SystemCallError {
  const error = new SystemCallError(act, lastErrno());
  // So the kernel calls a timeout of a socket.
  return error.errno === "EAGAIN" ? new SystemCallError(act, ETIMEDOUT) : error;
}
