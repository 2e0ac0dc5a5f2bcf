/** Follows an Envoy configuration in a file: each change of it is put in force while requests run, or refused. */
import {
  type ConfigChange,
  describeDifferences,
  OLD_STREAMS_S,
  problemsOf,
  readEnvoyConfig,
} from "../envoy/mod.ts";
import { type Log, messageOf, watchFile } from "../service/mod.ts";
import type { Gateway } from "./gateway.ts";

/** Differences that are shown one by one. */
const SHOWN = 20;

/**
 * Watches the file until disposed. `log` gets what each change was, or why it was not made; whatever was in force
 * before a refusal stays.
 */
export function followConfig(gateway: Gateway, path: string, log: Log): AsyncDisposable {
  let last: Promise<void> = Promise.resolve();
  const watch = watchFile(path, () => {
    last = last.then(() => change(gateway, path, log));
  });
  return {
    async [Symbol.asyncDispose]() {
      await watch[Symbol.asyncDispose]();
      await last;
    },
  };
}

async function change(gateway: Gateway, path: string, log: Log): Promise<void> {
  let places: string[] = [];
  try {
    const file = await readEnvoyConfig(path, { again: true });
    places = [...new Set(await problemsOf(file))];
    const done = await gateway.changeConfig(file);
    const shown = describeDifferences(done.from, done.to);
    for (const line of headline(path, done)) log(line);
    for (const line of shown.slice(0, SHOWN)) log(`  ${line}`);
    if (shown.length > SHOWN) log(`  and ${shown.length - SHOWN} more`);
  } catch (error) {
    const why = places.length > 0 ? places.slice(0, SHOWN).join("\n  ") : messageOf(error);
    log(`${path} is not used, the configuration before it stays:\n  ${why}`);
  }
}

function headline(path: string, { outcome, ms }: ConfigChange): string[] {
  switch (outcome) {
    case "unchanged":
      return [];
    case "applied":
      return [`${path} is in force after ${ms} ms, no stream was touched:`];
    case "restart":
      return [
        `${path} is not used, the configuration before it stays. This needs a restart, since only a new listener ` +
        `can have it: llmgate envoy restart; running streams end ${OLD_STREAMS_S} s after that at the latest:`,
      ];
  }
}
