import { ENI_TAGS } from "../../src/api/eni-tags.ts";
import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { JsonObject } from "../../src/sim/kube/shape.ts";
import type { Eni } from "../../src/sim/vpc/state.ts";
import type { CallUnderWay, SentCall } from "./cloud-road.ts";

/** Two readings that miss an ENI lie so far apart before its intent may be dropped, and the first comes after the call was sent. */
const INTENT_STANDS_MS = 30_000;

/** An ENI whose call arrives within this time is shown before its intent may be dropped, however late readings are. */
const SOON_MS = 20_000;

/** What is to be seen of the world. */
export interface CreationsWorld {
  readonly enis: () => Iterable<Eni>;
  readonly objects: (plural: string) => readonly JsonObject[];
}

/**
 * Whether each ENI is made under an intent, which stands until the ENI has its object. One that is made under none is nobody's until it
 * is come across, and meanwhile another is made for the same pods.
 */
export class Creations {
  readonly #world: CreationsWorld;
  /** Nonces of the calls that are on their way. */
  readonly #underWay = new Set<string>();
  /** By nonce, how long the call took to arrive. */
  readonly #travelled = new Map<string, number>();
  /** Nonces whose intents, or whose ENIs' objects, people have taken away. */
  readonly #tampered = new Set<string>();

  constructor(world: CreationsWorld) {
    this.#world = world;
  }

  sent(call: SentCall): void {
    const made = madeBy(call);
    if (made !== undefined) this.#underWay.add(made.nonce);
  }

  /** @returns what is wrong with an ENI's being made now, if something is */
  takesEffect(call: CallUnderWay, now: number): string | undefined {
    const made = madeBy(call);
    if (made === undefined) return undefined;
    const { node, nonce } = made;
    const ms = now - call.sentAt;
    this.#underWay.delete(nonce);
    this.#travelled.set(nonce, ms);
    if (ms >= INTENT_STANDS_MS || this.#tampered.has(nonce)) return undefined;
    const config = this.#world.objects("nodeeniconfigs").find((object) => nameOf(object) === node);
    if (config !== undefined && intentOf(config) === nonce) return undefined;
    return `an ENI was made for ${node} with the nonce ${nonce}, whose intent does not stand any more ${Math.round(ms)} ms after the call was sent`;
  }

  /** @returns what is wrong with the change of a NodeENIConfig, if something is */
  configChanged(before: JsonObject | undefined, after: JsonObject | undefined): string | undefined {
    const nonce = intentOf(before ?? {});
    if (nonce === "" || nonce === intentOf(after ?? {}) || this.#tampered.has(nonce)) return undefined;
    if ((this.#travelled.get(nonce) ?? 0) >= SOON_MS) return undefined;
    const eni = [...this.#world.enis()].find((it) => nonceOf(it) === nonce);
    if (eni === undefined || this.#isKnown(eni)) return undefined;
    return `the intent ${nonce} of ${nameOf(before ?? {})} was dropped while its ENI ${eni.eniId} is in the cloud and has no object`;
  }

  /**
   * Whether a call that makes an ENI was planned while another ENI of its node, whose own call came so late that its intent was rightly
   * dropped, had not been come across yet: nobody can count that one.
   */
  isPlannedInIgnorance(action: string, parameters: object): boolean {
    const node = madeBy({ identity: "", action, parameters })?.node;
    return [...this.#world.enis()].some((eni) => {
      const ms = this.#travelled.get(nonceOf(eni) ?? "") ?? 0;
      const isOfNode = eni.tags.some(({ key, value }) => key === ENI_TAGS.node && value === node);
      return isOfNode && ms >= SOON_MS && !this.#isKnown(eni);
    });
  }

  /** Objects are about to be taken away or brought back by people, or have just been. */
  excuse(): void {
    for (const nonce of this.#underWay) this.#tampered.add(nonce);
    for (const config of this.#world.objects("nodeeniconfigs")) this.#tampered.add(intentOf(config));
    for (const eni of this.#world.enis()) {
      const nonce = nonceOf(eni);
      if (nonce !== undefined && !this.#isKnown(eni)) this.#tampered.add(nonce);
    }
  }

  #isKnown({ eniId }: Eni): boolean {
    return this.#world.objects("vpcenis").some((object) => nameOf(object) === eniId);
  }
}

/** What a call makes; undefined for one that makes no ENI. */
function madeBy({ action, parameters }: SentCall): { node: string; nonce: string } | undefined {
  if (!action.startsWith("Create")) return undefined;
  const { Tags: tags = [] } = parameters as { Tags?: readonly { Key: string; Value: string }[] };
  const value = (key: string) => tags.find(({ Key }) => Key === key)?.Value ?? "";
  return { node: value(ENI_TAGS.node), nonce: value(ENI_TAGS.nonce) };
}

function nonceOf({ tags }: Eni): string | undefined {
  return tags.find(({ key }) => key === ENI_TAGS.nonce)?.value;
}

function intentOf(config: JsonObject): string {
  return textAt(config, "status.creating.nonce");
}

function nameOf(object: JsonObject): string {
  return textAt(object, "metadata.name");
}
