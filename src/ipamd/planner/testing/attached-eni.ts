import type { AddressView, EniView } from "../node-view.ts";

/** An ENI at rest on its node, of `subnet-a`. @param addresses how many, free ones; or each */
export function attachedEni(
  id: string,
  addresses: number | readonly AddressView[],
  overrides: Partial<EniView> = {},
): EniView {
  return {
    id,
    subnetId: "subnet-a",
    ready: true,
    busy: false,
    unattached: false,
    detached: false,
    draining: false,
    leaving: "no",
    addresses: typeof addresses === "number" ? freeAddresses(id, addresses) : addresses,
    ...overrides,
  };
}

/** Addresses that are assigned and nobody's. */
export function freeAddresses(prefix: string, count: number): AddressView[] {
  return Array.from({ length: count }, (_, i) => ({
    address: `${prefix}-${i}`,
    assigned: true,
    reserved: false,
    use: "free",
    reclaim: "no",
  }));
}
