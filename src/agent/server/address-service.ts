import { create } from "@bufbuild/protobuf";
import { Code, ConnectError, type HandlerContext, type ServiceImpl } from "@connectrpc/connect";
import type { Condition } from "../../api/condition.ts";
import { LONGEST_CONTAINER_ID, PODS_TABLE } from "../../api/data-path.ts";
import { ipFamily } from "../../api/ip-text.ts";
import { isInterfaceName } from "../../cni/environment.ts";
import { isName } from "../../cni/name.ts";
import {
  type AddressService,
  AddressState,
  type AllocateRequest,
  AllocateResponseSchema,
  AllocationFailureSchema,
  type Attachment as AttachmentMessage,
  CheckResponseSchema,
  CollectGarbageResponseSchema,
  LinkKind,
  ListAddressesResponseSchema,
  ReleaseResponseSchema,
  StatusResponseSchema,
} from "../../gen/tke/eni/agent/v1/address_pb.ts";
import { parseIpAddress } from "../../netlink/ip-address.ts";
import type { AllocatedAddress } from "../../pod-link/allocation.ts";
import { startTimer } from "../../time/timer.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import type { PodLinks } from "../links/pod-links.ts";
import { addressesOf } from "../pool/allocate.ts";
import type { Attachment } from "../pool/attachment.ts";
import { isOurs } from "../pool/bound-address.ts";
import { garbage } from "../pool/garbage.ts";
import { NotAllocatedError, type Pool } from "../pool/pool.ts";
import { poolCounts } from "../pool/pool-counts.ts";
import type { Holding, PooledAddress } from "../pool/pool-state.ts";
import { addressProblems } from "./address-problems.ts";
import { type Failure, failureOf } from "./failure-reason.ts";

/** What an answer says beside the address itself. */
export interface AnswerFacts {
  /** The node's primary address, of IPv4. */
  nodeAddress: string;
  /** Routing table of the ENI, and group of its pods' veths. */
  table: number;
  mac: string;
  mtu: number;
}

export interface AddressServiceWorld {
  /** Undefined while the agent is finding out who holds what. */
  pool(): Pool | undefined;
  /** Facts of an ENI; undefined while this node's primary address or the ENI's link is not known. */
  factsOf(eniId: string): AnswerFacts | undefined;
  /** Brings the kernel to what the pool now says, before a pod relies on it; gives what is still wrong for all ENIs or for this one. */
  settle(eniId: string): Promise<readonly string[]>;
  /** What is wrong with the node's network, for all ENIs or for this one, a sentence each. */
  problemsOf(eniId: string): readonly string[];
  /** Makes pods' links and takes them away in their plugins' stead. */
  readonly links: Pick<PodLinks, "make" | "take">;
  /** What ipamd says of this node. */
  readyCondition(): Condition | undefined;
  /**
   * Told why a pod has no address, with a cause that stays the same from try to try: of each allocation that failed, and before
   * that of one that waits for what does not pass by itself. Each cause once for each try.
   */
  failed(attachment: Attachment, cause: string): void;
  readonly clock: WaitingClock;
}

/** Of what is wrong with a key, so much is shown. */
const SHOWN = 80;
/** Wait of a caller that names no deadline. */
const DEFAULT_WAIT_MS = 30_000;
/** Left of the caller's time for the answer to reach it, so that it learns why and does not just time out. */
const LARGEST_MARGIN_MS = 1_000;

/**
 * How long a caller waits before its pod is told why, and between two looks at the reason. The call itself goes on: whoever waits
 * gets the first address that comes, and one that was sent away would come back only after the kubelet's pause, with a new sandbox.
 *
 * Ten seconds, because by then an ENI is usually there, and ipamd has said what keeps it from that: a pod that is told earlier reads of
 * what is over already. Without it the pod would learn nothing before the end of the call, a minute later, for the kubelet is silent, too.
 */
const TELL_AFTER_MS = 10_000;

