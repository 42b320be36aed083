/** API group of every custom resource, as TKE has it. */
export const GROUP = "networking.tke.cloud.tencent.com";
/** The one served and stored version. */
export const VERSION = "v1";
export const API_VERSION = `${GROUP}/${VERSION}`;
