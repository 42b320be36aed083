import { Client as CvmClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/cvm/v20170312/cvm_client.js";
import { Client as TagClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/tag/v20180813/tag_client.js";
import { Client as VpcClient } from "tencentcloud-sdk-nodejs/tencentcloud/services/vpc/v20170312/vpc_client.js";
import { credentialFailure, sdkFailure } from "./failure.ts";
import { type Send, WireVpc } from "./wire-vpc.ts";

export interface TencentCredential {
  secretId: string;
  secretKey: string;
  /** Of temporary credentials. */
  token?: string;
}

export interface TencentVpcOptions {
  region: string;
  /** Asked before each call, so that rotated credentials need no restart. */
  credential: () => Promise<TencentCredential>;
  /** "https" everywhere but against a simulator. */
  protocol: "https" | "http";
  /**
   * Domain under which each product has a host of its own, such as "tencentcloudapi.com" or "internal.tencentcloudapi.com"; an
   * address ("169.254.0.55", "127.0.0.1:8080") is a simulator that has them all.
   */
  domain: string;
  /** Milliseconds that one call may take. */
  timeoutMs: number;
}

/** The APIs of Tencent Cloud through the official SDK. */
export class TencentVpc extends WireVpc {
  constructor(options: TencentVpcOptions) {
    super({ send: sendBySdk(options), region: options.region });
  }
}

/**
 * Calls with a deadline, their failures typed. The SDK's own methods take no signal; `request`, which they call, does. The
 * credential is read once more before, because the SDK would report one that cannot be read as it reports a connection that broke.
 */
function sendBySdk(options: TencentVpcOptions): Send {
  const config = (product: string) => ({
    credential: { getCredential: options.credential },
    region: options.region,
    profile: {
      httpProfile: {
        protocol: `${options.protocol}://`,
        endpoint: /^[0-9.]+(:\d+)?$/.test(options.domain) ? options.domain : `${product}.${options.domain}`,
        reqTimeout: Math.ceil(options.timeoutMs / 1000),
      },
    },
  });
  const clients = {
    vpc: new VpcClient(config("vpc")),
    cvm: new CvmClient(config("cvm")),
    tag: new TagClient(config("tag")),
  };
  return async (product, action, parameters) => {
    try {
      await options.credential();
    } catch (cause) {
      throw credentialFailure(action, cause);
    }
    try {
      return await clients[product].request(action, parameters, {
        signal: AbortSignal.timeout(options.timeoutMs),
      });
    } catch (cause) {
      throw sdkFailure(action, cause);
    }
  };
}
