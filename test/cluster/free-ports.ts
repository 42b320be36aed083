/** Below what the kernel gives by itself (ip_local_port_range), which others take from between our look and our use. */
const FIRST = 20_000;
const BLOCK = 100;
const BLOCKS = 120;

let next = 0;

/**
 * Returns `count` different TCP ports of 127.0.0.1 on which nobody listens at this moment, and that this process was not given before: of a
 * block that hangs on its pid, so that those who run beside it take others.
 */
export function freePorts(count: number): number[] {
  const ports: number[] = [];
  for (let tries = 0; ports.length < count; tries++) {
    if (tries === BLOCK) throw new Error(`of ${BLOCK} ports only ${ports.length} are free`);
    const port = FIRST + (process.pid % BLOCKS) * BLOCK + (next++ % BLOCK);
    if (isFree(port)) ports.push(port);
  }
  return ports;
}

function isFree(port: number): boolean {
  try {
    Bun.listen({ hostname: "127.0.0.1", port, socket: { data() {} } }).stop();
    return true;
  } catch {
    return false;
  }
}
