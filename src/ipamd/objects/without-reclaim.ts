import type { VpcIPSpec } from "../../api/vpc-ip.ts";

/** What is said of an address that is not asked for any more. */
export function withoutReclaim({ reclaim: _, ...spec }: VpcIPSpec): VpcIPSpec {
  return spec;
}
