/** What an ENI of this node is meant to be, as its VpcENI object says. */
export interface EniSpec {
  eniId: string;
  mac: string;
  primaryIp: string;
  /** First address of the subnet: next hop of all that leaves by the ENI. */
  gateway: string;
  subnetId: string;
}
