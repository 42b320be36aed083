import { VPC_IP_CLAIM } from "../../src/api/vpc-ip-claim.ts";
import type { KubeObject } from "../../src/kube/kube-object.ts";
import type { Resource } from "../../src/kube/resource.ts";
import type { Cluster } from "../cluster/cluster.ts";
import { lastWords } from "../cluster/deploy.ts";
import { type Stage, until } from "./stage.ts";

/** Something that happens to pods with fixed addresses, and how it must end. It leaves nothing behind, so that it can be played again. */
export interface Scenario {
  readonly name: string;
  /** What it makes: names of workloads and of pods, which are what its claims begin with. */
  readonly makes: readonly string[];
  /** Subnets of which it has outsiders take addresses. */
  readonly fills?: readonly string[];
  /** @throws where it ends in another way than it must */
  play(stage: Stage): Promise<void>;
}

const claims: Resource<KubeObject> = VPC_IP_CLAIM;
const IN = { namespace: "default" };

/** Plays a scenario and takes away what it made, also where it failed. @throws with what the cluster looked like when it did */
export async function play(scenario: Scenario, stage: Stage): Promise<void> {
  let failure: unknown;
  try {
    await scenario.play(stage);
  } catch (error) {
    // The reason last: it is what one who reads the end of a long log is to see.
    failure = new Error(
      `${await evidence(stage.cluster)}\n${error instanceof Error ? error.message : error}`,
    );
  }
  try {
    await takeAway(scenario, stage);
  } catch (error) {
    failure ??= error;
  }
  if (failure !== undefined) throw failure;
}

async function takeAway({ makes, fills = [] }: Scenario, stage: Stage): Promise<void> {
  const { cluster, kube, control } = stage;
  const selector = `app in (${makes.join(",")})`;
  await cluster.kubectl([
    "delete",
    "statefulsets,deployments",
    "-l",
    selector,
    "--cascade=foreground",
    "--timeout=60s",
  ]);
  await cluster.kubectl(["delete", "pods", "-l", selector, "--timeout=60s"]);
  for (const subnetId of fills) {
    const { subnets } = await control.readState();
    const addresses = subnets.find((subnet) => subnet.subnetId === subnetId)?.outsiders ?? [];
    if (addresses.length > 0) await control.giveBackAddresses(subnetId, { addresses });
  }
  const own = async () => {
    const { items } = await kube.list(claims, IN);
    return items.flatMap(({ metadata: { name = "" } }) =>
      makes.some((it) => name.startsWith(`${it}-`)) ? [name] : [],
    );
  };
  for (const name of await own()) {
    await kube.delete(claims, name, IN).catch((error) => {
      if (!error.isNotFound) throw error;
    });
  }
  await until(stage, `the claims of ${makes.join(", ")} to go`, {
    withinMs: 60_000,
    check: async () => (await own()).length === 0,
  });
}

/** What a person would look at first. */
async function evidence(cluster: Cluster): Promise<string> {
  const words = [
    ["get", "pods,vipc", "-o", "wide"],
    ["get", "vip,vsub,nec,nodes"],
    ["get", "events", "--field-selector=type=Warning", "--sort-by=.lastTimestamp"],
  ].map((args) => cluster.kubectl(args));
  // What cannot be told must not stand in the place of what went wrong.
  const told = [...words, lastWords(cluster)].map((it) => it.catch((error: Error) => error.message));
  return (await Promise.all(told)).join("\n");
}
