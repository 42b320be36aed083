// The executable of all CNI plugins. It is installed under each plugin's name and does what its name says.
import { readFileSync, writeSync } from "node:fs";
import type { Plugin } from "./plugin.ts";
import { routeEni } from "./route-eni.ts";
import { runPlugin } from "./run-plugin.ts";

const PLUGINS: Readonly<Record<string, () => Plugin | Promise<Plugin>>> = {
  "tke-route-eni": () => routeEni,
  "tke-eni-ipamc": async () => (await import("./seldom.ts")).eniIpamc,
};

const STDIN = 0;
const STDOUT = 1;
const STDERR = 2;

function write(fd: number, text: string): void {
  const bytes = new TextEncoder().encode(text);
  for (let written = 0; written < bytes.length; ) written += writeSync(fd, bytes, written);
}

/** Ends at once: the regular way waits for what a plugin leaves behind on purpose, such as an idle connection. */
function exit(code: number): never {
  return (process as unknown as { reallyExit(code: number): never }).reallyExit(code);
}

// By argv0, since only that tells the name of a symbolic link too.
const name = process.argv0.slice(process.argv0.lastIndexOf("/") + 1);
const plugin = PLUGINS[name];
if (plugin === undefined) {
  write(
    STDERR,
    `this is a CNI plugin to be called as ${Object.keys(PLUGINS).join(" or ")}, and was called as ${name}\n`,
  );
  exit(1);
}
// readFileSync, since Bun.stdin costs 7 ms more.
const { exitCode, output } = await runPlugin(await plugin(), {
  variables: process.env,
  readInput: () => readFileSync(STDIN, "utf8"),
});
write(STDOUT, output);
exit(exitCode);
