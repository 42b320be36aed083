import type { NetworkNamespace } from "../../src/netlink/namespace.ts";

/** How a process is started. */
export type SpawnOptions = Pick<Bun.Spawn.OptionsObject<"pipe", "pipe", "inherit">, "env"> & {
  readonly stdin?: Uint8Array<ArrayBuffer>;
};

/** Starts a process in a network namespace, without a program in between: a child is born where the thread is that starts it. */
export function spawnIn(
  namespace: NetworkNamespace,
  argv: readonly string[],
  { stdin = new Uint8Array(), ...options }: SpawnOptions = {},
): Bun.Subprocess<Uint8Array<ArrayBuffer>, "pipe", "inherit"> {
  return namespace.run(() => Bun.spawn([...argv], { ...options, stdin, stdout: "pipe", stderr: "inherit" }));
}

/**
 * Starts what runs until it is killed, which it is at the latest when this process ends, however it ends.
 *
 * @param log file descriptor for all that it says
 */
export function spawnCompanionIn(
  namespace: NetworkNamespace,
  argv: readonly string[],
  { log, env = process.env }: { readonly log: number; readonly env?: SpawnOptions["env"] },
): Bun.Subprocess {
  return namespace.run(() =>
    Bun.spawn(["setpriv", "--pdeathsig", "KILL", ...argv], {
      stdin: "ignore",
      stdout: log,
      stderr: log,
      ...(env && { env }),
    }),
  );
}
