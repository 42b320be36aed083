import { type ConfigMap, configMaps } from "../../kube/core-resources.ts";
import type { EventRecorder } from "../../kube/events.ts";
import { type ReflectorWorld, startReflector } from "../../kube/reflector/reflector.ts";
import { apiVersionOf } from "../../kube/resource.ts";
import type { NodeNetwork } from "../links/node-network.ts";
import type { PrimaryEgress } from "../nft/primary-egress.ts";
import type { AgentMemory } from "../store/agent-store.ts";
import {
  DEFAULT_MASQUERADE,
  egressOf,
  type MasqueradeConfig,
  MasqueradeConfigError,
  parseMasqueradeConfig,
} from "./masquerade-config.ts";

/** The ConfigMap of ip-masq-agent, as TKE has it, and its key. */
export const MASQUERADE_CONFIG = { namespace: "kube-system", name: "ip-masq-agent-config", key: "config" };

export interface MasqueradeWorld extends ReflectorWorld {
  readonly recorder: Pick<EventRecorder, "record">;
  readonly store: Pick<AgentMemory, "meta" | "setMeta">;
  readonly network: Pick<NodeNetwork, "setEgress">;
}

interface SeenConfig {
  readonly uid: string;
  /** Undefined: the ConfigMap has no such key. */
  readonly text: string | undefined;
}

/**
 * Has pods masqueraded as ip-masq-agent's ConfigMap says, and follows it. A ConfigMap that cannot be used is told by an event of it,
 * and what was last in force stays so, also after a restart. Without one, ip-masq-agent's defaults hold. Before it is known for
 * the first time, nothing is masqueraded.
 *
 * @param linkLocal by which interface link-local destinations are reached where the ConfigMap does not say
 */
export function followMasquerade(
  world: MasqueradeWorld,
  linkLocal: PrimaryEgress["linkLocal"],
): { stop(): Promise<void> } {
  const { store, network, logger } = world;
  const { namespace, name, key } = MASQUERADE_CONFIG;
  let inForce = store.meta("masquerade-config");
  network.setEgress(inForce === undefined ? { linkLocal, masquerade: undefined } : remembered(inForce));

  function remembered(text: string): PrimaryEgress {
    try {
      return egressOf(text === "" ? DEFAULT_MASQUERADE : parseMasqueradeConfig(text), linkLocal);
    } catch (error) {
      // Another version of the agent took it.
      logger.warn({ err: error }, "the masquerade configuration that was in force cannot be read any more");
      inForce = undefined;
      return { linkLocal, masquerade: undefined };
    }
  }

  /** @param text empty: there is no ConfigMap */
  function take(text: string, config: MasqueradeConfig): void {
    if (text === inForce) return;
    store.setMeta("masquerade-config", text);
    inForce = text;
    network.setEgress(egressOf(config, linkLocal));
    logger.info({ ...config }, "pods are masqueraded as configured");
  }

  function refuse({ uid }: SeenConfig, reason: string): void {
    const instead =
      inForce === undefined ? "nothing is masqueraded" : "the last good configuration stays in force";
    const message = `${key}: ${reason}; ${instead}`;
    logger.warn(
      { configMap: `${namespace}/${name}`, problem: message },
      "the masquerade configuration is not used",
    );
    const about = { apiVersion: apiVersionOf(configMaps), kind: configMaps.kind, namespace, name, uid };
    world.recorder.record({ about, type: "Warning", reason: "InvalidSetting", message });
  }

  const reflector = startReflector(world, {
    resource: configMaps,
    namespace,
    fieldSelector: `metadata.name=${name}`,
    transform: ({ metadata, data }: ConfigMap): SeenConfig => ({ uid: metadata.uid, text: data?.[key] }),
  });
  let seen: SeenConfig | undefined;
  let looked = false;
  reflector.subscribe(() => {
    if (!reflector.hasSynced()) return;
    const [found] = reflector.store.list();
    if (looked && Bun.deepEquals(found, seen)) return;
    looked = true;
    seen = found;
    if (found === undefined) return take("", DEFAULT_MASQUERADE);
    if (found.text === undefined) return refuse(found, `the ConfigMap has no key ${key}`);
    try {
      take(found.text, parseMasqueradeConfig(found.text));
    } catch (error) {
      if (!(error instanceof MasqueradeConfigError)) throw error;
      refuse(found, error.message);
    }
  });
  return reflector;
}
