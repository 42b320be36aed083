import { events } from "../../src/kube/core-resources.ts";
import type { Stage } from "./stage.ts";
import type { PodView } from "./workload.ts";

/** Messages of a reason about these very pods: earlier ones of their names count nothing. */
export async function eventsAbout(
  { kube }: Pick<Stage, "kube">,
  found: readonly PodView[],
  reason: string,
): Promise<string[]> {
  const uids = new Set(found.map(({ uid }) => uid));
  const { items } = await kube.list(events, { namespace: "default", fieldSelector: `reason=${reason}` });
  return items
    .filter(({ involvedObject: { uid = "" } }) => uids.has(uid))
    .map(({ involvedObject: { name }, message }) => `${name}: ${message}`);
}
