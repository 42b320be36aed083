import { type ConnectRouter, createConnectRouter } from "@connectrpc/connect";
import { createFetchHandler } from "@connectrpc/connect/protocol";
import { bindPrivately, SocketFile } from "./socket-file.ts";

/** A server that can be ended. */
export interface RunningServer {
  /** Whether its socket is still where callers look. */
  isInPlace(): boolean;
  /** Takes no new calls, lets those that run end, and takes the socket away. */
  stop(): Promise<void>;
}

/** Serves the Connect protocol over HTTP/1.1 on a unix socket that only root can open. */
export async function serveConnect(
  path: string,
  routes: (router: ConnectRouter) => void,
): Promise<RunningServer> {
  const router = createConnectRouter({ grpc: false, grpcWeb: false, connect: true });
  routes(router);
  const handlers = new Map(
    router.handlers.map((handler) => [
      handler.requestPath,
      createFetchHandler(handler, { httpVersion: "1.1" }),
    ]),
  );
  const socket = new SocketFile(path);
  const server = await bindPrivately(() =>
    Bun.serve({
      unix: socket.ownPath,
      // A caller waits for an address longer than the default lets a connection be quiet; the types forbid it here.
      ...({ idleTimeout: 0 } as object),
      fetch: async (request) => {
        const handler = handlers.get(pathOf(request.url));
        return handler === undefined
          ? new Response(null, { status: 404 })
          : inOnePiece(await handler(request));
      },
    }),
  );
  socket.publish();
  return {
    isInPlace: () => socket.isInPlace(),
    async stop() {
      socket.remove();
      await server.stop(false);
    },
  };
}

/** Its answers are small, and sent as a stream they come in chunks and cost both sides more than the call. */
async function inOnePiece(response: Response): Promise<Response> {
  return new Response(await response.bytes(), response);
}

/** The path in `http://localhost/PATH`, without building a URL. */
function pathOf(url: string): string {
  const start = url.indexOf("/", url.indexOf("//") + 2);
  const query = url.indexOf("?", start);
  return url.slice(start, query < 0 ? undefined : query);
}
