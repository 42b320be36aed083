import { CniError, CODES } from "./error.ts";
import { isName } from "./name.ts";

export const COMMANDS = ["ADD", "DEL", "CHECK", "GC", "STATUS", "VERSION"] as const;

export type Command = (typeof COMMANDS)[number];

/** What a command on one attachment (ADD, DEL, CHECK) is about. */
export interface AttachmentParameters {
  readonly containerId: string;
  readonly ifName: string;
  /** Path of the namespace; empty where a DEL comes after its death. */
  readonly netns: string;
  /** CNI_ARGS, by name. */
  readonly args: ReadonlyMap<string, string>;
}

export type Environment =
  | ({ readonly command: "ADD" | "DEL" | "CHECK" } & AttachmentParameters)
  | { readonly command: "GC" | "STATUS" }
  | { readonly command: "VERSION" };

/**
 * Reads and checks the CNI_* variables ("Section 2: Execution Protocol", "Parameters"). CNI_PATH is left to whoever
 * delegates, which most calls do not.
 * @throws CniError 4 naming the variable at fault.
 */
export function parseEnvironment(variables: Readonly<Record<string, string | undefined>>): Environment {
  const command = COMMANDS.find((known) => known === variables["CNI_COMMAND"]);
  if (command === undefined) throw invalid("CNI_COMMAND", `must be one of ${COMMANDS.join(", ")}`, variables);
  if (command === "GC" || command === "STATUS" || command === "VERSION") return { command };

  const containerId = variables["CNI_CONTAINERID"] ?? "";
  if (!isName(containerId)) {
    throw invalid(
      "CNI_CONTAINERID",
      "must begin with a letter or digit and go on with those, _, . or -",
      variables,
    );
  }
  const ifName = variables["CNI_IFNAME"] ?? "";
  if (!isInterfaceName(ifName)) {
    throw invalid(
      "CNI_IFNAME",
      "must have 1 to 15 characters without /, : and spaces, and not be . or ..",
      variables,
    );
  }
  const netns = variables["CNI_NETNS"] ?? "";
  if (netns === "" && command !== "DEL")
    throw invalid("CNI_NETNS", "must be the path of a network namespace", variables);
  return { command, containerId, ifName, netns, args: parseArgs(variables["CNI_ARGS"] ?? "") };
}

/** The rules for CNI_IFNAME, which are those of Linux and `:`, which means an alias to old tools. */
export function isInterfaceName(text: string): boolean {
  if (text === "" || text === "." || text === "..") return false;
  if (text.length > 15 || text.includes("/") || text.includes(":")) return false;
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    // Beyond ASCII a character has more bytes than one, and there are further spaces.
    if (code > 0x7e) return new TextEncoder().encode(text).length <= 15 && !/\s/.test(text);
    if (code <= 0x20 && text.charAt(at).trim() === "") return false;
  }
  return true;
}

function parseArgs(text: string): ReadonlyMap<string, string> {
  const args = new Map<string, string>();
  for (const pair of text.split(";")) {
    if (pair === "") continue;
    const equals = pair.indexOf("=");
    if (equals <= 0) {
      throw new CniError(
        CODES.invalidEnvironment,
        `CNI_ARGS must be NAME=VALUE pairs separated by ;, and has "${pair}"`,
      );
    }
    args.set(pair.slice(0, equals), pair.slice(equals + 1));
  }
  return args;
}

function invalid(
  name: string,
  rule: string,
  variables: Readonly<Record<string, string | undefined>>,
): CniError {
  const value = variables[name];
  const found = value === undefined ? "is not set" : `is "${value}"`;
  return new CniError(CODES.invalidEnvironment, `${name} ${rule}, and ${found}`);
}
