import type { CountedNode, NodeView } from "./world.ts";

/**
 * A node whose ENIs have what VpcIPs say is on them, where its NodeENIConfig says less: ipamd writes that after the VpcIPs, and it comes by
 * another watch. In between an address would neither be awaited nor take its place.
 *
 * @param onEni how many VpcIPs of the node are on an ENI, by its id
 * @param awaited addresses that are to come to it for claims, by subnet
 */
export function countedNode(
  node: NodeView,
  {
    onEni,
    awaited,
  }: { onEni: ReadonlyMap<string, number> | undefined; awaited: ReadonlyMap<string, number> | undefined },
): CountedNode {
  const { creatingIn, limit } = node;
  let addresses = 0;
  const inSubnet = new Map<string, { places: number; awaited: number }>();
  const subnet = (id: string) => {
    const known = inSubnet.get(id);
    if (known !== undefined) return known;
    const made = { places: 0, awaited: 0 };
    inSubnet.set(id, made);
    return made;
  };
  const enis = node.enis.map((eni) => {
    const has = Math.max(eni.addresses, onEni?.get(eni.id) ?? 0);
    addresses += has;
    subnet(eni.subnetId).places += Math.max(0, limit.addressesPerEni - has);
    return { ...eni, addresses: has };
  });
  for (const [id, count] of awaited ?? []) {
    addresses += count;
    subnet(id).awaited = count;
  }
  if (creatingIn !== undefined) subnet(creatingIn);
  return { ...node, enis, addresses, inSubnet };
}
