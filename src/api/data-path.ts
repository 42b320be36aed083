/** Numbers of the data path that the agent, the plugins' answers and people share (docs/design/data-path.md). */

/** Routing table of all pods' host routes, looked up by one rule of the same preference. */
export const PODS_TABLE = 512;
/** An ENI's table, and the group of its pods' veths, is this plus the ifindex at which the ENI was first seen. */
export const ENI_TABLE_BASE = 4000;
/** Of the rule by which a pod sends whose link another plugin made: by its address, since no group tells whose it is. */
export const FOREIGN_SENDER_PREFERENCE = 1540;
/** Group of links that a CNI DEL has retired: the agent deletes the whole group at once. */
export const TRASH_GROUP = 3999;
/** The kernel's limit for an interface alias, which holds the container's id, and a margin; the name of a queued release holds it too. */
export const LONGEST_CONTAINER_ID = 200;
/** Bits of the packet and conntrack mark that carry the number of an ENI. */
export const MARK_MASK = 0xf0;
export const MARK_SHIFT = 4;
/** ENIs are numbered 1 to 14; 15 stands for the node's primary interface. */
export const MAX_ENI_NUMBER = 14;
export const PRIMARY_NUMBER = 15;
