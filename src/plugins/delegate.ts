import { statSync } from "node:fs";
import { CniError, CODES } from "../cni/error.ts";
import { JsonObject } from "../cni/json-object.ts";
import type { NetworkCall } from "./plugin.ts";

/** The kubelet gives a sandbox four minutes. */
const TIMEOUT_MS = 120_000;
const ANY_CODE = { min: 0, max: 0xffff_ffff };

/**
 * Runs another plugin as the specification has it ("Plugin Delegation"): the same environment and standard input, found in CNI_PATH, its
 * standard error ours. The environment's CNI_COMMAND says what it is to do, unless `command` does.
 *
 * @returns what it wrote
 * @throws CniError with the plugin's own code and words when it fails; 4 when it is not in CNI_PATH, 103 when it breaks the protocol.
 */
export async function delegate(
  { configuration, variables }: NetworkCall,
  { executable, command }: { readonly executable: string; readonly command?: string },
): Promise<string> {
  const path = findExecutable(executable, variables["CNI_PATH"] ?? "");
  const child = Bun.spawn([path], {
    env: { ...variables, ...(command === undefined ? {} : { CNI_COMMAND: command }) },
    stdin: new TextEncoder().encode(configuration.text),
    stdout: "pipe",
    stderr: "inherit",
    timeout: TIMEOUT_MS,
    killSignal: "SIGKILL",
  });
  const [exitCode, output] = await Promise.all([child.exited, child.stdout.text()]);
  if (exitCode === 0) return output;
  throw failureOf({ executable, exitCode, signal: child.signalCode, output });
}

/** @throws CniError 4 naming CNI_PATH */
function findExecutable(name: string, cniPath: string): string {
  const folders = cniPath.split(":").filter((folder) => folder !== "");
  for (const folder of folders) {
    const path = `${folder}/${name}`;
    if (isExecutable(path)) return path;
  }
  throw new CniError(
    CODES.invalidEnvironment,
    `CNI_PATH is "${cniPath}", and no folder of it has an executable ${name}, which ipam.type names: install it there`,
  );
}

function isExecutable(path: string): boolean {
  try {
    const file = statSync(path);
    return file.isFile() && (file.mode & 0o111) !== 0;
  } catch {
    // Also a name that is too long for any file.
    return false;
  }
}

function failureOf({
  executable,
  exitCode,
  signal,
  output,
}: {
  executable: string;
  exitCode: number;
  signal: string | number | null;
  output: string;
}): CniError {
  try {
    const error = JsonObject.parse(output, `the error of ${executable}`);
    const code = error.integer("code", ANY_CODE);
    const message = error.string("msg");
    if (code !== undefined && message !== undefined) {
      return new CniError(code, `${executable}: ${message}`, { details: error.string("details") });
    }
  } catch {
    // Not in the words of the specification: told below as it is.
  }
  const end = signal === null ? `status ${exitCode}` : `signal ${signal}`;
  return new CniError(
    CODES.delegateFailure,
    `${executable} ended with ${end} and ${JSON.stringify(output.slice(0, 200))}, which is no error of a CNI plugin`,
  );
}
