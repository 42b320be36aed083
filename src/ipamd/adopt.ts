import { ENI_TAGS } from "../api/eni-tags.ts";
import type { CloudVpc, Eni } from "../cloud/cloud-vpc.ts";
import { namespaces } from "../kube/core-resources.ts";
import { createKubeClient } from "../kube/kube-client.ts";
import type { KubeTransport } from "../kube/transport.ts";
import type { WaitingClock } from "../time/waiting-clock.ts";
import { tagOf } from "./node/node-world.ts";

/** ModifyResourceTags allows 20 calls a second. */
const PAUSE_MS = 100;

export interface AdoptRequest {
  clusterId: string;
  /** UID of the other cluster's `kube-system`; without it nothing is changed. */
  fromUid: string | undefined;
  print: (text: string) => void;
}

/**
 * Makes the ENIs of another cluster of the same id this cluster's: for one that was made anew with the nodes of the old one. Its
 * ipamd then adopts them as any ENI without an object.
 *
 * @throws Error with one sentence when no ENI has that UID; KubeError, CloudError
 */
export async function adopt(
  { transport, cloud, clock }: { transport: KubeTransport; cloud: CloudVpc; clock: WaitingClock },
  { clusterId, fromUid, print }: AdoptRequest,
): Promise<void> {
  const { uid } = (await createKubeClient(transport).get(namespaces, "kube-system")).metadata;
  const tagged = await cloud.interfacesByTag({ key: ENI_TAGS.clusterId, value: clusterId });
  const others = Map.groupBy(
    tagged.filter((eni) => tagOf(eni, ENI_TAGS.clusterUid) !== uid),
    (eni) => tagOf(eni, ENI_TAGS.clusterUid),
  );
  if (fromUid === undefined) {
    print(list(others, { clusterId, uid }));
    return;
  }
  const enis = others.get(fromUid);
  if (enis === undefined) {
    throw new Error(
      `no ENI of cluster id "${clusterId}" has the UID "${fromUid}": run it without --from-uid to see those that there are`,
    );
  }
  for (const eni of enis) {
    await cloud.retag(eni.id, [{ key: ENI_TAGS.clusterUid, value: uid }]);
    print(`${eni.id} is this cluster's now\n`);
    await clock.sleep(PAUSE_MS);
  }
}

function list(
  others: ReadonlyMap<string, readonly Eni[]>,
  { clusterId, uid }: { clusterId: string; uid: string },
): string {
  if (others.size === 0) return `Every ENI of cluster id "${clusterId}" is this cluster's (${uid}).\n`;
  const lines = [...others].map(([from, enis]) => {
    const named = enis
      .slice(0, 3)
      .map((eni) => `${eni.id} of node ${tagOf(eni, ENI_TAGS.node) || "unknown"}`);
    const more = enis.length > named.length ? ", …" : "";
    return `${enis.length} ENIs of UID ${from || "(none)"}: ${named.join(", ")}${more}\n    to take them over: tke-eni-ipamd adopt --from-uid ${from}\n`;
  });
  return `This cluster's UID is ${uid}.\n${lines.join("")}`;
}
