/** Where the agent lives on its node. */
export const AGENT_RUN_FOLDER = "/run/tke-eni-agent";
/** Connect over HTTP/1.1, for the plugins. */
export const CNI_SOCKET = `${AGENT_RUN_FOLDER}/cni.sock`;
/** gRPC over HTTP/2, for everybody else. */
export const GRPC_SOCKET = `${AGENT_RUN_FOLDER}/agent.sock`;
export const AGENT_STATE_FOLDER = "/var/lib/tke-eni-agent";
/** Releases that plugins queued while the agent was away, one JSON file each. */
export const RELEASES_FOLDER = `${AGENT_STATE_FOLDER}/releases`;
export const CONFLIST_FILE = "10-tke-route-eni.conflist";
export const NETWORK_NAME = "tke-route-eni";
