/** Where the agent lives on its node. */
export const AGENT_RUN_FOLDER = "/run/tke-eni-agent";
/** In the run folder: touched while the agent serves, for plugins that nobody answers. */
export const SERVED_FILE = "served";
export const AGENT_STATE_FOLDER = "/var/lib/tke-eni-agent";
export const CONFLIST_FILE = "10-tke-route-eni.conflist";
export const NETWORK_NAME = "tke-route-eni";
