import type { Logger } from "../../kube/logger.ts";
import { CONFIGURATION_REFERENCE } from "../configuration/configuration.ts";
import type { Notices } from "../signals/notices.ts";
import type { SubnetBook } from "./subnet-book.ts";

export interface SubnetUpkeepParts {
  subnets: Pick<SubnetBook, "refresh" | "publish" | "full" | "hasChanged">;
  notices: Notices;
  logger: Logger;
  /** Called when a subnet that was full has addresses again: nodes that could not grow can now. */
  emptied: () => void;
}

/** Keeps the subnet book and its objects up to date, and tells what is in the way of that, once each. */
export class SubnetUpkeep {
  readonly #parts: SubnetUpkeepParts;
  readonly #failures = new Map<"reading" | "writing", string>();
  #lastUnknown = "";

  constructor(parts: SubnetUpkeepParts) {
    this.#parts = parts;
  }

  /** @throws CloudError, or KubeError, when the subnets cannot be read or published */
  async readFirst(): Promise<void> {
    this.#tellUnknown(await this.#parts.subnets.refresh());
  }

  async refresh(): Promise<void> {
    const { subnets, emptied } = this.#parts;
    const full = subnets.full();
    try {
      this.#tellUnknown(await subnets.refresh());
    } catch (error) {
      this.#failed("reading", error);
      return;
    }
    this.#failures.delete("reading");
    if (full.some((id) => !subnets.full().includes(id))) emptied();
  }

  /** How far a subnet has drained shows in our own objects: telling it needs no reading. */
  async look(): Promise<void> {
    await (this.#parts.subnets.hasChanged() ? this.refresh() : this.publish());
  }

  async publish(): Promise<void> {
    try {
      await this.#parts.subnets.publish();
      this.#failures.delete("writing");
    } catch (error) {
      this.#failed("writing", error);
    }
  }

  /** Once for each failure, not at every attempt while it lasts. */
  #failed(act: "reading" | "writing", error: unknown): void {
    const message = error instanceof Error ? error.message : String(error);
    if (message !== this.#failures.get(act)) {
      const objects = act === "reading" ? "subnets" : "VpcSubnets";
      this.#parts.logger.warn(
        { err: error },
        `${act} the ${objects} failed; it is tried again until it works`,
      );
    }
    this.#failures.set(act, message);
  }

  #tellUnknown(subnetIds: readonly string[]): void {
    const { logger, notices } = this.#parts;
    const about = CONFIGURATION_REFERENCE;
    const unknown = subnetIds.join(", ");
    if (unknown === this.#lastUnknown) return;
    this.#lastUnknown = unknown;
    notices.over("unknown subnets", about);
    if (unknown === "") return;
    const message = `the cloud knows no subnet ${unknown}: correct TKE_ENI_IPAMD_SUBNET_ID of ConfigMap tke-eni-ipamd; no subnet is drained until then`;
    logger.error({ subnets: subnetIds }, message);
    notices.tell("unknown subnets", { about, type: "Warning", reason: "UnknownSubnet", message });
  }
}
