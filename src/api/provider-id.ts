/**
 * The instance that a Node's providerID names, as Tencent Cloud's cloud provider writes it: `qcloud:///ZONE/ins-…`.
 *
 * @returns undefined when there is no providerID, or it is another provider's
 */
export function instanceOfProviderId(providerId: string | undefined): string | undefined {
  return /^qcloud:\/\/\/[^/]*\/(ins-[a-z0-9]+)$/.exec(providerId ?? "")?.[1];
}
