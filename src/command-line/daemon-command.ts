import { Command, CommanderError, Option } from "commander";

/** A command with the flags of every program of ours that talks to the API server. What is wrong is thrown, and printed by `parsedOrExit`. */
export function daemonCommand(name: string, description: string): Command {
  return new Command(name)
    .description(description)
    .option("--kubeconfig <path>", "kubeconfig to use instead of the pod's own service account")
    .addOption(
      new Option("--log-level <level>", "least severe level that is logged")
        .choices(["debug", "info", "warn", "error"])
        .default("info"),
    )
    .exitOverride()
    .configureOutput({ outputError: () => {} });
}

/** What `parse` makes of the command line. Where that is wrong the process ends with 1 and one sentence, after `--help` with 0. */
export function parsedOrExit<T>(program: string, parse: () => T): T {
  try {
    return parse();
  } catch (error) {
    if (error instanceof CommanderError && error.exitCode === 0) process.exit(0);
    process.stderr.write(`${program}: ${error instanceof Error ? error.message : error}\n`);
    process.exit(1);
  }
}
