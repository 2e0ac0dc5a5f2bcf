/** Something that is asked for and is not there: 404. */
export class NotThere extends Error {
  override readonly name = "NotThere";
}
