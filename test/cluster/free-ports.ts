/** Returns `count` different TCP ports of 127.0.0.1 on which nobody listens at this moment. */
export function freePorts(count: number): number[] {
  // All are held until the last is found, so that the kernel cannot give one twice.
  const listeners = Array.from({ length: count }, () =>
    Bun.listen({ hostname: "127.0.0.1", port: 0, socket: { data() {} } }),
  );
  const ports = listeners.map((listener) => listener.port);
  for (const listener of listeners) listener.stop();
  return ports;
}
