/**
 * Whether a text may be a container's id or a network's name: a letter or digit, then letters, digits, `_`, `.` and `-` (CNI
 * specification, "Section 1" and "Section 2"). Not by a regular expression: the first use of one costs a plugin 20 to 50 microseconds.
 */
export function isName(text: string): boolean {
  for (let at = 0; at < text.length; at++) {
    const code = text.charCodeAt(at);
    if (!isLetterOrDigit(code) && (at === 0 || !(code === 0x5f || code === 0x2e || code === 0x2d)))
      return false;
  }
  return text !== "";
}

function isLetterOrDigit(code: number): boolean {
  return (code >= 0x61 && code <= 0x7a) || (code >= 0x30 && code <= 0x39) || (code >= 0x41 && code <= 0x5a);
}
