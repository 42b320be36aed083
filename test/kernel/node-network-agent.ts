import { readFileSync } from "node:fs";
import { join } from "node:path";
import type { Drift } from "../../src/agent/drift/drift.ts";
import type { EniSpec } from "../../src/agent/links/eni-spec.ts";
import type { EniOnNode, NetworkView } from "../../src/agent/links/node-network.ts";
import { eventually } from "../../src/kube/testing/eventually.ts";
import type { FromNodeNetwork, ToNodeNetwork } from "./node-network-process.ts";
import type { ThrowAwayNamespace } from "./throw-away-namespaces.ts";

/** Starting a process of Bun with all that it imports. */
const START_MS = 10_000;

/** Where the agent runs. */
export interface AgentPlace {
  readonly node: ThrowAwayNamespace;
  /** Of its store. */
  readonly folder: string;
  /** Folder of programs that it finds before all others. */
  readonly path?: string;
}

/** The agent's part under test, in a process of the node. */
export class NodeNetworkAgent {
  readonly #process: Bun.Subprocess<"pipe", "pipe", "inherit">;
  readonly #reading: Promise<void>;
  #heard = 0;
  readonly lines: object[] = [];
  view: NetworkView | undefined;
  readonly views: NetworkView[] = [];
  ready: readonly string[] = [];
  /** All that it has found, in order. */
  readonly drift: Drift[] = [];
  /** How long its whole looks at the kernel took, in milliseconds. */
  readonly looks: number[] = [];
  /** Who holds which address. */
  held: Readonly<Record<string, string>> = {};

  constructor({ node, folder, path }: AgentPlace) {
    const program = [process.execPath, join(import.meta.dir, "node-network-process.ts"), folder];
    this.#process = Bun.spawn(["ip", "netns", "exec", node.name, ...program], {
      stdin: "pipe",
      stdout: "pipe",
      stderr: "inherit",
      env: { ...process.env, ...(path !== undefined && { PATH: `${path}:${process.env["PATH"]}` }) },
    });
    this.#reading = this.#read();
  }

  /** Resolves when all of its ENIs are ready. */
  static async start(place: AgentPlace, wanted: readonly EniSpec[]): Promise<NodeNetworkAgent> {
    const started = new NodeNetworkAgent(place);
    try {
      await started.setWanted(wanted);
      await eventually("the ENIs are ready", () => started.ready.length === wanted.length, {
        withinMs: START_MS,
      });
      return started;
    } catch (error) {
      await started.stop();
      throw error;
    }
  }

  /** Resolves when the agent has heard it. */
  async setWanted(wanted: readonly EniSpec[]): Promise<void> {
    await this.tell({ wanted });
  }

  /** Tells the agent something, and waits until it has heard it. */
  async tell(command: Exclude<ToNodeNetwork, "stop">): Promise<void> {
    const before = this.#heard;
    this.#send(command);
    await eventually("the agent has heard it", () => this.#heard > before, { withinMs: START_MS });
  }

  eni(eniId: string): EniOnNode | undefined {
    return this.view?.enis.find((eni) => eni.eniId === eniId);
  }

  table(eniId: string): number {
    return this.eni(eniId)?.table ?? 0;
  }

  /** Processor time that it has used, user and system, in clock ticks. */
  cpuTicks(): number {
    const stat = readFileSync(`/proc/${this.#process.pid}/stat`, "utf8");
    const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
    return Number(fields[11]) + Number(fields[12]);
  }

  async stop(): Promise<void> {
    if (this.#process.exitCode !== null) return;
    this.#send("stop");
    await this.#process.exited;
    await this.#reading;
  }

  #send(command: ToNodeNetwork): void {
    if (this.#process.exitCode !== null) {
      throw new Error(
        `the agent ended with ${this.#process.exitCode}; it said ${JSON.stringify(this.lines)}`,
      );
    }
    this.#process.stdin.write(`${JSON.stringify(command)}\n`);
    this.#process.stdin.flush();
  }

  async #read(): Promise<void> {
    let rest = "";
    for await (const chunk of this.#process.stdout.pipeThrough(new TextDecoderStream())) {
      const lines = `${rest}${chunk}`.split("\n");
      rest = lines.pop() ?? "";
      for (const line of lines) this.#take(JSON.parse(line));
    }
  }

  #take(line: FromNodeNetwork): void {
    if (line.heard) this.#heard++;
    else if (line.drift !== undefined) this.drift.push(...line.drift);
    else if (line.looked !== undefined) this.looks.push(line.looked);
    else if (line.view !== undefined) {
      this.view = line.view;
      this.views.push(line.view);
    } else if (line.ready !== undefined) {
      this.ready = line.ready;
      this.held = line.held ?? {};
    } else this.lines.push(line);
  }
}
