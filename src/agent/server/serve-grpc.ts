import { createServer, type ServerHttp2Session } from "node:http2";
import type { ConnectRouter } from "@connectrpc/connect";
import { connectNodeAdapter } from "@connectrpc/connect-node";
import type { RunningServer } from "./serve-connect.ts";
import { bindPrivately, SocketFile } from "./socket-file.ts";

/** `Unimplemented` of https://grpc.github.io/grpc/core/md_doc_statuscodes.html. */
const UNIMPLEMENTED = "12";

/** Serves gRPC over HTTP/2 without TLS on a unix socket that only root can open. */
export async function serveGrpc(
  path: string,
  routes: (router: ConnectRouter) => void,
): Promise<RunningServer> {
  const sessions = new Set<ServerHttp2Session>();
  const server = createServer(
    connectNodeAdapter({ routes, connect: false, grpcWeb: false, fallback: refuseUnknown }),
  );
  server.on("session", (session) => {
    sessions.add(session);
    session.once("close", () => sessions.delete(session));
    // A client that vanishes is no event.
    session.on("error", () => {});
  });
  const socket = new SocketFile(path);
  await bindPrivately(
    () =>
      new Promise<void>((resolve, reject) => {
        server.once("error", reject);
        server.listen(socket.ownPath, resolve);
      }),
  );
  socket.publish();
  return {
    isInPlace: () => socket.isInPlace(),
    async stop() {
      socket.remove();
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const session of sessions) session.close();
      await closed;
    },
  };
}

type Fallback = NonNullable<Parameters<typeof connectNodeAdapter>[0]["fallback"]>;

/** Without this, a method that nobody has is answered as an internal error. */
const refuseUnknown: Fallback = (_request, response) => {
  if (!("stream" in response)) return;
  response.stream.respond(
    { ":status": 200, "content-type": "application/grpc", "grpc-status": UNIMPLEMENTED },
    { endStream: true },
  );
};
