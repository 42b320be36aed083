/** Field managers of server-side apply. Each field of an object has one of these two as its only writer. */
export const IPAMD_MANAGER = "tke-eni-ipamd";
export const AGENT_MANAGER = "tke-eni-agent";
