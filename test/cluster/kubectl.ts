import { binary } from "../../tools/build/binary.ts";
import { type CommandOptions, runCommand } from "../../tools/build/run-command.ts";

/** Runs kubectl and returns its standard output. Throws with what it said if it fails. */
export async function kubectl(
  kubeconfig: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  return runCommand([await binary("kubectl"), `--kubeconfig=${kubeconfig}`, ...args], options);
}
