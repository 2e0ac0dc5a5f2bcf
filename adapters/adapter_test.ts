import assert from "node:assert/strict";
import { createHash, createHmac } from "node:crypto";
import { startAdapter } from "./mod.ts";

/** A provider that records what it is asked, and answers what the test says. */
function startProvider(answer: (request: Request) => Response | Promise<Response>) {
  const asked: { headers: Headers; path: string; text: string; body: unknown }[] = [];
  const server = Deno.serve({ port: 0, hostname: "127.0.0.1", onListen() {} }, async (request) => {
    const { headers, url } = request;
    const text = await request.clone().text();
    asked.push({ headers, path: new URL(url).pathname, text, body: JSON.parse(text) });
    return await answer(request);
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    asked,
    [Symbol.asyncDispose]: () => server.shutdown(),
  };
}

const MESSAGE = {
  id: "msg_1",
  type: "message",
  role: "assistant",
  model: "claude-sonnet-4-5",
  content: [{ type: "text", text: "Hi" }],
  stop_reason: "end_turn",
  stop_sequence: null,
  usage: { input_tokens: 3, output_tokens: 1 },
};

const post = (url: string, body: unknown, headers: Record<string, string> = {}) =>
  fetch(`${url}/v1/chat/completions`, {
    method: "POST",
    headers: { "content-type": "application/json", ...headers },
    body: typeof body === "string" ? body : JSON.stringify(body),
  });

const HELLO = { model: "gpt-5", messages: [{ role: "user", content: "Hello" }] };

Deno.test("names are mapped, the answer keeps the client's; the own key goes out, and the client's does not", async () => {
  await using provider = startProvider(() => Response.json(MESSAGE));
  await using adapter = await startAdapter({
    provider: "anthropic",
    baseUrl: `${provider.url}/v1`,
    models: { "gpt-5": "claude-sonnet-4-5" },
    env: (name) => name === "ANTHROPIC_API_KEY" ? "sk-own" : undefined,
  });
  const answer = await post(adapter.url, HELLO, {
    authorization: "Bearer sk-of-the-gateway",
    traceparent: "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01",
  });
  const { model, choices } = await answer.json();
  assert.equal(model, "gpt-5");
  assert.equal(choices[0].message.content, "Hi");
  const [{ headers, path, body }] = provider.asked as [typeof provider.asked[number]];
  assert.equal(path, "/v1/messages");
  assert.equal((body as { model: string }).model, "claude-sonnet-4-5");
  assert.equal(headers.get("x-api-key"), "sk-own");
  assert.equal(headers.get("authorization"), null);
  assert.match(headers.get("traceparent") ?? "", /^00-0af7651916cd43dd/);
  const unknown = await post(adapter.url, { ...HELLO, model: "gpt-4" });
  assert.equal(unknown.status, 404);
  assert.equal((await unknown.json()).error.code, "model_not_found");
  const models = await (await fetch(`${adapter.url}/v1/models`)).json();
  assert.deepEqual(models.data.map(({ id }: { id: string }) => id), ["gpt-5"]);
});

Deno.test("without a key of its own the request's is used, and without any the answer is 401", async () => {
  await using provider = startProvider(() => Response.json(MESSAGE));
  const baseUrl = `${provider.url}/v1`;
  await using adapter = await startAdapter({ provider: "anthropic", baseUrl });
  const answer = await post(adapter.url, HELLO, { authorization: "Bearer sk-of-the-client" });
  await answer.body?.cancel();
  assert.equal(provider.asked[0]?.headers.get("x-api-key"), "sk-of-the-client");
  const refused = await post(adapter.url, HELLO);
  assert.equal(refused.status, 401);
  assert.equal((await refused.json()).error.code, "missing_credentials");
  assert.equal(provider.asked.length, 1);
});

Deno.test("on every interface the own key is nobody's", async () => {
  await using provider = startProvider(() => Response.json(MESSAGE));
  await using adapter = await startAdapter({
    provider: "anthropic",
    host: "0.0.0.0",
    baseUrl: `${provider.url}/v1`,
    env: () => "sk-own",
  });
  const answer = await post(adapter.url.replace("0.0.0.0", "127.0.0.1"), HELLO);
  assert.equal(answer.status, 401);
  await answer.body?.cancel();
  assert.equal(provider.asked.length, 0);
});

const REFUSED: readonly { title: string; body: unknown; param: string | null }[] = [
  { title: "no JSON", body: "{", param: null },
  { title: "no model", body: { messages: HELLO.messages }, param: "model" },
  { title: "no messages", body: { model: "m", messages: [] }, param: "messages" },
  { title: "a message of null", body: { model: "m", messages: [null] }, param: "messages" },
  { title: "two answers", body: { ...HELLO, n: 2 }, param: "n" },
  { title: "log probabilities", body: { ...HELLO, logprobs: true }, param: "logprobs" },
  {
    title: "audio",
    body: { model: "m", messages: [{ role: "user", content: [{ type: "input_audio" }] }] },
    param: "messages[0].content[0].type",
  },
  {
    title: "a file of this machine",
    body: {
      model: "m",
      messages: [{
        role: "user",
        content: [{ type: "image_url", image_url: { url: "file:///etc/passwd" } }],
      }],
    },
    param: "messages[0].content[0].image_url.url",
  },
  {
    title: "arguments that are no JSON",
    body: {
      model: "m",
      messages: [{
        role: "assistant",
        tool_calls: [{ id: "c", type: "function", function: { name: "f", arguments: "{" } }],
      }],
    },
    param: "messages[0].tool_calls[0].function.arguments",
  },
  {
    title: "the result of no call",
    body: { model: "m", messages: [{ role: "tool", tool_call_id: "c", content: "x" }] },
    param: "messages[0].tool_call_id",
  },
];

Deno.test.each(REFUSED)(
  "a request with $title is refused, and names the field",
  async ({ body, param }) => {
    await using adapter = await startAdapter({
      provider: "gemini",
      baseUrl: "http://127.0.0.1:1/v1beta",
      env: () => "key",
    });
    const answer = await post(adapter.url, body);
    assert.equal(answer.status, 400);
    const { error } = await answer.json();
    assert.equal(error.type, "invalid_request_error");
    assert.equal(error.param, param);
  },
);

Deno.test("a provider that does not answer is 502, and one that limits keeps its status and its words", async () => {
  await using nobody = await startAdapter({
    provider: "anthropic",
    baseUrl: "http://127.0.0.1:1/v1",
    env: () => "key",
  });
  const unreachable = await post(nobody.url, { ...HELLO, stream: true });
  assert.equal(unreachable.status, 502);
  await unreachable.body?.cancel();
  await using provider = startProvider(() =>
    Response.json({ type: "error", error: { type: "rate_limit_error", message: "Slow down" } }, {
      status: 429,
      headers: { "retry-after": "7" },
    })
  );
  await using adapter = await startAdapter({
    provider: "anthropic",
    baseUrl: `${provider.url}/v1`,
    env: () => "key",
  });
  const limited = await post(adapter.url, { ...HELLO, stream: true });
  assert.equal(limited.status, 429);
  assert.equal(limited.headers.get("retry-after"), "7");
  assert.equal((await limited.json()).error.message, "Slow down");
  // The SDK's own function would ask again by itself; fallback is Envoy's business.
  assert.equal(provider.asked.length, 1);
});

/** The `authorization` of a request by Signature Version 4 (AWS, "Create a signed AWS API request"), with node:crypto. */
function signatureOf(
  { headers, path, text }: { headers: Headers; path: string; text: string },
  env: Readonly<Record<string, string>>,
): string {
  const sha256 = (value: string) => createHash("sha256").update(value).digest("hex");
  const hmac = (key: string | Uint8Array, value: string) =>
    createHmac("sha256", key).update(value).digest();
  const time = headers.get("x-amz-date") ?? "";
  const scope = `${time.slice(0, 8)}/${env.AWS_REGION}/bedrock/aws4_request`;
  const signed = /SignedHeaders=([^,]+)/.exec(headers.get("authorization") ?? "")?.[1] ?? "";
  assert.ok(signed.split(";").includes("host"), signed);
  const canonical = [
    "POST",
    // Every service but S3 encodes the path once more.
    path.split("/").map(encodeURIComponent).join("/"),
    "",
    ...signed.split(";").map((name) => `${name}:${headers.get(name)}`),
    "",
    signed,
    headers.get("x-amz-content-sha256") ?? sha256(text),
  ].join("\n");
  const toSign = ["AWS4-HMAC-SHA256", time, scope, sha256(canonical)].join("\n");
  const key = scope.split("/").reduce<string | Uint8Array>(
    (secret, part) => hmac(secret, part),
    `AWS4${env.AWS_SECRET_ACCESS_KEY}`,
  );
  const signature = createHmac("sha256", key).update(toSign).digest("hex");
  return `AWS4-HMAC-SHA256 Credential=${env.AWS_ACCESS_KEY_ID}/${scope}, ` +
    `SignedHeaders=${signed}, Signature=${signature}`;
}

Deno.test("Bedrock: requests are signed for the region, by AWS credentials or a key of Bedrock's own", async () => {
  await using provider = startProvider(() =>
    Response.json({
      output: { message: { role: "assistant", content: [{ text: "Hi" }] } },
      stopReason: "end_turn",
      usage: { inputTokens: 3, outputTokens: 1, totalTokens: 4 },
    })
  );
  const aws: Record<string, string> = {
    AWS_ACCESS_KEY_ID: "AKIDEXAMPLE",
    AWS_SECRET_ACCESS_KEY: "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY",
    AWS_REGION: "eu-central-1",
  };
  const start = (env: Record<string, string>) =>
    startAdapter({ provider: "bedrock", baseUrl: provider.url, env: (name) => env[name] });
  const asked = { ...HELLO, model: "eu.anthropic.claude-sonnet-4-5-v1:0" };
  await using signing = await start(aws);
  const answer = await post(signing.url, asked);
  assert.equal((await answer.json()).choices[0].message.content, "Hi");
  const [first] = provider.asked;
  const date = first?.headers.get("x-amz-date") ?? "";
  assert.match(
    first?.path ?? "",
    /^\/model\/eu\.anthropic\.claude-sonnet-4-5-v1(:|%3A)0\/converse$/,
  );
  assert.match(date, /^\d{8}T\d{6}Z$/);
  assert.ok(first !== undefined);
  assert.equal(first.headers.get("authorization"), signatureOf(first, aws));
  await using keyed = await start({ AWS_BEARER_TOKEN_BEDROCK: "key", AWS_REGION: "eu-central-1" });
  await (await post(keyed.url, asked)).body?.cancel();
  assert.equal(provider.asked[1]?.headers.get("authorization"), "Bearer key");
});
