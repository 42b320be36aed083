import { textAt } from "../../src/sim/kube/served-kind.ts";
import type { Dice } from "./dice.ts";
import { OUT_OF_SERVICE, setTaint } from "./node-controller.ts";
import type { Host, World } from "./world.ts";

/**
 * A machine is cut off from the API server, and what runs there goes on; or it dies. People may give its pods up before it comes back, so
 * that their names come back elsewhere.
 *
 * @param later what ends the trouble before everything is calm
 */
export async function loseMachine(
  world: World,
  dice: Dice,
  { host, later }: { host: Host; later: (ms: number, act: () => unknown) => void },
): Promise<void> {
  if (!host.machine.isOn || host.isolated || host.gone) return;
  const dies = dice.chance(0.3);
  if (dies) await world.stopMachine(host);
  else world.isolate(host);
  const outMs = dice.between(5_000, dice.pick([60_000, 200_000, 400_000]));
  const { nodeName } = host.machine;
  if (dice.chance(0.7)) later(dice.between(10_000, outMs), () => giveUpPods(world, { nodeName, dice }));
  if (dice.chance(0.2)) {
    later(dice.between(10_000, outMs), () => {
      world.trace.note("user", `says that ${nodeName} is out of service`);
      setTaint(world, nodeName, { key: OUT_OF_SERVICE, set: true });
      giveUpPods(world, { nodeName, dice });
    });
  }
  later(outMs, async () => {
    if (dies) await world.startMachine(host);
    world.heal(host);
    later(dice.between(0, 20_000), () => setTaint(world, nodeName, { key: OUT_OF_SERVICE, set: false }));
  });
}

/** Most pods of a node are deleted by force, without a word from its kubelet. */
function giveUpPods(world: World, { nodeName, dice }: { nodeName: string; dice: Dice }): void {
  world.trace.note("user", `deletes pods of ${nodeName} by force`);
  for (const pod of world.podsOf(nodeName)) if (dice.chance(0.8)) world.removePod(pod);
}

/** Whoever wants another address for a pod deletes its claim, and the pod perhaps. */
export function deleteClaim(world: World, dice: Dice): void {
  const claims = world.server.objects("vpcipclaims");
  if (claims.length === 0) return;
  const claim = dice.pick(claims);
  const name = textAt(claim, "metadata.name");
  world.deleteClaim(claim);
  if (dice.chance(0.6)) world.clock.after(dice.between(0, 10_000), () => world.deletePod(name));
}

/** Everything that was lost is back. */
export function findMachines(world: World): void {
  for (const host of world.hosts.values()) {
    world.heal(host);
    setTaint(world, host.machine.nodeName, { key: OUT_OF_SERVICE, set: false });
  }
}
