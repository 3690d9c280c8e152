// Later

/** Thrown by an act whose outcome comes by signal. */
export class Later extends Error {
  override readonly name = 'Later'
}
