import type { VpcIPClaim } from "../../api/vpc-ip-claim.ts";
import type { Eni } from "../../cloud/cloud-vpc.ts";
import { type Node, nodeReference, type ObjectReference } from "../../kube/core-resources.ts";
import type { EventRecorder } from "../../kube/events.ts";
import type { Logger } from "../../kube/logger.ts";
import type { WaitingClock } from "../../time/waiting-clock.ts";
import { nameIn } from "../claims/claim-book.ts";
import type { ClusterIdentity } from "../node/node-world.ts";
import type { ClusterObjects } from "../objects/cluster-objects.ts";
import { auditCluster } from "./audit-cluster.ts";
import { askedSince } from "./cluster-facts.ts";
import { type Finding, findingKey, type Subject } from "./finding.ts";

export interface PeriodicAuditParts {
  objects: Pick<ClusterObjects, "enis" | "addresses" | "configs" | "subnets">;
  /** None where no fixed addresses are served. */
  claims: () => readonly VpcIPClaim[];
  /** The last reading of everything, each reading another list. */
  cloud: () => readonly Eni[];
  nodes: { list(): Node[] };
  configuredSubnets: () => readonly string[];
  cluster: ClusterIdentity;
  clock: WaitingClock;
  logger: Logger;
  recorder: Pick<EventRecorder, "record">;
}

/**
 * Compares what the leader knows of cloud, objects and agents from time to time. Cloud and objects are never read at one moment, so
 * only what two audits in a row find is told: that did not pass by itself.
 */
export class PeriodicAudit {
  readonly #parts: PeriodicAuditParts;
  #asked: ReadonlyMap<string, number> = new Map();
  #before: ReadonlySet<string> = new Set();
  #told = new Set<string>();
  #findings: readonly Finding[] = [];
  #reading: readonly Eni[] | undefined;

  constructor(parts: PeriodicAuditParts) {
    this.#parts = parts;
  }

  /** What the last two audits have both found. */
  get findings(): readonly Finding[] {
    return this.#findings;
  }

  /** Does nothing where the cloud was not read anew: objects that change meanwhile would differ from an old reading twice. */
  run(): void {
    const { objects, claims, cloud, nodes, configuredSubnets, cluster, clock } = this.#parts;
    const reading = cloud();
    if (reading === this.#reading) return;
    this.#reading = reading;
    const facts = {
      cloud: reading,
      enis: objects.enis.list(),
      addresses: objects.addresses.list(),
      claims: claims(),
      configs: objects.configs.list(),
      subnets: objects.subnets.list(),
      configuredSubnets: configuredSubnets(),
      nodes: nodes.list(),
      cluster,
      now: clock.now(),
    };
    this.#asked = askedSince(this.#asked, facts);
    const findings = auditCluster({ ...facts, asked: this.#asked }).filter(
      ({ severity }) => severity !== "note",
    );
    const keys = new Set(findings.map(findingKey));
    const lasting = findings.filter((finding) => this.#before.has(findingKey(finding)));
    this.#before = keys;
    this.#findings = lasting;
    const told = new Set<string>();
    for (const finding of lasting) {
      const key = findingKey(finding);
      told.add(key);
      if (!this.#told.has(key)) this.#tell(finding);
    }
    this.#told = told;
  }

  #tell({ kind, severity, subject, detail, remedy }: Finding): void {
    const { logger, recorder } = this.#parts;
    logger.warn({ kind, severity, [subject.type]: subject.name, remedy }, detail);
    if (severity !== "quarantined") return;
    const about = referenceOf(subject);
    recorder.record({ about, type: "Warning", reason: "Quarantined", message: `${detail}: ${remedy}` });
  }
}

const KINDS = { eni: "VpcENI", claim: "VpcIPClaim", address: "VpcIP", subnet: "VpcSubnet" } as const;

function referenceOf({ type, name }: Subject): ObjectReference {
  if (type === "node") return nodeReference(name);
  const about = { apiVersion: "networking.tke.cloud.tencent.com/v1", kind: KINDS[type] };
  if (type !== "claim") return { ...about, name };
  const [own, namespace] = nameIn(name);
  return { ...about, namespace, name: own };
}
