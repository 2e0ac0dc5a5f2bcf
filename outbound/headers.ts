/** Headers that a stranger may not put into a request of ours. */

/**
 * Headers of the connection (RFC 9110 section 7.6.1), of who asks for whom, and those by which the metadata services of
 * clouds tell a program's request from a forged one (AWS IMDSv2, Azure, Google).
 */
const REFUSED = new Set([
  ...["connection", "content-length", "expect", "host", "keep-alive", "proxy-authorization"],
  ...["proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "via"],
  ...["forwarded", "x-real-ip", "x-tenant", "x-request-id"],
  ...["metadata", "metadata-flavor", "x-google-metadata-request", "x-metadata-token"],
]);
const REFUSED_PREFIXES = ["x-forwarded-", "x-aws-ec2-metadata-", "x-envoy-", "x-llm-", "proxy-"];

/** RFC 9110 section 5.1 and 5.5: a token, and no control characters. */
const NAME = /^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/;
// deno-lint-ignore no-control-regex -- they are what is refused
const VALUE = /^[^\x00-\x08\x0a-\x1f\x7f]*$/;

/** The name of the first header that a stranger may not set, or undefined. */
export function refusedHeader(headers: Readonly<Record<string, string>>): string | undefined {
  return Object.entries(headers).find(([name, value]) => {
    const lower = name.toLowerCase();
    return !NAME.test(name) || typeof value !== "string" || !VALUE.test(value) ||
      REFUSED.has(lower) || REFUSED_PREFIXES.some((prefix) => lower.startsWith(prefix));
  })?.[0];
}
