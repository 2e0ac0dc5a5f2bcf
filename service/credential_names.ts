/** Names under which credentials travel: one list for lint, journals, logs and every redaction. */

/** Headers that hold a credential, and who reads them under this name. */
export const CREDENTIAL_HEADERS: Readonly<Record<string, string>> = {
  "authorization": "HTTP (RFC 9110), OpenAI and most model servers",
  "proxy-authorization": "HTTP proxies (RFC 9110)",
  "cookie": "browsers (RFC 6265)",
  "set-cookie": "servers that open a session (RFC 6265)",
  "x-api-key": "Anthropic, and many gateways",
  "api-key": "Azure OpenAI",
  "x-goog-api-key": "Google Gemini",
  "ocp-apim-subscription-key": "Azure API Management",
  "x-amz-security-token": "AWS signatures with temporary keys, Bedrock",
  "x-amzn-oidc-data": "AWS load balancers",
  "x-auth-token": "OpenStack, and many gateways",
  "x-goog-iap-jwt-assertion": "Google Identity-Aware Proxy",
  "cf-access-jwt-assertion": "Cloudflare Access",
  "sec-websocket-protocol": "OpenAI's Realtime API, from browsers: openai-insecure-api-key.KEY",
};

/** Words that make any name one of a credential, wherever they stand in it. */
const SECRET_WORDS = new Set([
  ...["authorization", "apikey", "accesskey", "secretkey", "cookie", "secret", "password"],
  ...["passwd", "passphrase", "credential", "credentials", "jwt", "accesstoken", "authtoken"],
  ...["idtoken", "refreshtoken", "sessiontoken", "bearer", "dpop", "pwd"],
]);

/** Words after which `key` is a credential, and no key of a cache or a route. */
const KEY_OWNERS = new Set([
  ...["api", "access", "secret", "private", "subscription", "auth", "master", "admin", "virtual"],
  ...["service", "account", "app", "application", "client", "license", "signing", "encryption"],
  ...["functions", "rapidapi", "provider", "gateway", "llm", "openai", "anthropic", "claude"],
  ...["google", "gemini", "vertex", "azure", "aws", "bedrock", "mistral", "cohere", "groq", "xai"],
  ...["openrouter", "deepseek", "together", "fireworks", "perplexity", "huggingface", "hf"],
  ...["litellm", "portkey", "helicone", "langfuse", "ssh", "pgp"],
]);

/** Words that make a name one of a credential when they end it: `x-vault-token`, `helicone-auth`. */
const SECRET_ENDS = new Set(["token", "auth", "authentication", "pass", "pat"]);

/** Query parameters that hold a credential by themselves: short names, and those of signed URLs. */
const CREDENTIAL_PARAMETERS = new Set(["key", "sig", "signature", "auth", "code", "sas"]);

/**
 * Tells whether a header's value is a credential, by its name in any case: one of {@linkcode CREDENTIAL_HEADERS}, or a
 * name that says so (`x-acme-api-key`, `x-forwarded-access-token`, `vault_token`). Counters of model tokens
 * (`x-ratelimit-remaining-tokens`) and the token in the middle of a name (`x-token-count`) are none.
 */
export function isCredentialHeader(name: string): boolean {
  const lower = name.toLowerCase();
  if (Object.hasOwn(CREDENTIAL_HEADERS, lower)) return true;
  return saysCredential(lower.split(/[^a-z0-9]+/));
}

/** Tells whether a query parameter's value is a credential: `key` (Gemini), `api_key`, `access_token`, `sig` (Azure). */
export function isCredentialParameter(name: string): boolean {
  // `key[]` and `key[0]` are how forms repeat a name.
  const plain = name.replace(/(?:\[\w*\])+$/, "");
  const lower = plain.toLowerCase();
  const words = plain.replaceAll(/([a-z0-9])([A-Z])|([A-Z])([A-Z][a-z])/g, "$1$3 $2$4")
    .toLowerCase().split(/[^a-z0-9]+/);
  return CREDENTIAL_PARAMETERS.has(lower) || isCredentialHeader(lower) || saysCredential(words) ||
    words.at(-1) === "signature";
}

function saysCredential(words: readonly string[]): boolean {
  return words.some((word) => SECRET_WORDS.has(word)) || SECRET_ENDS.has(words.at(-1) ?? "") ||
    words.some((word, index) => word === "key" && KEY_OWNERS.has(words[index - 1] ?? ""));
}
