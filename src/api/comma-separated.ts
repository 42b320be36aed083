/** What stands between the commas of a text, without the space around it; nothing for what is empty. */
export function commaSeparated(text: string): string[] {
  return text
    .split(",")
    .map((part) => part.trim())
    .filter((part) => part !== "");
}
