/**
 * The instance that a Node's providerID names, as Tencent Cloud's cloud provider writes it: `qcloud:///ZONE/ins-…`.
 * Undefined when there is none, or it is another provider's.
 */
export function instanceIdOf(providerId: string | undefined): string | undefined {
  return /^qcloud:\/\/\/[^/]*\/(ins-[a-z0-9]+)$/.exec(providerId ?? "")?.[1];
}
