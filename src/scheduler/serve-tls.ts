import { createSecureServer, type Http2ServerRequest, type Http2ServerResponse } from "node:http2";
import type { AddressInfo, Socket } from "node:net";
import type { TLSSocket } from "node:tls";

/** Of a request: node lists of a thousand names are some 30 KB. */
const LARGEST_BODY = 16 * 1024 * 1024;

export interface TlsServerOptions {
  readonly hostname: string;
  /** 0: any. */
  readonly port: number;
  /** PEM. */
  readonly certificate: string;
  readonly key: string;
  /** Whose certificates clients must have. */
  readonly clientAuthority: string;
  /** Common names of those that may call. A certificate of that authority alone is not enough: it may have made others. */
  readonly allowedNames: ReadonlySet<string>;
  fetch(request: Request): Response | Promise<Response>;
  /**
   * Whether a connection is kept after its answer. kube-scheduler keeps its one for ever, and a Service leads only new ones elsewhere: one that
   * stands by has to end it.
   */
  keepsConnections(): boolean;
}

export interface TlsServer {
  readonly port: number;
  stop(): Promise<void>;
}

/**
 * Serves HTTP/2 (kube-scheduler's) and HTTP/1.1 by TLS to clients with a certificate whose name is allowed. By node:http2, since `Bun.serve`
 * asks for a certificate and does not tell whose it is (Bun 1.4).
 */
export async function serveTls(options: TlsServerOptions): Promise<TlsServer> {
  const { hostname, port, certificate, key, clientAuthority } = options;
  const server = createSecureServer(
    {
      cert: certificate,
      key,
      ca: clientAuthority,
      requestCert: true,
      rejectUnauthorized: true,
      allowHTTP1: true,
    },
    (request, response) => void answer(request, response, options),
  );
  const connections = new Set<Socket>();
  server.on("connection", (socket: Socket) => {
    connections.add(socket);
    socket.once("close", () => connections.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(port, hostname, resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      // kube-scheduler keeps its connection for ever.
      for (const socket of connections) socket.destroy();
      await closed;
    },
  };
}

async function answer(
  request: Http2ServerRequest,
  response: Http2ServerResponse,
  { allowedNames, fetch, keepsConnections }: TlsServerOptions,
): Promise<void> {
  const name = callerOf(request);
  if (name === undefined || !allowedNames.has(name)) {
    const error = `the client certificate is of ${JSON.stringify(name ?? "")}, which may not call: see --allowed-names`;
    return reply(response, { status: 403, type: "application/json", body: JSON.stringify({ error }) });
  }
  try {
    const sent = await bodyOf(request);
    const answered = await fetch(
      new Request(`https://localhost${request.url}`, {
        method: request.method,
        headers: { "content-type": String(request.headers["content-type"] ?? "") },
        ...(sent.length > 0 && { body: sent }),
      }),
    );
    const type = answered.headers.get("content-type") ?? "text/plain";
    const body = await answered.text();
    if (!keepsConnections()) endAfter(request, response);
    reply(response, { status: answered.status, type, body });
  } catch (error) {
    const text = JSON.stringify({ error: error instanceof Error ? error.message : String(error) });
    reply(response, { status: 500, type: "application/json", body: text });
  }
}

/** Ends the connection once this answer is sent, and whatever else is under way on it. */
function endAfter(request: Http2ServerRequest, response: Http2ServerResponse): void {
  const session = request.stream?.session;
  if (session === undefined) response.setHeader("connection", "close");
  else response.once("finish", () => session.close());
}

/** Callers, by what their certificate was shown for: it is the same for all requests of a connection, and to read it takes as long as a small answer. */
const callers = new WeakMap<object, string>();

/** Common name of the client's certificate. */
function callerOf(request: Http2ServerRequest): string | undefined {
  const connection = request.stream?.session ?? request.socket;
  const known = callers.get(connection);
  if (known !== undefined) return known;
  const socket = (request.stream?.session?.socket ?? request.socket) as TLSSocket;
  const name = socket.getPeerCertificate?.().subject?.CN;
  if (typeof name !== "string") return undefined;
  callers.set(connection, name);
  return name;
}

async function bodyOf(request: Http2ServerRequest): Promise<Buffer<ArrayBuffer>> {
  const chunks: Buffer[] = [];
  let length = 0;
  for await (const chunk of request) {
    chunks.push(chunk as Buffer);
    length += (chunk as Buffer).length;
    if (length > LARGEST_BODY) throw new Error(`the request has more than ${LARGEST_BODY} bytes`);
  }
  return Buffer.concat(chunks);
}

function reply(
  response: Http2ServerResponse,
  { status, type, body }: { status: number; type: string; body: string },
): void {
  response.writeHead(status, { "content-type": type });
  response.end(body);
}
