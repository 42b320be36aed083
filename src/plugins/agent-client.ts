import type { AttachmentParameters } from "../cni/environment.ts";
import { CniError, CODES } from "../cni/error.ts";
import { podOf } from "../cni/pod.ts";
import type {
  AllocateRequest,
  AllocateResponse,
  Attachment,
  CheckRequest,
  CheckResponse,
  CollectGarbageRequest,
  CollectGarbageResponse,
  LinkKind,
  ReleaseRequest,
  ReleaseResponse,
} from "../gen/tke/eni/agent/v1/address_pb.ts";
import { SystemCallError } from "../netlink/errno.ts";
import type { Allocation } from "../pod-link/allocation.ts";
import type { DescribedLink } from "../pod-link/pod-network.ts";
import { parseAllocation } from "./allocation.ts";
import type { HttpAnswer } from "./http-answer.ts";
import { type Backend, formatBackend } from "./ipam-configuration.ts";
import type { OnWire } from "./on-wire.ts";
import { type Post, postOnUnixSocket } from "./post-on-unix-socket.ts";

const SERVICE = "tke.eni.agent.v1.AddressService";
/** Attaching an ENI takes this long in a slow minute. The kubelet gives a sandbox four minutes. */
const ALLOCATE_TIMEOUT_MS = 60_000;
/** A release needs nobody but the agent, and is queued when the agent does not take it. */
const RELEASE_TIMEOUT_MS = 5_000;
/** What the rest asks is in the agent's memory. */
const QUESTION_TIMEOUT_MS = 5_000;
/** The runtime asks every few seconds. */
const STATUS_TIMEOUT_MS = 2_000;
/** The agent ends the call by its deadline itself and says why; we hang up only if it does not. */
const GRACE_MS = 1_000;

/**
 * How long an ADD waits for an agent that is not there or does not serve yet. One that is replaced is back within a second or two; an
 * ADD that failed meanwhile would cost the pod a sandbox and the kubelet's back-off.
 */
const ABSENCE_MS = 10_000;
const RETRY_MS = 100;

/** Codes of the Connect protocol for what passes by itself. */
const PASSING = ["resource_exhausted", "unavailable", "deadline_exceeded", "aborted", "canceled"];

/** Codes of the Connect protocol that have one of CNI; any other is 100. */
const OTHERS: Readonly<Record<string, number>> = {
  not_found: CODES.unknownContainer,
  unimplemented: CODES.unsupportedField,
};

// Of the enum LinkKind, whose values a type import does not bring.
const ROUTED = 1 satisfies LinkKind;
const FOREIGN = 2 satisfies LinkKind;

/** The agent has answered that it does not do what it was asked. */
export class AgentRefusal extends CniError {}

/** It does not serve yet. */
class AgentNotReadyError extends AgentRefusal {}

/** It is not there, or has not answered. */
class AgentAwayError extends CniError {}

/**
 * The agent's address API by the Connect protocol: one POST a call, JSON both ways
 * (https://connectrpc.com/docs/protocol, "Unary-Request").
 */
export class AgentClient {
  readonly #backend: Backend;
  readonly #patienceMs: number;

  /** @param options.patienceMs how long an ADD waits for an agent that is away */
  constructor(backend: Backend, { patienceMs = ABSENCE_MS }: { readonly patienceMs?: number } = {}) {
    this.#backend = backend;
    this.#patienceMs = patienceMs;
  }

