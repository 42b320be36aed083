/** An answer of HTTP/1.1, its body decoded. */
export interface HttpAnswer {
  readonly status: number;
  readonly text: string;
}

const CARRIAGE_RETURN = 13;
const LINE_FEED = 10;

/**
 * The answer in what has come on a connection (RFC 9112, sections 4 to 6).
 *
 * @param ended nothing more will come
 * @returns undefined while something of it is missing
 * @throws Error for what is no answer of HTTP/1.1, and for one that was cut off
 */
export function parseHttpAnswer(bytes: Uint8Array, { ended }: { ended: boolean }): HttpAnswer | undefined {
  const answer = parse(bytes, ended);
  if (answer === undefined && ended) throw new Error(`the answer ended after ${bytes.length} bytes`);
  return answer;
}

function parse(bytes: Uint8Array, ended: boolean): HttpAnswer | undefined {
  const headEnd = endOfHead(bytes);
  if (headEnd === undefined) return undefined;
  const [first = "", ...lines] = decode(bytes.subarray(0, headEnd)).split("\r\n");
  const status = statusIn(first);
  if (status === undefined) throw new Error(`the answer begins with ${JSON.stringify(first.slice(0, 40))}`);
  const body = readBody(bytes.subarray(headEnd), { header: headerIn(lines), ended });
  return body === undefined ? undefined : { status, text: decode(body) };
}

/** Not by a regular expression: the first use of one costs a plugin 20 to 50 microseconds. */
function statusIn(line: string): number | undefined {
  const isOne = line.startsWith("HTTP/1.1 ") && (line.length === 12 || line[12] === " ");
  const status = Number(line.slice(9, 12));
  return isOne && status >= 100 && status <= 999 ? status : undefined;
}

/** Where the body begins. */
function endOfHead(bytes: Uint8Array): number | undefined {
  for (let at = 3; at < bytes.length; at++) {
    if (
      bytes[at] === LINE_FEED &&
      bytes[at - 1] === CARRIAGE_RETURN &&
      bytes[at - 2] === LINE_FEED &&
      bytes[at - 3] === CARRIAGE_RETURN
    ) {
      return at + 1;
    }
  }
  return undefined;
}

function headerIn(lines: readonly string[]): (name: string) => string | undefined {
  return (name) => {
    const line = lines.find((it) => it.slice(0, name.length + 1).toLowerCase() === `${name}:`);
    return line?.slice(name.length + 1).trim();
  };
}

function readBody(
  bytes: Uint8Array,
  { header, ended }: { header: (name: string) => string | undefined; ended: boolean },
): Uint8Array | undefined {
  if (header("transfer-encoding")?.toLowerCase() === "chunked") return joinChunks(bytes);
  const length = header("content-length");
  if (length !== undefined)
    return bytes.length < Number(length) ? undefined : bytes.subarray(0, Number(length));
  return ended ? bytes : undefined;
}

/** The body that came in chunks, each after a line with its length; undefined before the last one, which is empty. */
function joinChunks(bytes: Uint8Array): Uint8Array | undefined {
  const chunks: Uint8Array[] = [];
  for (let at = 0; ; ) {
    const lineEnd = bytes.indexOf(LINE_FEED, at);
    if (lineEnd < 0) return undefined;
    const line = decode(bytes.subarray(at, lineEnd));
    const length = Number.parseInt(line, 16);
    if (Number.isNaN(length)) throw new Error(`a chunk of the answer begins with ${JSON.stringify(line)}`);
    if (length === 0) return Buffer.concat(chunks);
    const chunk = bytes.subarray(lineEnd + 1, lineEnd + 1 + length);
    if (chunk.length < length) return undefined;
    chunks.push(chunk);
    // Behind the chunk stands an end of line.
    at = lineEnd + 1 + length + 2;
  }
}

function decode(bytes: Uint8Array): string {
  return new TextDecoder().decode(bytes);
}
