import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type CertificateAuthority, createCertificateAuthority } from "../cluster/certificates.ts";
import { type Daemon, stopDaemon } from "../cluster/daemon.ts";
import { freePorts } from "../cluster/free-ports.ts";
import { startCompanion } from "../cluster/start-companion.ts";
import { waitUntil } from "../cluster/wait-until.ts";
import { ExtenderClient } from "./extender-client.ts";

/** Who calls an extender. */
const SCHEDULER = "system:kube-scheduler";

/** The certificates of an extender and of the scheduler that calls it, as paths. */
export interface ExtenderCertificates {
  readonly authority: CertificateAuthority;
  readonly serving: { readonly certificate: string; readonly key: string };
  readonly client: { readonly certificate: string; readonly key: string };
}

export async function makeExtenderCertificates(folder: string): Promise<ExtenderCertificates> {
  const authority = await createCertificateAuthority(folder);
  const serving = await authority.issue({
    name: "serving",
    commonName: "tke-eni-ip-scheduler",
    usage: "serverAuth",
    alternativeNames: ["IP:127.0.0.1"],
  });
  const client = await authority.issue({ name: "client", commonName: SCHEDULER, usage: "clientAuth" });
  return { authority, serving, client };
}

/** An extender in a process of its own. */
export class ExtenderProcess {
  /** `https://127.0.0.1:PORT` */
  readonly url: string;
  readonly daemon: Daemon;
  readonly #certificates: ExtenderCertificates;

  private constructor(parts: { url: string; daemon: Daemon; certificates: ExtenderCertificates }) {
    this.url = parts.url;
    this.daemon = parts.daemon;
    this.#certificates = parts.certificates;
  }

  /**
   * @param argv what runs it
   * @param ready what its log says once it can decide
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
    const [port = 0] = freePorts(1);
    const { authority, serving } = certificates;
    const log = join(folder, `${name}-${port}.log`);
    const daemon = await startCompanion(
      name,
      [
        ...argv,
        ...["--kubeconfig", kubeconfig, "--listen", `127.0.0.1:${port}`],
        ...[
          "--tls-cert",
          serving.certificate,
          "--tls-key",
          serving.key,
          "--client-ca",
          authority.certificate,
        ],
      ],
      { log },
    );
    await waitUntil(
      `${name}: pods can be decided about`,
      () => readFileSync(log, "utf8").includes("pods can be decided about"),
      { deadlineMs: 120_000, daemons: [daemon] },
    );
    return new ExtenderProcess({ url: `https://127.0.0.1:${port}`, daemon, certificates });
  }

  /** As kube-scheduler. */
  connect(): Promise<ExtenderClient> {
    const { authority, client } = this.#certificates;
    return ExtenderClient.connect(this.url, {
      authority: readFileSync(authority.certificate, "utf8"),
      certificate: readFileSync(client.certificate, "utf8"),
      key: readFileSync(client.key, "utf8"),
    });
  }

  /** Resident memory, bytes. */
  residentBytes(): number {
    const status = readFileSync(`/proc/${this.daemon.pid}/status`, "utf8");
    return Number(/^VmRSS:\s+(\d+) kB$/m.exec(status)?.[1]) * 1024;
  }

  stop(): Promise<void> {
    return stopDaemon(this.daemon);
  }
}
