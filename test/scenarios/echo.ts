import { ECHO_PORT } from "../cluster/echo-server.ts";
import { type Stage, until } from "./stage.ts";
import type { PodView } from "./workload.ts";

/** No scenario cuts this node off. */
const ASKING_NODE = "node-1";

/** Who answers by TCP on an address, as seen from another node: the UID of a pod of a workload; undefined where nobody does. */
export async function whoAnswers(
  { cluster }: Pick<Stage, "cluster">,
  address: string,
): Promise<string | undefined> {
  const url = `http://${address}:${ECHO_PORT}/cgi-bin/who`;
  const ask = ["/bin/busybox", "timeout", "2", "/bin/busybox", "wget", "-q", "-O", "-", url];
  const { stdout, exitCode } = await cluster.tryNodeExec(ASKING_NODE, ask);
  return exitCode === 0 ? stdout.split(" ")[0] : undefined;
}

/** Who answers by TCP on an address, however long that takes on a machine that is busy: one that does not answer is asked again. */
export function untilAnswered(stage: Stage, address: string): Promise<string> {
  return until(stage, `anybody to answer on ${address}`, {
    withinMs: 15_000,
    check: () => whoAnswers(stage, address),
  });
}

/** Waits until each of the pods answers on its address, and nobody else. */
export async function untilAnswering(stage: Stage, found: readonly PodView[]): Promise<void> {
  await Promise.all(
    found.map(({ name, uid, address }) =>
      until(stage, `${name} to answer on ${address}`, {
        withinMs: 15_000,
        check: async () => (await whoAnswers(stage, address)) === uid,
      }),
    ),
  );
}
