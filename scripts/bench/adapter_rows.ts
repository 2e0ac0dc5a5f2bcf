/** Figures of an adapter: what it adds until a provider's first token, beside the provider asked directly. */
import { startAdapter } from "../../adapters/mod.ts";
import type { Effort } from "./gateway_rows.ts";
import { firstTokenClient, type FirstTokenRequest } from "./first_token.ts";
import { median, type Row } from "./row.ts";
import { programCommand, startMock } from "./stack.ts";

/** Requests in a row for one median of the first-token time. */
const FIRST_TOKENS = 300;

const QUESTION = {
  model: "claude-sonnet-4-5",
  max_tokens: 100,
  stream: true,
  messages: [{ role: "user", content: "Hello" }],
};

/** Whoever translates reads the whole first piece: both ways wait for the same words. */
const HEADERS = ["x-mock-pace: 0"];

const DIRECT: FirstTokenRequest = {
  path: "/v1/messages",
  headers: ["anthropic-version: 2023-06-01", ...HEADERS],
  body: JSON.stringify(QUESTION),
  until: "text_delta",
};

const ADAPTED: FirstTokenRequest = {
  headers: HEADERS,
  body: JSON.stringify(QUESTION),
  until: "chat.completion.chunk",
};

/** Added first-token time of the adapter for Anthropic, before the mock. */
export async function adapterRows(effort: Effort): Promise<Row[]> {
  await using mock = await startMock(programCommand());
  const url = mock.ready.upstream;
  await using adapter = await startAdapter({
    provider: "anthropic",
    baseUrl: `${url}/v1`,
    env: () => "a key of the bench",
  });
  using through = await firstTokenClient(adapter.url, ADAPTED);
  using direct = await firstTokenClient(url, DIRECT);
  const added: number[] = [];
  const directMedians: number[] = [];
  for (let run = 0; run < effort.runs; run++) {
    const samples = { through: [] as number[], direct: [] as number[] };
    for (let n = 0; n < FIRST_TOKENS; n++) {
      samples.through.push(await through.measure());
      samples.direct.push(await direct.measure());
    }
    added.push(median(samples.through) - median(samples.direct));
    directMedians.push(median(samples.direct));
  }
  return [{
    name: "adapter: added first-token time beside the provider",
    unit: "ms",
    value: median(added),
    beside: { name: "mock in Anthropic's dialect, whole", value: median(directMedians) },
    ratio: median(added) / median(directMedians),
    runs: effort.runs,
    samples: added,
  }];
}
