import type { AttachmentParameters } from "../cni/environment.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";
import type { Result } from "../cni/result.ts";

/** What every command but VERSION is asked. */
export interface NetworkCall {
  readonly configuration: NetworkConfiguration;
  /** The environment variables, which a delegated plugin is given as they are. */
  readonly variables: Readonly<Record<string, string | undefined>>;
}

/** What one ADD, DEL or CHECK is asked. */
export interface AttachmentCall extends NetworkCall {
  readonly attachment: AttachmentParameters;
}

/** A CNI plugin, without the protocol around it. Failures are CniErrors. */
export interface Plugin {
  /** Idempotent: the same attachment gets the same result, and a half-done one is completed. */
  add(call: AttachmentCall): Promise<Result>;
  /** Idempotent: what is gone already is a success. */
  del(call: AttachmentCall): Promise<void>;
  /** Throws one error that names all that differs from what ADD made. */
  check(call: AttachmentCall): Promise<void>;
  /** Takes away what is left of attachments of this network that the runtime does not name any more. */
  gc(call: NetworkCall): Promise<void>;
  /** Throws when an ADD with this configuration could not work. */
  status(call: NetworkCall): Promise<void>;
}
