import { connect, createServer, type NetConnectOpts, type Server } from "node:net";

/** Where connections are taken, or taken to: a unix socket, or a port of this namespace's loopback. */
export type Place = { readonly path: string } | { readonly port: number };

/** Carries each connection to `from` on to `to`, byte for byte. */
export async function carry(from: Place, to: Place): Promise<Server> {
  const server = createServer((near) => {
    const far = connect(place(to));
    near.pipe(far).pipe(near);
    for (const [one, other] of [
      [near, far],
      [far, near],
    ] as const) {
      one.on("error", () => other.destroy());
      one.on("close", () => other.destroy());
    }
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(place(from), resolve);
  });
  return server;
}

function place(where: Place): NetConnectOpts {
  return "port" in where ? { host: "127.0.0.1", port: where.port } : { path: where.path };
}

// Inside a network namespace: what goes to a port of its loopback comes out of a unix socket, which no namespace hides.
if (import.meta.main) {
  const [port, path] = process.argv.slice(2);
  await carry({ port: Number(port) }, { path: path ?? "" });
  console.log("carrying");
}
