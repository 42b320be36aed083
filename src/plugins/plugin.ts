import type { AttachmentParameters } from "../cni/environment.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import type { Result } from "../cni/result.ts";

/** What one ADD or DEL is asked. */
export interface AttachmentCall {
  readonly attachment: AttachmentParameters;
  readonly configuration: NetworkConfiguration;
}

/** A CNI plugin, without the protocol around it. Failures are CniErrors. */
export interface Plugin {
  /** Idempotent: the same attachment gets the same result, and a half-done one is completed. */
  add(call: AttachmentCall): Promise<Result>;
  /** Idempotent: what is gone already is a success. */
  del(call: AttachmentCall): Promise<void>;
  /** Throws when an ADD with this configuration could not work. */
  status(configuration: NetworkConfiguration): void;
}
