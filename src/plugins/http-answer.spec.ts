import { expect, test } from "bun:test";
import { parseHttpAnswer } from "./http-answer.ts";

function parse(text: string, ended = false) {
  return parseHttpAnswer(new TextEncoder().encode(text), { ended });
}

const WHOLE: readonly [string, string][] = [
  [
    "of a known length",
    'HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 10\r\n\r\n{"a":"é"}',
  ],
  ["in chunks", 'HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n4\r\n{"a"\r\n6\r\n:"é"}\r\n0\r\n\r\n'],
];

test.each(WHOLE)("a body %s, whole and cut anywhere", (_, text) => {
  const bytes = new TextEncoder().encode(text);
  expect(parseHttpAnswer(bytes, { ended: false })).toEqual({ status: 200, text: '{"a":"é"}' });
  // The end of the last chunk says nothing more.
  const needed = text.includes("chunked") ? bytes.length - 3 : bytes.length;
  for (let length = 0; length < needed; length++) {
    expect(parseHttpAnswer(bytes.subarray(0, length), { ended: false })).toBeUndefined();
    expect(() => parseHttpAnswer(bytes.subarray(0, length), { ended: true })).toThrow(
      `the answer ended after ${length} bytes`,
    );
  }
});

test("a body without a length goes to the end of the connection", () => {
  const text = "HTTP/1.1 503 Service Unavailable\r\n\r\nnot now";
  expect(parse(text)).toBeUndefined();
  expect(parse(text, true)).toEqual({ status: 503, text: "not now" });
});

test("an answer without a body", () => {
  expect(parse("HTTP/1.1 404\r\ncontent-length: 0\r\n\r\n")).toEqual({ status: 404, text: "" });
});

test.each([
  ["another protocol", "SSH-2.0-OpenSSH_9.2\r\n\r\n", 'the answer begins with "SSH-2.0-OpenSSH_9.2"'],
  [
    "a chunk without a length",
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n",
    "a chunk of the answer",
  ],
])("%s is refused", (_, text, message) => {
  expect(() => parse(text)).toThrow(message);
});