/** The address API of proto/tke/eni/agent/v1. */
export function addressService(world: AddressServiceWorld): ServiceImpl<typeof AddressService> {
  return {
    async allocate(request, context) {
      const attachment = attachmentOf(request);
      const pool = openPool(world);
      const { netns, ownOnly } = request;
      const records = await allocated(world, { pool, attachment, netns, ownOnly, context });
      const unusable = ({ address }: PooledAddress, why: string) => {
        const cause = `${address} cannot be used now, since ${why}: it is tried again; LinksReady of \`kubectl get nec\` says more`;
        world.failed(attachment, cause);
        return new ConnectError(cause, Code.Unavailable);
      };
      for (const record of records) {
        if (record.holding.kind !== "in-use" || record.holding.attachment.foreign === undefined) continue;
        const [problem] = await world.settle(record.eniId);
        if (problem !== undefined) throw unusable(record, problem);
      }
      for (const { address } of records) {
        if (addressesOf(pool.state, attachment).some((held) => held.address === address)) continue;
        throw new ConnectError(
          `${address} was released while the node was set up for it: a DEL for the same pod is running`,
          Code.Aborted,
        );
      }
      const given = records.map((record): Given => {
        const facts = world.factsOf(record.eniId);
        if (facts !== undefined) return { record, facts };
        throw unusable(record, `the link of ${record.eniId} or the node's own address is missing`);
      });
      const answer = answerOf(given);
      const { makeLink, netnsInode, linkMtu } = request;
      // For a caller that has gone, nothing more is made.
      if (!makeLink || attachment.foreign !== undefined || context.signal.aborted) {
        return create(AllocateResponseSchema, answer);
      }
      const mtu = linkMtu === 0 ? answer.mtu : linkMtu;
      const allocation = { ...answer, addresses: given.map(withAddresses), mtu };
      const link = world.links.make(attachment, { netns, netnsInode, allocation });
      return create(AllocateResponseSchema, {
        ...answer,
        ...(link && { link: { hostName: link.host.name, hostMac: link.host.mac, podMac: link.pod.mac } }),
      });
    },

    release({ attachment, takeLink, netns, netnsInode }) {
      const key = keyOf(attachment);
      const pool = openPool(world);
      const where = netnsInode === "" ? undefined : { netns, netnsInode };
      const linkTaken = takeLink && world.links.take(key, where);
      return create(ReleaseResponseSchema, { addresses: pool.release(key), linkTaken });
    },

    check(request) {
      const key = keyOf(request.attachment);
      const { state } = openPool(world);
      const records = addressesOf(state, key);
      if (records.length === 0) {
        throw new ConnectError(
          `${key.ifName} of container ${key.containerId} has no address on this node`,
          Code.NotFound,
        );
      }
      const given = records.flatMap((record): Given[] => {
        const facts = world.factsOf(record.eniId);
        return facts === undefined ? [] : [{ record, facts }];
      });
      const enis = new Set(records.map(({ eniId }) => eniId));
      return create(CheckResponseSchema, {
        ...(given.length === records.length && { allocated: answerOf(given) }),
        problems: [
          ...records.flatMap((record) => addressProblems(state, record)),
          ...new Set([...enis].flatMap((eniId) => world.problemsOf(eniId))),
        ],
      });
    },

    collectGarbage(request) {
      if (request.network === "") {
        throw new ConnectError(
          "network must be the name of a network, and is empty: garbage is collected of one network at a time",
          Code.InvalidArgument,
        );
      }
      const pool = openPool(world);
      const collected = garbage(pool.state, {
        network: request.network,
        valid: request.valid.map(keyOf),
        now: world.clock.now(),
      });
      for (const attachment of collected) pool.release(attachment);
      return create(CollectGarbageResponseSchema, { collected: collected.map(keyAndPod) });
    },

    status() {
      openPool(world);
      return create(StatusResponseSchema);
    },

    listAddresses() {
      const { state } = openPool(world);
      const shown = [...state.addresses.values()].filter(
        (record) => isOurs(state, record) || record.holding.kind !== "free",
      );
      return create(ListAddressesResponseSchema, { addresses: shown.map(listed) });
    },
  };
}

async function allocated(
  world: AddressServiceWorld,
  {
    pool,
    attachment,
    context,
    ...wish
  }: { pool: Pool; attachment: Attachment; netns: string; ownOnly: boolean; context: HandlerContext },
): Promise<readonly PooledAddress[]> {
  const { clock } = world;
  const timeIsUp = new AbortController();
  const over = new AbortController();
  const { podNamespace: namespace, podName: name } = attachment;
  const whyNot = () => {
    const hasClaim = pool.state.growth.slots !== undefined && name !== "";
    return failureOf(
      world.readyCondition(),
      poolCounts(pool.state),
      hasClaim ? { namespace, name } : undefined,
    );
  };
  const told = new Set<string>();
  const tell = (cause: string) => {
    if (!told.has(cause)) world.failed(attachment, cause);
    told.add(cause);
  };
  let cancel: (() => void) | undefined;
  const wait = () => {
    cancel = startTimer(clock, waitMs(context.timeoutMs()), () => timeIsUp.abort());
    void tellWhileWaiting({ clock, whyNot, tell }, AbortSignal.any([over.signal, context.signal]));
    return AbortSignal.any([context.signal, timeIsUp.signal]);
  };
  try {
    return await pool.allocate({ attachment, ...wish }, wait);
  } catch (error) {
    if (!(error instanceof NotAllocatedError)) {
      const cause = `the allocation could not be stored: ${error instanceof Error ? error.message : error}`;
      tell(cause);
      throw new ConnectError(cause, Code.Internal);
    }
    // Not unavailable: a plugin would try again, and allocate for a sandbox that is gone.
    if (error.why === "released") throw new ConnectError(error.message, Code.Aborted);
    if (!timeIsUp.signal.aborted) throw new ConnectError(error.message, Code.Unavailable);
    const { reason, message, cause } = whyNot();
    tell(cause);
    throw new ConnectError(message, Code.ResourceExhausted, undefined, [
      { desc: AllocationFailureSchema, value: { reason, message } },
    ]);
  } finally {
    cancel?.();
    over.abort();
  }
}

