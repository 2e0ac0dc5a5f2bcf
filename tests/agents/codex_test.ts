/** OpenAI's Codex CLI at its defaults, behind the base profile and the Responses profile. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { type Gateway, singleUpstream } from "../../gateway/mod.ts";
import { responsesProfile } from "../../gateway/profiles/mod.ts";
import { defaultConfig } from "../../responses/mod.ts";
import type { Upstream } from "../../upstream/mod.ts";
import { startTestGateway } from "../testing/stack.ts";
import { setUpCodex } from "./codex.ts";
import {
  chat,
  type Dialect,
  type ModelTurn,
  play,
  responses,
  TURN_HEADERS,
} from "./model_turns.ts";

interface Place extends AsyncDisposable {
  readonly url: string;
  readonly mock: Upstream;
}

function placeOf(gateway: Gateway): Place {
  const [mock] = gateway.part.mocks;
  assert.ok(mock !== undefined);
  return { url: gateway.url, mock, [Symbol.asyncDispose]: () => gateway[Symbol.asyncDispose]() };
}

const PLACES: readonly {
  readonly profile: string;
  readonly dialect: Dialect;
  start(): Promise<Place>;
}[] = [
  {
    profile: "base",
    dialect: responses,
    start: async () => placeOf(await startTestGateway({ profile: singleUpstream() })),
  },
  {
    profile: "responses",
    dialect: chat,
    async start() {
      const config = defaultConfig();
      const forward_headers = ["x-request-id", ...Object.keys(TURN_HEADERS)];
      const engine = { ...config.engine, forward_headers };
      const profile = responsesProfile({ config: { ...config, engine } });
      return placeOf(await startTestGateway({ profile }));
    },
  },
];

for (const { profile, dialect, start } of PLACES) {
  const turns = (mock: Upstream, taken: readonly ModelTurn[]) => play(mock, dialect, taken);

  Deno.test(`Codex gets an answer, has a call executed, and goes on, in profile ${profile}`, async () => {
    await using place = await start();
    await using codex = await setUpCodex(place.url, { headers: TURN_HEADERS });
    const call = { name: "exec_command", arguments: { cmd: "echo made > made.txt" } };
    const played = turns(place.mock, [{ call }, { text: "It is made." }]);
    const first = await codex.turn("make it");
    await played;
    assert.equal(first.code, 0, first.wrong);
    assert.equal(first.said, "It is made.");
    assert.equal(await Deno.readTextFile(join(codex.folder, "made.txt")), "made\n");
    const again = turns(place.mock, [{ text: "As I said." }]);
    const second = await codex.turn("and now?", ["resume", "--last"]);
    await again;
    assert.equal(second.said, "As I said.", second.wrong);
  });

  Deno.test(`Codex prints the words of a denial, and of 429, in profile ${profile}`, async () => {
    await using place = await start();
    const denials = [["nobody", /invalid_api_key|API key/], [
      "quota-key",
      /429 Too Many Requests/,
    ]] as const;
    for (const [key, words] of denials) {
      await using codex = await setUpCodex(place.url, { key });
      const { code, wrong, said } = await codex.turn("hello");
      assert.notEqual(code, 0, key);
      assert.match(wrong, words);
      assert.equal(said, "");
    }
    assert.equal(place.mock.journal.entries().filter(({ method }) => method === "POST").length, 0);
  });

  Deno.test(`Codex takes a stream that is cut for a failure, in profile ${profile}`, async () => {
    await using place = await start();
    await using codex = await setUpCodex(place.url, { headers: TURN_HEADERS });
    const played = turns(place.mock, [{ text: "half an ans", cut: true }]);
    const { code, events, wrong } = await codex.turn("hello");
    await played;
    assert.notEqual(code, 0);
    assert.notEqual(wrong, "");
    assert.equal(events.at(-1)?.type, "turn.failed");
  });
}