  /**
   * Waits for an agent that is being replaced.
   *
   * @param network name of the network
   * @param foreign where another plugin makes the pod's link: the host's link behind which the pod is, empty where there is none
   * @param ownOnly no address will do but one that is for the pod's name
   * @param makeLink the agent may make the pod's link, in the namespace of this inode and with this MTU (undefined: the ENI's)
   * @returns the link, too, where the agent has made it
   * @throws AgentRefusal when nothing was given; else CniError, when something may have been: 11 for what passes by itself, 100 otherwise.
   */
  async allocate(
    attachment: AttachmentParameters,
    {
      network,
      ownOnly = false,
      foreign,
      makeLink,
    }: {
      readonly network: string;
      readonly ownOnly?: boolean;
      readonly foreign?: { readonly device: string };
      readonly makeLink?: { readonly netnsInode: string; readonly mtu: number | undefined };
    },
  ): Promise<{ allocation: Allocation; link: DescribedLink | undefined }> {
    const request: OnWire<AllocateRequest> = {
      attachment: encodeAttachment(attachment),
      netns: attachment.netns,
      network,
      link: foreign === undefined ? ROUTED : FOREIGN,
      ...foreign,
      ...(ownOnly && { ownOnly }),
      ...(makeLink && { makeLink: true, netnsInode: makeLink.netnsInode }),
      ...(makeLink?.mtu !== undefined && { linkMtu: makeLink.mtu }),
    };
    const deadline = performance.now() + ALLOCATE_TIMEOUT_MS;
    let awaySince: number | undefined;
    for (;;) {
      const timeoutMs = Math.ceil(deadline - performance.now());
      try {
        const response: OnWire<AllocateResponse> = await this.#call("Allocate", request, { timeoutMs });
        return parseAnswer(response, attachment);
      } catch (error) {
        const now = performance.now();
        awaySince ??= now;
        const isOver = now - awaySince >= this.#patienceMs || now + RETRY_MS >= deadline;
        const passes = error instanceof AgentAwayError || error instanceof AgentNotReadyError;
        if (!passes || isOver) throw error;
        await Bun.sleep(RETRY_MS);
      }
    }
  }

  /**
   * @param takeLink the agent may take the pod's link away, too, in the namespace of this inode (undefined: it is dead)
   * @returns whether nothing is left of the link
   * @throws CniError 11 for what passes by itself, 100 otherwise.
   */
  async release(
    attachment: AttachmentParameters,
    takeLink?: { readonly netnsInode: string | undefined },
  ): Promise<{ linkTaken: boolean }> {
    const inode = takeLink?.netnsInode;
    const request: OnWire<ReleaseRequest> = {
      attachment: encodeAttachment(attachment),
      ...(takeLink && { takeLink: true }),
      ...(inode !== undefined && { netns: attachment.netns, netnsInode: inode }),
    };
    const response: OnWire<ReleaseResponse> = await this.#call("Release", request, {
      timeoutMs: RELEASE_TIMEOUT_MS,
    });
    return { linkTaken: response.linkTaken === true };
  }

  /**
   * What the agent has on record for an attachment.
   * @throws CniError 3 when it has nothing, 11 for what passes by itself, 100 otherwise.
   */
  async check(attachment: AttachmentParameters): Promise<OnWire<CheckResponse>> {
    const request: OnWire<CheckRequest> = { attachment: encodeAttachment(attachment) };
    return this.#call("Check", request, { timeoutMs: QUESTION_TIMEOUT_MS });
  }

  /**
   * Takes back what attachments of a network hold that are not among `valid`.
   * @returns whose addresses were taken back
   * @throws CniError 11 for what passes by itself, 100 otherwise.
   */
  async collectGarbage(request: OnWire<CollectGarbageRequest>): Promise<readonly OnWire<Attachment>[]> {
    const response: OnWire<CollectGarbageResponse> = await this.#call("CollectGarbage", request, {
      timeoutMs: QUESTION_TIMEOUT_MS,
    });
    return response.collected ?? [];
  }

  /** @throws CniError 11 when nobody answers or the agent cannot serve yet; 2 when it is older than this question. */
  async status(): Promise<void> {
    await this.#call("Status", {}, { timeoutMs: STATUS_TIMEOUT_MS });
  }

  async #call(method: string, request: object, { timeoutMs }: { timeoutMs: number }): Promise<object> {
    const { status, text } = await this.#post({
      target: `/${SERVICE}/${method}`,
      headers: {
        "content-type": "application/json",
        "connect-protocol-version": "1",
        "connect-timeout-ms": String(timeoutMs),
      },
      body: JSON.stringify(request),
      timeoutMs: timeoutMs + GRACE_MS,
    });
    const answer = parseObject(text);
    if (status === 200 && answer !== undefined) return answer;
    throw refusal({ method, status, text, answer });
  }

  async #post(post: Post): Promise<HttpAnswer> {
    const backend = this.#backend;
    try {
      return "socket" in backend
        ? postOnUnixSocket(backend.socket, post)
        : await postByTcp(backend.host, post);
    } catch (error) {
      throw this.#unreachable(error, post);
    }
  }

  #unreachable(error: unknown, { timeoutMs }: { timeoutMs: number }): CniError {
    return new AgentAwayError(
      CODES.tryAgainLater,
      `cannot reach tke-eni-agent at ${formatBackend(this.#backend)} (${reasonOf(error, timeoutMs)}): see that the tke-eni-agent pod of this node is running`,
    );
  }
}

