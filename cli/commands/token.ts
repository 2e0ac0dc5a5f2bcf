/** `llmgate token`: prints a token of the development issuer (JWT). */
import { type Claim, openIssuer } from "../../certs/mod.ts";
import { issuerKeysPath } from "../../gateway/profiles/mod.ts";
import { fileOption, flagOption, repeated, textOption } from "../../options/mod.ts";
import { UsageError } from "../../service/mod.ts";
import { defineCommand, EXIT } from "../command.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400 };

export const command = defineCommand({
  name: "token",
  summary: "print a token of the development issuer (JWT)",
  description:
    `Signs a JSON Web Token that llmgate dev --profile edge takes, for "Authorization: Bearer". The keys are in a file
    of this user; their public halves are at /jwks.json of the control listener. --rotate goes on to the next key,
    which was published before, so that no gateway refuses it. For development: whoever reads the file is the issuer.`,
  options: {
    tenant: textOption("--tenant <NAME>", { description: "claim tenant: whose limits count" }),
    sub: textOption("--sub <NAME>", { description: "claim sub: who it is", default: "developer" }),
    claim: repeated(
      textOption("--claim <NAME=VALUE>", {
        description: "another claim, JSON or text; repeatable, and twice the same name is a list",
      }),
    ),
    ttl: textOption("--ttl <TIME>", {
      description: "how long it holds: 90s, 30m, 1h, 7d",
      default: "1h",
    }),
    keys: fileOption("--keys <FILE>", {
      description: "the issuer's keys; made when missing; one file per user when left out",
    }),
    rotate: flagOption("--rotate", { description: "sign with the next key from now on" }),
  },
  examples: [
    { command: "llmgate token --tenant a", explains: "for an hour" },
    { command: "llmgate token --tenant a --claim roles=admin --ttl 10m", explains: "an admin's" },
    {
      command: 'OPENAI_API_KEY="$(llmgate token --tenant a)"',
      explains: "for any OpenAI SDK",
    },
  ],
  permissions: ["read", "write", "env"],
  async run({ options, host, print }) {
    const path = options.keys ?? issuerKeysPath((name) => host.env(name));
    const issuer = await openIssuer(path);
    if (options.rotate) await issuer.rotate();
    const claims = {
      sub: options.sub,
      ...(options.tenant === undefined ? {} : { tenant: options.tenant }),
      ...claimsOf(options.claim),
    };
    print(await issuer.sign(claims, secondsOf(options.ttl)));
    return EXIT.ok;
  },
});

function claimsOf(words: readonly string[]): Record<string, Claim> {
  const claims: Record<string, Claim> = {};
  for (const word of words) {
    const at = word.indexOf("=");
    if (at < 1) {
      throw new UsageError(`Cannot use --claim: expected NAME=VALUE: current value is "${word}"`);
    }
    const [name, value] = [word.slice(0, at), valueOf(word.slice(at + 1))];
    const before = claims[name];
    claims[name] = before === undefined
      ? value
      : Array.isArray(before)
      ? [...before, value]
      : [before, value];
  }
  return claims;
}

/** JSON where it is some, text otherwise: `42`, `["a"]`, `admin`. */
function valueOf(text: string): Claim {
  try {
    return JSON.parse(text);
  } catch {
    return text;
  }
}

function secondsOf(text: string): number {
  const [, number, unit = ""] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const seconds = Number(number) * (UNITS[unit] ?? 0);
  if (seconds > 0) return seconds;
  throw new UsageError(
    `Cannot use --ttl: expected a number and s, m, h or d: current value is "${text}"`,
  );
}
