import { ipBytes, ipText } from "../../api/ip-text.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import { backOffMs, type Random } from "../../time/back-off.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { ContainerRuntime } from "../cri/container-runtime.ts";
import type { Logger } from "../logger.ts";
import { addressResource, eniResource } from "../objects/node-objects.ts";
import { instantOf } from "../pool/instant.ts";
import type { StoreChange } from "../pool/outcome.ts";
import type { AgentMemory } from "../store/agent-store.ts";
import type { OpenedMemory } from "../store/open-store.ts";
import type { KernelReading } from "./read-kernel.ts";
import { recoverAddresses } from "./recover-addresses.ts";
import { recoverEnis } from "./recover-enis.ts";

export interface RecoveryWorld {
  readonly kube: Pick<KubeClient, "list">;
  /** Undefined where there is none to ask. */
  readonly runtime: ContainerRuntime | undefined;
  /** Throws when the kernel does not answer. */
  readonly readKernel: () => KernelReading;
  readonly clock: WaitingClock;
  readonly random: Random;
  readonly logger: Logger;
}

/**
 * Finds out who holds what when the store cannot tell, and stores it. Tries until API server, kernel and container runtime
 * have all answered: with one of them missing, two pods could get one address.
 *
 * @returns how many addresses pods hold; undefined when `signal` was aborted first
 */
export async function recover(
  world: RecoveryWorld,
  { opened, node, signal }: { opened: OpenedMemory; node: string; signal: AbortSignal },
): Promise<number | undefined> {
  const { clock, random, logger } = world;
  for (let failures = 0; !signal.aborted; failures++) {
    try {
      const counts = await recoverOnce(world, { opened, node, signal });
      logger.info({ reason: opened.reason, ...counts }, "found out which pods hold which addresses");
      return counts.held;
    } catch (error) {
      if (signal.aborted) return undefined;
      logger.warn(
        { reason: opened.reason, err: error },
        "no address is handed out until it is known which pods hold which",
      );
      await clock.sleep(backOffMs(failures, { baseMs: 500, capMs: 10_000, random }), signal);
    }
  }
  return undefined;
}

async function recoverOnce(
  { kube, runtime, readKernel, clock }: RecoveryWorld,
  { opened, node, signal }: { opened: OpenedMemory; node: string; signal: AbortSignal },
): Promise<{ addresses: number; held: number }> {
  const { store } = opened;
  const mine = { fieldSelector: `spec.node=${node}`, signal };
  const [vips, venis, sandboxes] = await Promise.all([
    kube.list(addressResource, mine),
    kube.list(eniResource, mine),
    runtime === undefined ? [] : sandboxesWithAddresses(runtime),
  ]);
  const { rules, links, podRoutes } = readKernel();
  const enis = recoverEnis(venis.items, rules);
  const records = recoverAddresses({
    objects: vips.items,
    links,
    routes: podRoutes,
    rules,
    sandboxes,
    stored: store.addresses(),
    eniOfTable: (table) => enis.find((eni) => eni.table === table)?.eniId,
    now: instantOf(clock),
  });
  const promised = venis.items.flatMap(({ metadata, status }): StoreChange[] => {
    const use = status?.use;
    if (use?.state !== "Reclaimable" || use.token === undefined) return [];
    const promise = { kind: "reclaimable", token: use.token, since: Date.parse(use.since) } as const;
    return [{ type: "claim", eniId: metadata.name, claim: { uid: metadata.uid ?? "", promise } }];
  });
  store.apply([
    ...store.addresses().map(({ address }): StoreChange => ({ type: "forget", address })),
    ...records.flatMap((address): StoreChange[] => [
      { type: "object", address },
      { type: "holding", address },
    ]),
    ...promised,
  ]);
  replaceEnis(store, enis);
  opened.vouch();
  return {
    addresses: records.length,
    held: records.filter(({ holding }) => holding.kind === "in-use").length,
  };
}

/** Numbers that no rule shows have no pod either: after a boot there is none at all. */
function replaceEnis(store: AgentMemory, enis: ReturnType<typeof recoverEnis>): void {
  for (const { eniId } of store.enis()) store.forgetEni(eniId);
  for (const eni of enis) store.saveEni(eni);
}

/** None of a text that is no address: it is none of ours either. */
function canonical(text: string): string[] {
  const bytes = ipBytes(text);
  return bytes === undefined ? [] : [ipText(bytes)];
}

async function sandboxesWithAddresses(runtime: ContainerRuntime) {
  const sandboxes = await runtime.listSandboxes();
  return Promise.all(
    sandboxes.map(async (sandbox) => ({
      ...sandbox,
      addresses: sandbox.ready ? (await runtime.addressesOf(sandbox.id)).flatMap(canonical) : [],
    })),
  );
}
