/** A profile made for a test: one gRPC service, one flag, one case, all in this folder. */
import type { Case } from "../../conformance/mod.ts";
import {
  type Part,
  type PortSpec,
  type Profile,
  type SinglePart,
  singleUpstream,
} from "../../gateway/mod.ts";
import type { Judge, ProfileKind } from "../../gateway/profiles/mod.ts";
import { connectGrpc, startGrpcServer } from "../../grpc/mod.ts";
import { BASE_PROOF } from "../../mutants/mod.ts";
import { inSection, textOption } from "../../options/mod.ts";
import { startOwnTarget } from "../../targets/mod.ts";

const SERVICE = "toy.Greeter";

/** The base profile's part, and a service that answers every call with a word. */
interface ToyPart extends Part {
  readonly greeter: string;
}

const GREETER_PORT: PortSpec = {
  name: "greeter",
  what: "the toy's greeter",
  default: 9099,
  flag: "--greeter-port",
};

function toyProfile(word: string): Profile<ToyPart> {
  const base = singleUpstream();
  return {
    ...base,
    name: "toy",
    ports: [...base.ports, GREETER_PORT],
    async start(place) {
      await using stack = new AsyncDisposableStack();
      const part: SinglePart = stack.use(await base.start(place));
      const greeter = stack.use(
        await startGrpcServer({
          port: place.ports.greeter ?? 0,
          services: [{
            name: SERVICE,
            methods: { Greet: { unary: () => new TextEncoder().encode(word) } },
          }],
        }),
      );
      const owned = stack.move();
      return {
        ...part,
        greeter: greeter.address,
        ports: { ...part.ports, greeter: greeter.port },
        services: { greeter: greeter.address },
        welcome: () => [...part.welcome(), { label: "greeter", text: greeter.address }],
        [Symbol.asyncDispose]: () => owned.disposeAsync(),
      };
    },
  };
}

/** The case asks the service that the target's facts name. */
const GREETS: Case = {
  id: "toy.greets",
  level: "must",
  control: "none",
  requirement: "The greeter answers with a word in capitals",
  source: "This folder",
  async run(t) {
    using client = connectGrpc({ address: String(t.target.facts?.["greeter"]) });
    const answer = await client.unary(`/${SERVICE}/Greet`, new Uint8Array());
    t.equal("capitals", true, /^[A-Z]+$/.test(new TextDecoder().decode(answer)));
  },
};

const JUDGE: Judge = {
  cases: [GREETS],
  async start(gateway) {
    const { profile, ...rest } = gateway;
    const own = await startOwnTarget({ ...rest, profile: profile as Profile<ToyPart> });
    return Object.assign(own, { facts: { ...own.facts, greeter: own.gateway.part.greeter } });
  },
  foreign: () => ({}),
  proof: { ...BASE_PROOF, cases: [GREETS], all: [GREETS] },
};

const FLAGS = inSection("Toy (--profile toy)", {
  word: textOption("--word <WORD>", { description: "what the greeter says", default: "HELLO" }),
});

export const TOY: ProfileKind<typeof FLAGS> = {
  name: "toy",
  summary: "policy in front of one upstream, and somebody who greets",
  ports: toyProfile("").ports,
  flags: FLAGS,
  bind: ({ word = "HELLO" }) => Promise.resolve({ profile: toyProfile(word) }),
  judge: () => Promise.resolve(JUDGE),
};
