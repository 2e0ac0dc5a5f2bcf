/** `llmgate log prune`: removes old calls of a call log. */
import { openForReading, openForWriting, prune, spanOf } from "../../call_log/mod.ts";
import { positiveOption, textOption } from "../../options/mod.ts";
import { UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";

const DAY_MS = 86_400_000;

export const command = defineCommand({
  name: "log prune",
  summary: "remove old calls of a call log",
  description:
    "Removes calls that are older than a period, or the oldest until the file is small enough, and gives the space back. " +
    "A running gateway does so by itself.",
  arguments: [{ name: "file", description: "the call log", required: true }],
  options: {
    olderThan: textOption("--older-than <PERIOD>", { description: "calls older than 24h, 30d" }),
    maxSize: positiveOption("--max-size <MB>", { description: "size that the file may have" }),
  },
  examples: [
    { command: "llmgate log prune calls.db --older-than 30d", explains: "keep a month" },
    { command: "llmgate log prune calls.db --max-size 100", explains: "keep what fits" },
  ],
  permissions: ["read", "write"],
  run({ args, options, print }) {
    const { olderThan, maxSize } = options;
    if (olderThan === undefined && maxSize === undefined) {
      throw new UsageError("Cannot prune without a bound: give --older-than or --max-size");
    }
    const days = olderThan === undefined ? Infinity : spanOf(olderThan) / DAY_MS;
    // A file that is not there is not made only to be empty.
    openForReading(args.file).close();
    using database = openForWriting(args.file);
    const bounds = {
      days: Number.isFinite(days) ? days : Date.now() / DAY_MS,
      megabytes: maxSize ?? Infinity,
    };
    print(`${prune(database, bounds)} calls removed`);
    return Promise.resolve(EXIT.ok);
  },
});
