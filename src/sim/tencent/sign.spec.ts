import { describe, expect, it } from "bun:test";
import { dateOf, tc3Signature } from "./sign.ts";

describe("tc3Signature()", () => {
  it("is that of the documentation's example", () => {
    const request = {
      method: "POST",
      path: "/",
      query: "",
      headers: [
        ["Content-Type", "application/json; charset=utf-8"],
        ["Host", "cvm.tencentcloudapi.com"],
      ] as const,
      body: '{"Limit": 1, "Filters": [{"Values": ["\\u672a\\u547d\\u540d"], "Name": "instance-name"}]}',
      timestamp: 1551113065,
      service: "cvm",
    };
    expect(tc3Signature(request, "Gu5t9xGARNpq86cd98joQYCN3*******")).toBe(
      "2230eefd229f582d8b1b891af7107b91597240707d778ab3738f756258d7652c",
    );
  });
});

describe("dateOf()", () => {
  it("is the date in UTC", () => {
    expect(dateOf(1551113065)).toBe("2019-02-25");
  });
});
