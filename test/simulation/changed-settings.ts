import { NEC_ANNOTATIONS, NODE_ANNOTATIONS } from "../../src/api/annotations.ts";
import { findInstanceType } from "../../src/sim/vpc/instance-types.ts";
import type { Dice } from "./dice.ts";
import type { Host, World } from "./world.ts";

const CONFIGS = "/apis/networking.tke.cloud.tencent.com/v1/nodeeniconfigs";

/** People set, or take back, a limit or the warm target of one node. */
export function changeNodeSettings(world: World, dice: Dice, { machine }: Host): void {
  world.annotate(`${CONFIGS}/${machine.nodeName}`, someSettings(world, dice));
}

function someSettings(world: World, dice: Dice): Record<string, string | null> {
  const { minWarm, maxWarm, maxEnis, maxAddressesPerEni } = NEC_ANNOTATIONS;
  const { eniQuota = 2, addressesPerEni = 3 } = findInstanceType(world.settings.instanceType) ?? {};
  const { min, max } = warmTarget(dice);
  return dice.pick([
    { [minWarm]: `${min}`, [maxWarm]: `${max}` },
    { [maxEnis]: `${dice.whole(1, Math.max(1, eniQuota - 1))}` },
    { [maxAddressesPerEni]: `${dice.whole(2, Math.max(2, addressesPerEni - 1))}` },
    { [minWarm]: null, [maxWarm]: null, [maxEnis]: null, [maxAddressesPerEni]: null },
  ]);
}

/** A node is to have no ENIs, or may have some again. */
export function setDisabled(world: World, { machine }: Host, disabled: boolean): void {
  const value = disabled ? "true" : null;
  world.annotate(`/api/v1/nodes/${machine.nodeName}`, { [NODE_ANNOTATIONS.disabled]: value });
}

/** @returns a warm target as people set one, for a node or by a flag */
export function warmTarget(dice: Dice): World["warm"] {
  const min = dice.pick([0, 1, 3, 5]);
  return { min, max: min + dice.pick([0, 0, 2, 10]) };
}

/** @returns how many addresses nodes keep ready where pods have addresses of their own */
export function poolTarget(dice: Dice): World["warm"] {
  const size = dice.pick([0, 0, 0, 2]);
  return { min: size, max: size };
}
