import type { Eni } from "../cloud-vpc.ts";

/** An ENI at rest, attached to nothing and without a secondary address, as the cloud tells of it. */
export function cloudEni(more: Partial<Eni> = {}): Eni {
  return {
    id: "eni-1",
    name: "",
    mac: "20:90:6f:00:00:01",
    vpcId: "vpc-1",
    subnetId: "subnet-a",
    zone: "ap-1",
    primary: false,
    state: "available",
    primaryAddress: "10.0.16.2",
    addresses: [],
    tags: [],
    ...more,
  };
}
