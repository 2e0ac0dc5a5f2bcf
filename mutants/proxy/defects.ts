/** Ambiguities of HTTP/1.1 that a lenient reader guesses at. */
export type Leniency =
  | "length-and-chunks"
  | "codings"
  | "lengths"
  | "lines"
  | "folds"
  | "chunk-sizes";

/** Defects of the small proxy; without any it is a correct gateway over HTTP/1.1. */
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
  /** Asks about POST alone. */
  skipsReading?: true;
  /** Does not ask about a path that is not in its plain form. */
  skipsOddPaths?: true;
  /** Does not ask again on a connection on which something was allowed. */
  trustsConnection?: true;
  /** Lets a request pass once a later one has been answered. */
  forwardsOvertaken?: true;
  /** Answers 500 to a denial without a status. */
  bareDenialIs500?: true;
  /** Answers a denied request for a stream with a stream. */
  deniesStreamsAsStream?: true;
  /** Sends what was denied with 403 to the upstream, too. */
  mirrorsDenied?: true;
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
  /** Passes three events as they come, and then two at a time. */
  batchesLate?: true;
  holdsHeaders?: true;
  dropsDone?: true;
  doublesDone?: true;
  /** Adds [DONE] to a stream of chunks that has none. */
  addsDone?: true;
  manglesUtf8?: true;
  normalizesLines?: true;
  dropsComments?: true;
  /** Loses what follows the last whole event. */
  dropsIncompleteTail?: true;
  joinsDataLines?: true;
  hidesErrorEvents?: true;
  /** Removes the chunk of a stream that has no choices. */
  dropsUsage?: true;
  reserializesResponse?: true;
  trimsResponse?: true;
  truncatesLarge?: true;
  /** Waits for the end of a stream, for a while, to tell its length. */
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
  /** Passes the first event of each read and loses the others. */
  losesJoinedEvents?: true;
  /** Writes LF as CRLF, after words. */
  widensLines?: true;
  /** Changes the kind of JSON answers. */
  changesObject?: true;
  /** Lets a request pass unasked when a header is not UTF-8. */
  skipsOddBytes?: true;
  /** Refuses a request that came four times in a row before, when few others are there. */
  refusesRepeats?: true;
  /** Asks about GET by a method of the API that the v3 one replaced. */
  asksOldApi?: true;
  /** Writes the bytes of HTTP/2 fields into HTTP/1.1 lines as they are. */
  downgradesBlindly?: true;
  /** Closes an HTTP/2 connection when one of its streams is reset. */
  resetEndsConnection?: true;
  /** Rules of HTTP/1.1 framing that it does not enforce. */
  lenient?: Leniency;
}
