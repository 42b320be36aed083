import type { Socket, TCPSocketListener } from "bun";
import type { NetworkNamespace } from "../../src/netlink/namespace.ts";

interface End {
  other: Socket<End> | undefined;
  /** What the other end did not take at once. */
  waiting: Uint8Array[];
}

/**
 * Makes a port of the root namespace's loopback reachable on the same port of another namespace's loopback: a socket stays in the
 * namespace that it was made in, whoever serves it.
 */
export function openRoad(namespace: NetworkNamespace, port: number): TCPSocketListener<End> {
  const handlers = {
    data(socket: Socket<End>, bytes: Uint8Array) {
      const { other } = socket.data;
      if (other === undefined) socket.data.waiting.push(bytes.slice());
      else pass(other, bytes.slice());
    },
    drain(socket: Socket<End>) {
      flush(socket);
    },
    close(socket: Socket<End>) {
      socket.data.other?.end();
    },
    error(socket: Socket<End>) {
      socket.data.other?.end();
    },
  };
  return namespace.run(() =>
    Bun.listen<End>({
      hostname: "127.0.0.1",
      port,
      socket: {
        ...handlers,
        open(near) {
          near.data = { other: undefined, waiting: [] };
          const far: End = { other: near, waiting: [] };
          Bun.connect<End>({ hostname: "127.0.0.1", port, data: far, socket: handlers }).then(
            (socket) => {
              near.data.other = socket;
              const early = near.data.waiting;
              near.data.waiting = [];
              for (const bytes of early) pass(socket, bytes);
            },
            () => near.end(),
          );
        },
      },
    }),
  );
}

/** Bytes wait with the end that is to send them. */
function pass(to: Socket<End>, bytes: Uint8Array): void {
  to.data.waiting.push(bytes);
  if (to.data.waiting.length === 1) flush(to);
}

function flush(socket: Socket<End>): void {
  const { waiting } = socket.data;
  for (let next = waiting[0]; next !== undefined; next = waiting[0]) {
    const written = Math.max(0, socket.write(next));
    if (written < next.length) {
      waiting[0] = next.subarray(written);
      return;
    }
    waiting.shift();
  }
}
