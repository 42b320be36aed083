import { expect, it } from "bun:test";
import { type Finding, findingKey } from "./finding.ts";
import { printFindings } from "./print-findings.ts";

const findings: Finding[] = [
  {
    kind: "foreign-eni",
    severity: "quarantined",
    subject: { type: "eni", name: "eni-1" },
    detail: "eni-1 is another cluster's",
    remedy: "ipamd never touches it",
  },
  {
    kind: "address-without-object",
    severity: "repairs-itself",
    subject: { type: "address", name: "10.0.16.5" },
    detail: "10.0.16.5 has no VpcIP",
    remedy: "ipamd makes it",
  },
];

it("printFindings() makes a table for people", () => {
  expect(printFindings(findings)).toBe(
    [
      "SEVERITY        SUBJECT            KIND",
      "quarantined     eni/eni-1          foreign-eni",
      "    eni-1 is another cluster's",
      "    -> ipamd never touches it",
      "repairs-itself  address/10.0.16.5  address-without-object",
      "    10.0.16.5 has no VpcIP",
      "    -> ipamd makes it",
      "",
      "1 wait for a person, 1 repair themselves, 0 to know of.",
      "",
    ].join("\n"),
  );
  expect(printFindings([])).toBe("Cloud, objects and agents agree.\n");
});

it("printFindings() makes JSON for programs", () => {
  expect(JSON.parse(printFindings(findings, { output: "json" }))).toEqual(findings);
});

it("findingKey() tells findings apart by what they are and whom they are about", () => {
  expect(new Set(findings.map(findingKey)).size).toBe(2);
});
