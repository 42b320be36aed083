import { CniError, CODES } from "../cni/error.ts";
import type { NetworkConfiguration } from "../cni/network-configuration.ts";

/** The only IPAM type, both as an executable and inside tke-route-eni. */
export const IPAM_TYPE = "tke-eni-ipamc";

const DEFAULT_BACKEND = "unix:///run/tke-eni-agent/cni.sock";
const DEFAULT_RELEASES = "/var/lib/tke-eni-agent/releases";

/** Where the agent's address API listens. */
export type Backend = { readonly socket: string } | { readonly host: string };

export interface IpamConfiguration {
  readonly backend: Backend;
  /** Folder for the releases that could not be told to the agent. */
  readonly releases: string;
}

/**
 * Reads the `ipam` object: `{"type": "tke-eni-ipamc", "backend": "unix:///run/tke-eni-agent/cni.sock"}`. A backend is
 * `unix://PATH`, a plain path, or `HOST:PORT`.
 * @throws CniError 2 for another type, 7 for a key that breaks its rule.
 */
export function parseIpamConfiguration({ ipam, own }: NetworkConfiguration): IpamConfiguration {
  if (ipam === undefined) throw own.invalid("ipam", `must be an object like {"type": "${IPAM_TYPE}"}`);
  const type = ipam.requiredString("type");
  if (type !== IPAM_TYPE) {
    throw new CniError(
      CODES.unsupportedField,
      `network configuration: ipam.type is "${type}", and only "${IPAM_TYPE}" is supported`,
    );
  }
  const backend = parseBackend(ipam.string("backend") ?? DEFAULT_BACKEND);
  if (backend === undefined) {
    throw ipam.invalid("backend", "must be unix:// and an absolute path, an absolute path, or HOST:PORT");
  }
  const releases = ipam.string("releases") ?? DEFAULT_RELEASES;
  if (!releases.startsWith("/")) throw ipam.invalid("releases", "must be an absolute path");
  return { backend, releases };
}

/** The backend as people write it. */
export function formatBackend(backend: Backend): string {
  return "socket" in backend ? backend.socket : backend.host;
}

function parseBackend(text: string): Backend | undefined {
  const path = text.startsWith("unix://") ? text.slice("unix://".length) : text;
  if (path.startsWith("/")) return { socket: path };
  return /^([a-z0-9.-]+|\[[0-9a-f:]+\]):\d{1,5}$/i.test(text) ? { host: text } : undefined;
}
