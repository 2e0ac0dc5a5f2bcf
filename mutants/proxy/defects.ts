/** Ambiguities of HTTP/1.1 that a lenient reader guesses at. */
export type Leniency =
  | "length-and-chunks"
  | "codings"
  | "lengths"
  | "lines"
  | "folds"
  | "chunk-sizes";

/** What can be wrong with the small proxy; without any it is a correct gateway over HTTP/1.1. */
export interface Defects {
  // The policy's part.
  failsOpen?: true;
  forwardsBeforeAsking?: true;
  asksTwice?: true;
  cachesDecisions?: true;
  asksWithoutQuery?: true;
  asksWithoutHeaders?: true;
  waitsForBodyBeforeAsking?: true;
  sendsBodyToPolicy?: true;
  neverGivesUp?: true;
  givesUpAtOnce?: true;
  deniesWith200?: true;
  deniesAsStream?: true;
  ownDenialBody?: true;
  denialEchoesHeaders?: true;
  needsOkResponse?: true;
  ignoresSet?: true;
  ignoresRemove?: true;
  appendsAlways?: true;
  removesHost?: true;
  splitsValues?: true;
  keepsTrusted?: true;
  policySpoofs?: true;
  skipsGet?: true;
  // The request's part.
  reserializesRequest?: true;
  addsHeader?: true;
  dropsCookie?: true;
  forwardsHopByHop?: true;
  sortsQuery?: true;
  servesEverything?: true;
  keepsDotSegments?: true;
  retries?: true;
  retriesMidStream?: true;
  truncatesUpload?: true;
  losesLastChunk?: true;
  // The response's part.
  buffersResponse?: true;
  batchesEvents?: true;
  holdsHeaders?: true;
  dropsDone?: true;
  doublesDone?: true;
  addsDone?: true;
  manglesUtf8?: true;
  normalizesLines?: true;
  dropsComments?: true;
  dropsIncompleteTail?: true;
  joinsDataLines?: true;
  hidesErrorEvents?: true;
  dropsUsage?: true;
  reserializesResponse?: true;
  trimsResponse?: true;
  truncatesLarge?: true;
  declaresLength?: true;
  changesContentType?: true;
  rewritesErrors?: true;
  dropsResponseHeaders?: true;
  lingersAfterDone?: true;
  // How connections end.
  swallowsCancel?: true;
  cleanEndOnAbort?: true;
  cutsAfter15s?: true;
  leaksCredential?: true;
  otherRequestId?: true;
  exposesAdmin?: true;
  /** Takes the first event of each read and loses the others. */
  losesJoinedEvents?: true;
  /** Writes LF as CRLF. */
  widensLines?: true;
  /** Changes the kind of JSON answers. */
  changesObject?: true;
  /** Lets a request pass unasked when a header is not UTF-8. */
  skipsOddBytes?: true;
  /** Takes no connection after the third. */
  servesThree?: true;
  /** Asks about GET by a method of the API that the v3 one replaced. */
  asksOldApi?: true;
  /** Writes the bytes of HTTP/2 fields into HTTP/1.1 lines as they are. */
  downgradesBlindly?: true;
  /** What of HTTP/1.1 framing it reads leniently. */
  lenient?: Leniency;
}
