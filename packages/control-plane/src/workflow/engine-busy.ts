// Engine busy

/** The engine takes no more for now. */
export class EngineBusy extends Error {
  override readonly name = 'EngineBusy'
}
