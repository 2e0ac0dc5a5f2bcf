/** A scenario's reply in place of the made-up answer, whatever the endpoint, the dialect and `stream`. */
export interface Reply {
  readonly text?: string;
  /** The pieces that a stream sends the text in: these, or of so many characters each. Default: words. */
  readonly chunks?: readonly string[] | number;
  readonly reasoning?: string;
  readonly tool_calls?: readonly ReplyCall[];
  /** The model declines: `refusal` for OpenAI, the stop reasons of the others. */
  readonly refusal?: string;
  /** The vector of each input, of endpoints that embed. */
  readonly embedding?: readonly number[];
  /** The images of endpoints that draw. */
  readonly images?: readonly {
    readonly url?: string;
    readonly b64_json?: string;
    readonly revised_prompt?: string;
  }[];
  /** Base64 of the bytes of endpoints that speak. */
  readonly audio?: string;
  /** Why it ended; without it, what follows from the rest. */
  readonly finish?: "stop" | "length" | "tool_calls" | "content_filter";
  /** Token counts; what is not given is counted. */
  readonly usage?: {
    readonly input?: number;
    readonly output?: number;
    readonly cached?: number;
    readonly reasoning?: number;
  };
}

/** One tool call of a reply. */
export interface ReplyCall {
  readonly name: string;
  readonly id?: string;
  /** Arguments of a function: an object, or exact text, which need not be JSON. */
  readonly arguments?: Readonly<Record<string, unknown>> | string;
  /** Free text of a custom tool. */
  readonly input?: string;
}
