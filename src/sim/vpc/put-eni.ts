import { findSubnet } from "./find.ts";
import type { CloudState, Eni } from "./state.ts";
import { returnAddresses } from "./subnet-addresses.ts";

/** The state in which the network interface is as given: everything that is counted or found by it follows. */
export function putEni(state: CloudState, eni: Eni): CloudState {
  const before = state.enis.get(eni.eniId);
  const put = { ...state, enis: state.enis.with(eni.eniId, eni) };
  const known =
    before === undefined
      ? { ...put, macs: put.macs.with(eni.mac, eni.eniId), vpcs: counted(state, eni, 1) }
      : put;
  const [from, to] = [before?.attachment?.instanceId, eni.attachment?.instanceId];
  if (from === to) {
    return known;
  }
  const left = from === undefined ? known : unclaimInstance(known, from, eni.eniId);
  return to === undefined ? left : claimInstance(left, to, eni.eniId);
}

/** The state without the network interface, its addresses free. */
export function dropEni(state: CloudState, eni: Eni): CloudState {
  const subnet = returnAddresses(
    findSubnet(state, eni.subnetId),
    eni.addresses.map((it) => it.address),
  );
  const dropped = {
    ...state,
    enis: state.enis.without(eni.eniId),
    macs: state.macs.without(eni.mac),
    vpcs: counted(state, eni, -1),
    subnets: state.subnets.with(subnet.subnetId, subnet),
  };
  return eni.attachment === undefined
    ? dropped
    : unclaimInstance(dropped, eni.attachment.instanceId, eni.eniId);
}

/** The state in which the network interface counts as one of the machine's. */
export function claimInstance(state: CloudState, instanceId: string, eniId: string): CloudState {
  const claims = state.enisByInstance.get(instanceId) ?? [];
  return claims.includes(eniId)
    ? state
    : { ...state, enisByInstance: state.enisByInstance.with(instanceId, [...claims, eniId]) };
}

/** The state in which it does not. */
export function unclaimInstance(state: CloudState, instanceId: string, eniId: string): CloudState {
  const claims = (state.enisByInstance.get(instanceId) ?? []).filter((it) => it !== eniId);
  return {
    ...state,
    enisByInstance:
      claims.length === 0
        ? state.enisByInstance.without(instanceId)
        : state.enisByInstance.with(instanceId, claims),
  };
}

function counted(state: CloudState, eni: Eni, difference: number): CloudState["vpcs"] {
  const vpc = state.vpcs.get(eni.vpcId);
  return vpc === undefined || eni.primary
    ? state.vpcs
    : state.vpcs.with(vpc.vpcId, { ...vpc, eniCount: vpc.eniCount + difference });
}
