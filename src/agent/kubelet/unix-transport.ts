import { connect } from "node:net";
import type { Transport } from "@connectrpc/connect";
import { createGrpcTransport } from "@connectrpc/connect-node";

/** gRPC over a unix socket, connected when it is first needed and again after the server hung up. */
export function unixTransport(socket: string, { timeoutMs }: { timeoutMs: number }): Transport {
  return createGrpcTransport({
    baseUrl: "http://localhost",
    defaultTimeoutMs: timeoutMs,
    nodeOptions: { createConnection: () => connect(socket) },
  });
}
