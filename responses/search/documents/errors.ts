/** A file of a kind that is known, but broken, empty, protected or too large: `last_error.code` `invalid_file`. */
export class InvalidFileError extends Error {
  override readonly name = "InvalidFileError";
}

/** A file of a kind that no text can be taken out of: `last_error.code` `unsupported_file`. */
export class UnsupportedFileError extends Error {
  override readonly name = "UnsupportedFileError";
}
