import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Daemon, stopDaemon } from "../cluster/daemon.ts";
import { freePorts } from "../cluster/free-ports.ts";
import type { ExtenderCertificates } from "../cluster/scheduler-extender.ts";
import { startCompanion } from "../cluster/start-companion.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { TimedCaller } from "./timed-caller.ts";

/** An extender in a process of its own. */
export class ExtenderProcess {
  /** HOST:PORT */
  readonly at: string;
  readonly daemon: Daemon;
  readonly #certificates: ExtenderCertificates;

  private constructor(parts: { at: string; daemon: Daemon; certificates: ExtenderCertificates }) {
    this.at = parts.at;
    this.daemon = parts.daemon;
    this.#certificates = parts.certificates;
  }

  /**
   * Starts one, and waits until it can decide.
   *
   * @param argv what runs it; it has the options of tke-eni-ip-scheduler, and says in its log when it is ready as that does
   */
  static async start(
    argv: readonly string[],
    {
      kubeconfig,
      certificates,
      folder,
      name = "tke-eni-ip-scheduler",
    }: { kubeconfig: string; certificates: ExtenderCertificates; folder: string; name?: string },
  ): Promise<ExtenderProcess> {
    const [port = 0, healthPort = 0] = freePorts(2);
    const { authority, serving } = certificates;
    const log = join(folder, `${name}-${port}.log`);
    const daemon = await startCompanion(
      name,
      [
        ...argv,
        ...["--kubeconfig", kubeconfig, "--listen", `127.0.0.1:${port}`],
        ...["--health-listen", `127.0.0.1:${healthPort}`],
        ...["--tls-cert", serving.certificate, "--tls-key", serving.key, "--client-ca", authority],
      ],
      { log },
    );
    await waitUntil(
      `${name}: pods can be decided about`,
      () => readFileSync(log, "utf8").includes("pods can be decided about"),
      { deadlineMs: 120_000, daemons: [daemon] },
    );
    return new ExtenderProcess({ at: `127.0.0.1:${port}`, daemon, certificates });
  }

  /** As kube-scheduler. */
  connect(): Promise<TimedCaller> {
    const { authority, client } = this.#certificates;
    return TimedCaller.connect(`https://${this.at}`, {
      authority: readFileSync(authority, "utf8"),
      certificate: readFileSync(client.certificate, "utf8"),
      key: readFileSync(client.key, "utf8"),
    });
  }

  /** Resident memory, bytes: now, and the most that it has been. */
  resident(): { now: number; most: number } {
    const status = readFileSync(`/proc/${this.daemon.pid}/status`, "utf8");
    const bytes = (field: string) =>
      Number(new RegExp(`^${field}:\\s+(\\d+) kB$`, "m").exec(status)?.[1]) * 1024;
    return { now: bytes("VmRSS"), most: bytes("VmHWM") };
  }

  stop(): Promise<void> {
    return stopDaemon(this.daemon);
  }
}
