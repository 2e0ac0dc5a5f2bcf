/** The add-on `--call-log`: a row in SQLite for each finished request, beside any profile. */
import { fileOption, inSection, integerOption } from "../../../options/mod.ts";
import { loadModule } from "../../../service/mod.ts";
import type { AddOn } from "../../mod.ts";
import type { AddOnKind } from "../add_on_kind.ts";

/** Returns the add-on of a log. */
export function callLogAddOn(
  { path, days, megabytes }: {
    readonly path: string;
    readonly days: number;
    readonly megabytes: number;
  },
): AddOn {
  return {
    ports: [],
    async start({ log }) {
      const { startCallLog } = await loadModule<typeof import("../../../call_log/mod.ts")>(
        "call_log/mod.ts",
      );
      const calls = await startCallLog({ path, days, megabytes, log });
      return {
        services: { call_log: path },
        metrics: [() => calls.metrics()],
        onRequest: (record) => calls.append(record),
        shows: {
          trends: async (asked) =>
            (await calls.trends(asked)).map(({ tokens_in, tokens_out, ...point }) => ({
              ...point,
              tokens: tokens_in + tokens_out,
            })),
        },
        welcome: () => [{ label: "call log", text: path }],
        suggestions: () => [{ title: "the calls so far", command: `llmgate log query ${path}` }],
        [Symbol.asyncDispose]: () => calls[Symbol.asyncDispose](),
      };
    },
  };
}

const FLAGS = inSection("Call log (any profile)", {
  callLog: fileOption("--call-log <FILE>", {
    description: "write a row for each request into this SQLite file: docs/call_log.md",
  }),
  callLogDays: integerOption("--call-log-days <N>", {
    description: "days that a call is kept",
    min: 1,
    default: 30,
  }),
  callLogSize: integerOption("--call-log-size <MB>", {
    description: "size beyond which the oldest calls go",
    min: 1,
    default: 256,
  }),
});

export const CALL_LOG: AddOnKind<typeof FLAGS> = {
  flags: FLAGS,
  bind: ({ callLog, callLogDays = 30, callLogSize = 256 }) =>
    Promise.resolve(
      callLog === undefined
        ? undefined
        : callLogAddOn({ path: callLog, days: callLogDays, megabytes: callLogSize }),
    ),
};
