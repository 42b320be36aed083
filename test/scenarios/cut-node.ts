import { runCommand } from "../../tools/build/run-command.ts";
import { nodeMachine, vpcNamespace } from "../cluster/world.ts";
import type { Stage } from "./stage.ts";

/** A node that the VPC carries nothing for, neither from it nor to it. All that ran on it runs on. */
export interface CutNode {
  /** Lets its further ENIs carry again: what its pods send, while the node itself stays cut off. */
  healPods(): Promise<void>;
  /** Lets everything through again. */
  heal(): Promise<void>;
}

/** Cuts a node off, in the VPC and before its guard, which therefore counts nothing of what is lost. */
export async function cutNode({ control }: Stage, node: string): Promise<CutNode> {
  const { instanceId } = nodeMachine(Number(node.replace("node-", "")));
  const enis = (await control.readState()).enis.filter((eni) => eni.instanceId === instanceId);
  // The VPC's end of an ENI's link has the id of the ENI for a name.
  const linksOf = (primary: boolean) =>
    enis.filter((eni) => eni.primary === primary).map(({ eniId }) => eniId);
  const table = `cut-${node}`;
  await nft(`table inet ${table} {
  set links { type ifname; elements = { ${enis.map(({ eniId }) => `"${eniId}"`).join(", ")} }; }
  chain from { type filter hook prerouting priority -400; iifname @links drop; }
  chain to { type filter hook postrouting priority 400; oifname @links drop; }
}`);
  return {
    healPods: () =>
      nft(
        linksOf(false)
          .map((link) => `delete element inet ${table} links { "${link}" }`)
          .join("\n"),
      ),
    // A table that is not there is no error.
    heal: () => nft(`table inet ${table} {}\ndelete table inet ${table}`),
  };
}

async function nft(input: string): Promise<void> {
  await runCommand(["ip", "netns", "exec", vpcNamespace, "nft", "-f", "-"], { input });
}
