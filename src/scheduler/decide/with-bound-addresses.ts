import type { NodeView } from "./world.ts";

/**
 * A node whose ENIs have what VpcIPs say is on them, where its NodeENIConfig says less: ipamd writes that after the VpcIPs, and it comes by
 * another watch. In between an address would neither be awaited nor take its place.
 *
 * @param onEni how many VpcIPs of the node are on an ENI, by its id
 */
export function withBoundAddresses(node: NodeView, onEni: ReadonlyMap<string, number> | undefined): NodeView {
  if (onEni === undefined) return node;
  const bound = (id: string) => onEni.get(id) ?? 0;
  if (node.enis.every(({ id, addresses }) => bound(id) <= addresses)) return node;
  const enis = node.enis.map((eni) => ({ ...eni, addresses: Math.max(eni.addresses, bound(eni.id)) }));
  return { ...node, enis };
}
