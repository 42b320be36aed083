import { ipFamily } from "../../api/ip-text.ts";
import { instanceOfProviderId } from "../../api/provider-id.ts";
import { type Node, nodes } from "../../kube/core-resources.ts";
import type { KubeClient } from "../../kube/kube-client.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { Logger } from "../logger.ts";

/** What the Node object says of the machine that this is. */
export interface NodeFacts {
  instanceId: string | undefined;
  /** Its first IPv4 one: of IPv4 are the pods' addresses that are routed with it as source. */
  internalIp: string | undefined;
}

export interface NodeFactsWorld {
  readonly kube: Pick<KubeClient, "find">;
  readonly clock: WaitingClock;
  readonly logger: Logger;
}

/** Until the Node says both; a kubelet that has just registered fills them in within seconds. */
const EAGER_MS = 2_000;
/** Afterwards: they do not change while the machine runs, but a Node can be deleted and made anew. */
const CALM_MS = 60_000;

/**
 * Follows this node's own Node object by reading it now and then: an agent may not watch Nodes, and need not.
 *
 * @param tell called with each reading that found the Node
 */
export async function followNode(
  { kube, clock, logger }: NodeFactsWorld,
  { name, tell, signal }: { name: string; tell: (facts: NodeFacts) => void; signal: AbortSignal },
): Promise<void> {
  while (!signal.aborted) {
    let complete = false;
    try {
      const node = await kube.find(nodes, name, { signal });
      const facts = node && factsOf(node);
      if (facts !== undefined) tell(facts);
      complete = facts?.instanceId !== undefined && facts.internalIp !== undefined;
    } catch (error) {
      if (signal.aborted) return;
      logger.warn({ node: name, err: error }, "the Node of this agent could not be read");
    }
    await clock.sleep(complete ? CALM_MS : EAGER_MS, signal);
  }
}

function factsOf({ spec, status }: Node): NodeFacts {
  return {
    instanceId: instanceOfProviderId(spec.providerID),
    internalIp: status?.addresses?.find(
      ({ type, address }) => type === "InternalIP" && ipFamily(address) === 4,
    )?.address,
  };
}
