/** One of the project's own executables, made by `bun build --compile`. */
export interface Executable {
  readonly name: string;
  readonly entry: string;
  readonly flags: readonly string[];
}

/**
 * Of a default build, the directory that it is started in runs code: `./bunfig.toml` is read with its `preload`, and `./.env`.
 * With these nothing of the current directory is opened.
 */
const NOTHING_OF_THE_DIRECTORY = [
  "--no-compile-autoload-dotenv",
  "--no-compile-autoload-bunfig",
  "--no-compile-autoload-tsconfig",
  "--no-compile-autoload-package-json",
];

const COMMON = ["--compile", "--bytecode", "--format=esm", ...NOTHING_OF_THE_DIRECTORY];

/** Names stay, for logs and stack traces. */
const DAEMON = [...COMMON, "--minify-syntax", "--minify-whitespace"];

/**
 * What is loaded only where it is asked for stays apart, and takes no memory and no time elsewhere: client-node is most of the agent's code,
 * and half of the plugins' is for what goes wrong.
 */
const IN_PARTS = "--splitting";

/** A plugin lives for milliseconds: code that is compiled later than this is never compiled (docs/design/data-path.md). */
const PLUGIN = [...COMMON, IN_PARTS, "--minify", "--compile-jit-policy=1000"];

export const executables = [
  { name: "tke-eni-agent", entry: "src/agent/main.ts", flags: [...DAEMON, IN_PARTS] },
  { name: "tke-eni-ipamd", entry: "src/ipamd/main.ts", flags: DAEMON },
  { name: "tke-eni-ip-scheduler", entry: "src/scheduler/main.ts", flags: DAEMON },
  { name: "tke-eni-plugins", entry: "src/plugins/main.ts", flags: PLUGIN },
  { name: "vpc-sim", entry: "src/sim/main.ts", flags: DAEMON },
] as const satisfies readonly Executable[];

export type ExecutableName = (typeof executables)[number]["name"];