function reasonOf(error: unknown, timeoutMs: number): string {
  const { name, message, code } = error as Error & { code?: string };
  const known = error instanceof SystemCallError ? error.errno : code;
  return name === "TimeoutError" || known === "ETIMEDOUT"
    ? `no answer within ${timeoutMs} ms`
    : (known ?? message);
}

async function postByTcp(host: string, { target, headers, body, timeoutMs }: Post): Promise<HttpAnswer> {
  // A proxy of the runtime's environment is for images, and this call goes to the agent of this node.
  process.env["NO_PROXY"] = "*";
  const signal = AbortSignal.timeout(timeoutMs);
  const response = await fetch(`http://${host}${target}`, { method: "POST", headers, body, signal });
  return { status: response.status, text: await response.text() };
}

function parseAnswer(
  response: OnWire<AllocateResponse>,
  { ifName }: AttachmentParameters,
): { allocation: Allocation; link: DescribedLink | undefined } {
  const allocation = parseAllocation(response);
  if (response.link === undefined) return { allocation, link: undefined };
  const { hostName = "", hostMac = "", podMac = "" } = response.link;
  return { allocation, link: { pod: { name: ifName, mac: podMac }, host: { name: hostName, mac: hostMac } } };
}

function encodeAttachment({ containerId, ifName, args }: AttachmentParameters): OnWire<Attachment> {
  const pod = podOf(args);
  return {
    containerId,
    ifName,
    ...(pod === undefined ? {} : { podNamespace: pod.namespace, podName: pod.name, podUid: pod.uid }),
  };
}

/** The error that a failed call stands for ("Error end-stream": `{"code", "message", "details"}`). */
function refusal({
  method,
  status,
  text,
  answer,
}: {
  method: string;
  status: number;
  text: string;
  answer: Readonly<Record<string, unknown>> | undefined;
}): CniError {
  const { code, message } = answer ?? {};
  if (status === 404 && text === "") {
    return new CniError(
      CODES.unsupportedField,
      `tke-eni-agent does not know ${method}: plugin and agent of this node must be of one release`,
    );
  }
  if (typeof code !== "string") {
    const shown = JSON.stringify(text.slice(0, 200));
    return new CniError(
      CODES.agentFailure,
      `what answers ${method} is no tke-eni-agent: HTTP status ${status} with ${shown}; see ipam.backend in the network configuration`,
    );
  }
  const cniCode = PASSING.includes(code) ? CODES.tryAgainLater : (OTHERS[code] ?? CODES.agentFailure);
  const told = typeof message === "string" && message !== "" ? message : `tke-eni-agent refused ${method}`;
  const Refusal = code === "unavailable" ? AgentNotReadyError : AgentRefusal;
  return new Refusal(cniCode, told, { details: `tke-eni-agent: ${code}` });
}

function parseObject(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null ? (value as Record<string, unknown>) : undefined;
  } catch {
    return undefined;
  }
}