async function tellWhileWaiting(
  { clock, whyNot, tell }: { clock: WaitingClock; whyNot: () => Failure; tell: (cause: string) => void },
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    await clock.sleep(TELL_AFTER_MS, signal);
    if (signal.aborted) return;
    const { lasts, cause } = whyNot();
    if (lasts) tell(cause);
  }
}

/** How long a caller with so much time left is let wait. */
export function waitMs(timeoutMs: number | undefined): number {
  if (timeoutMs === undefined) return DEFAULT_WAIT_MS;
  return Math.max(0, Math.floor(timeoutMs - Math.min(LARGEST_MARGIN_MS, timeoutMs / 4)));
}

function openPool(world: AddressServiceWorld): Pool {
  const pool = world.pool();
  if (pool?.state.open) return pool;
  throw new ConnectError(
    "the agent does not know yet which pods hold which addresses: it is finding out, try again",
    Code.Unavailable,
  );
}

/** An address that an attachment holds, with what is known of its ENI. */
interface Given {
  record: PooledAddress;
  facts: AnswerFacts;
}

/** An attachment has one link, and so the group and the MTU of one ENI: that of its first address. */
function answerOf(given: readonly Given[]) {
  const [first] = given;
  return {
    addresses: given.map(({ record, facts }) => ({
      address: record.address,
      // Of IPv6 a node need not have any: its link-local ones do.
      nodeAddress: ipFamily(record.address) === ipFamily(facts.nodeAddress) ? facts.nodeAddress : "",
      eniId: record.eniId,
      eniMac: facts.mac,
      subnetId: record.subnetId,
    })),
    group: first?.facts.table ?? 0,
    podsTable: PODS_TABLE,
    mtu: first?.facts.mtu ?? 0,
  };
}

function withAddresses({ record, facts }: Given): AllocatedAddress {
  const address = parseIpAddress(record.address);
  const nodeAddress = parseIpAddress(facts.nodeAddress);
  return { address, nodeAddress: address.family === nodeAddress.family ? nodeAddress : undefined };
}

function attachmentOf({ attachment, network, link, device }: AllocateRequest): Attachment {
  return {
    ...keyAndPod(keyOf(attachment)),
    ...(network !== "" && { network }),
    ...(link === LinkKind.FOREIGN && { foreign: { device } }),
  };
}

/** @throws ConnectError when the message has no key, or one that no runtime makes: it becomes the alias and the name of a link */
function keyOf(message: AttachmentMessage | undefined): AttachmentMessage {
  const { containerId = "", ifName = "" } = message ?? {};
  if (message !== undefined && isContainerId(containerId) && isInterfaceName(ifName)) return message;
  throw new ConnectError(
    `attachment must have a container_id of up to ${LONGEST_CONTAINER_ID} letters, digits, _, . and -, and an if_name that an interface can have: it has ${JSON.stringify(containerId.slice(0, SHOWN))} and ${JSON.stringify(ifName.slice(0, SHOWN))}`,
    Code.InvalidArgument,
  );
}

function isContainerId(text: string): boolean {
  return text.length <= LONGEST_CONTAINER_ID && isName(text);
}

function keyAndPod({ containerId, ifName, podNamespace, podName, podUid }: Attachment) {
  return { containerId, ifName, podNamespace, podName, podUid };
}

const STATES: Readonly<Record<Holding["kind"], AddressState>> = {
  free: AddressState.FREE,
  "in-use": AddressState.IN_USE,
  "cooling-down": AddressState.COOLING_DOWN,
  reclaimable: AddressState.RECLAIMABLE,
};

function listed({ address, eniId, holding }: PooledAddress) {
  return {
    address,
    eniId,
    state: STATES[holding.kind],
    sinceUnixMs: BigInt(holding.since),
    ...(holding.kind === "in-use" && { attachment: keyAndPod(holding.attachment) }),
  };
}
