import { hostname } from "node:os";
import { InvalidArgumentError } from "commander";
import { commaSeparated } from "../api/comma-separated.ts";
import { daemonCommand } from "../command-line/daemon-command.ts";
import { hostAndPort } from "../command-line/host-and-port.ts";

export interface SchedulerOptions {
  readonly kubeconfig: string | undefined;
  readonly listen: { readonly hostname: string; readonly port: number };
  /** Paths, PEM. */
  readonly tlsCertificate: string;
  readonly tlsKey: string;
  readonly clientAuthority: string;
  readonly allowedNames: ReadonlySet<string>;
  readonly onlyNominated: boolean;
  readonly healthListen: { readonly hostname: string; readonly port: number };
  /** Of the Lease. */
  readonly namespace: string;
  readonly identity: string;
  readonly logLevel: string;
}

/**
 * Reads the command line.
 * @throws CommanderError with one sentence on what is wrong; with exit code 0 after `--help`
 */
export function parseSchedulerOptions(argv: readonly string[]): SchedulerOptions {
  const command = daemonCommand(
    "tke-eni-ip-scheduler",
    "Scheduler extender: sends pods with a fixed address to nodes of its subnet, and others where a subnet has addresses left.",
  )
    .option("--listen <host:port>", "where kube-scheduler reaches it", hostAndPort("0.0.0.0:50055"), {
      hostname: "0.0.0.0",
      port: 50_055,
    })
    .requiredOption("--tls-cert <file>", "certificate that it shows, PEM")
    .requiredOption("--tls-key <file>", "its key, PEM")
    .requiredOption("--client-ca <file>", "authority of the certificates of those that may call, PEM")
    .option(
      "--allowed-names <names>",
      "common names of those certificates that may call, separated by commas",
      names,
      new Set(["system:kube-scheduler"]),
    )
    .option("--only-nominated-eni-subnets", "a pod that names no subnet gets no address", false)
    .option(
      "--health-listen <host:port>",
      "address of /health and /metrics, over plain HTTP; /health is 200 where kube-scheduler is to be answered",
      hostAndPort("127.0.0.1:61680"),
      { hostname: "127.0.0.1", port: 61_680 },
    )
    .option(
      "--namespace <name>",
      "namespace of the Lease by which one of several extenders answers",
      "kube-system",
    )
    .option("--identity <name>", "who it is in the Lease, followed by a mark of this process", hostname());
  const given = command.parse(["bun", "tke-eni-ip-scheduler", ...argv]).opts();
  return {
    kubeconfig: given["kubeconfig"],
    listen: given["listen"],
    tlsCertificate: given["tlsCert"],
    tlsKey: given["tlsKey"],
    clientAuthority: given["clientCa"],
    allowedNames: given["allowedNames"],
    onlyNominated: given["onlyNominatedEniSubnets"],
    healthListen: given["healthListen"],
    namespace: given["namespace"],
    identity: given["identity"],
    logLevel: given["logLevel"],
  };
}

function names(text: string): ReadonlySet<string> {
  const found = commaSeparated(text);
  if (found.length === 0)
    throw new InvalidArgumentError('It must name somebody, such as "system:kube-scheduler".');
  return new Set(found);
}
