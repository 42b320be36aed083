/** How a message of ipamd's names the cloud's id of a request, which is another at each attempt: to be put after what the cloud said. */
export function requestSuffix(requestId: string): string {
  return requestId === "" ? "" : `, request ${requestId}`;
}

/** The message without that: the same for each attempt that fails alike, as an Event that is counted must be. */
export function withoutRequest(message: string): string {
  return message.replace(/, request [\w-]+/, "");
}
