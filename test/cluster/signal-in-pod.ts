import { readFileSync } from "node:fs";
import { podPids } from "./cgroup.ts";
import { signalIfThere } from "./signal-if-there.ts";

/** As much of a program's name as the kernel keeps of it. */
const COMM_LENGTH = 15;

/**
 * Signals a program in a pod. One that is killed gets no chance to end anything in order, nor to hear the answers to its calls.
 *
 * @param uid of the pod
 * @throws where no process of that name is in it
 */
export function signalInPod(uid: string, program: string, signal: NodeJS.Signals): void {
  const pids = podPids(uid).filter((pid) => commOf(pid) === program.slice(0, COMM_LENGTH));
  if (pids.length === 0) throw new Error(`no process ${program} of the pod ${uid} was found`);
  for (const pid of pids) signalIfThere(pid, signal);
}

/** The kernel's name of a process, or nothing where it has ended: probes and hooks come and go in a pod. */
function commOf(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/comm`, "utf8").trim();
  } catch (error) {
    if (["ENOENT", "ESRCH"].includes((error as NodeJS.ErrnoException).code ?? "")) return undefined;
    throw error;
  }
}
