import { InvalidArgumentError } from "commander";

/** Reads "HOST:PORT", an IPv6 address in brackets. @param example shown where it is neither @throws InvalidArgumentError */
export function hostAndPort(example: string): (text: string) => { hostname: string; port: number } {
  return (text) => {
    const [, hostname = "", port = ""] = /^\[?(.*?)\]?:(\d{1,5})$/.exec(text) ?? [];
    if (hostname === "" || Number(port) > 65_535) {
      throw new InvalidArgumentError(`It must be an address and a port such as "${example}".`);
    }
    return { hostname, port: Number(port) };
  };
}
