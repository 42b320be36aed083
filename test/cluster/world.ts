import { simulatedWorld } from "../../src/sim/config.ts";
import { managementLink as routerEndName } from "../../src/sim/fabric/kernel-fabric.ts";

/** A machine of the VPC: a network namespace with one network interface that vpc-sim plugs. */
export interface Machine {
  readonly name: string;
  /** Name of its network namespace. */
  readonly namespace: string;
  readonly instanceId: string;
  readonly instanceType: string;
  readonly zone: string;
  readonly subnetId: string;
  readonly address: string;
}

/** A machine that runs a kubelet. */
export interface NodeMachine extends Machine {
  /** What the kubelet is told; node-2 has none, so that it must be recognised by its address. */
  readonly providerId: string | undefined;
}

export const region = simulatedWorld().region;
export const vpcNamespace = "tke-vpc";
export const outsideNamespace = "tke-out";
export const nodeNamespacePrefix = "tke-node-";

/** The link between the root namespace and the VPC's router. */
export const managementLink = {
  /** The root namespace's end. */
  name: "tke-mgmt",
  /** The router's end; vpc-sim takes from it whatever source address a packet has. */
  routerName: routerEndName,
  address: "169.254.240.1",
  /** Where vpc-sim has its control API. */
  routerAddress: "169.254.240.2",
  prefixLength: 30,
};

export const controlApi = `http://${managementLink.routerAddress}:${simulatedWorld().control.listen.port}`;

export const controlPlane: Machine = {
  name: "control-plane",
  namespace: "tke-cp",
  instanceId: "ins-ctrl0001",
  instanceType: "S5.LARGE8",
  zone: "ap-sim-1",
  subnetId: "subnet-node0001",
  address: "10.0.1.10",
};

/** A subnet that vpc-sim has besides those of `simulatedWorld()`, and nothing is configured to use. */
export const spareSubnet = {
  subnetId: "subnet-spare001",
  vpcId: "vpc-sim00001",
  name: "spare",
  zone: "ap-sim-2",
  cidr: "10.0.18.0/24",
};

/** Another, in the other zone. */
export const smallSubnet = {
  subnetId: "subnet-small001",
  vpcId: "vpc-sim00001",
  name: "small",
  zone: "ap-sim-1",
  cidr: "10.0.19.0/24",
};

export const apiServerUrl = `https://${controlPlane.address}:6443`;

/** The node subnets end at .254, and the control plane's address is the one before node-1's. */
export const maxNodes = 200;

/** Of nodes that were not asked to be of another type: three ENIs besides the primary one, with nine addresses for pods each. */
const USUAL_TYPE = "S5.LARGE8";

/** node-1, node-2, …: node-3 and every second one after it are in the second zone. */
export function nodeMachine(number: number, instanceType = USUAL_TYPE): NodeMachine {
  const zone = number > 1 && number % 2 === 1 ? 2 : 1;
  const instanceId = `ins-node${String(number).padStart(4, "0")}`;
  return {
    name: `node-${number}`,
    namespace: `${nodeNamespacePrefix}${number}`,
    instanceId,
    instanceType,
    zone: `ap-sim-${zone}`,
    subnetId: `subnet-node000${zone}`,
    address: `10.0.${zone}.${10 + number}`,
    providerId: number === 2 ? undefined : `qcloud:///800001/${instanceId}`,
  };
}
