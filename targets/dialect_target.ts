/** A gateway that translates between wire formats as a target: only its upstream is ours, and it speaks every dialect. */
import type { Credentials, DialectPair, Target } from "../conformance/mod.ts";
import {
  assertPortFree,
  type Log,
  messageOf,
  signNonce,
  UnavailableError,
} from "../service/mod.ts";
import { startUpstream } from "../upstream/mod.ts";
import { type Declared, withDeclared } from "./declared.ts";
import { FOREIGN_EXPECTATIONS } from "./foreign.ts";
import { TARGET_JOURNAL_LIMIT } from "./own_target.ts";

/** A gateway that translates, and where it finds our upstream. */
export interface DialectTargetOptions {
  /** Base URL of its ingress. */
  readonly url: string;
  readonly pair: DialectPair;
  readonly credentials: Credentials;
  readonly model: string;
  readonly upstreamPort: number;
  readonly declared?: Declared;
  readonly log: Log;
  /** Called with our upstream's address before the gateway is asked anything. */
  readonly onReady?: (upstream: string) => void;
}

/**
 * Starts the upstream that the gateway shall use, and describes the gateway to the group `dialect`.
 *
 * @throws {UnavailableError} when the port is taken, or nothing answers at the gateway's address
 */
export async function dialectTarget(
  options: DialectTargetOptions,
): Promise<Target & AsyncDisposable> {
  const { url, pair, credentials, model, upstreamPort: port, log } = options;
  const host = "127.0.0.1";
  const remedy = "use --upstream-port 0 for a free one";
  await assertPortFree({ host, port, what: "our upstream", remedy });
  await using stack = new AsyncDisposableStack();
  const upstream = stack.use(
    await startUpstream({ host, port, log, pace: "none", journalLimit: TARGET_JOURNAL_LIMIT }),
  );
  options.onReady?.(upstream.url);
  await assertAnswers(url);
  const secret = crypto.randomUUID();
  const owned = stack.move();
  return {
    ...withDeclared<Target>({
      name: `gateway ${new URL(url).host}, ${pair.client} to ${pair.upstream}`,
      url,
      control: "upstream",
      protocols: ["h1"],
      features: ["dialect"],
      dialect: pair,
      credentials,
      model,
      sign: (nonce) => signNonce(nonce, secret),
      expect: FOREIGN_EXPECTATIONS,
      upstream,
    }, options.declared ?? {}),
    [Symbol.asyncDispose]: () => owned.disposeAsync(),
  };
}

/** Checks that somebody answers there, with whatever status. */
async function assertAnswers(url: string): Promise<void> {
  try {
    const response = await fetch(url, { redirect: "manual", signal: AbortSignal.timeout(15_000) });
    await response.body?.cancel();
  } catch (error) {
    throw new UnavailableError(`Nothing answers at the gateway ${url}: ${messageOf(error)}`);
  }
}
