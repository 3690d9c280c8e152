// Database away
//
// Whether something failed because Postgres was not there or gave up, so that it can be tried again as it was: it stops, starts,
// has too many connections, lost one, or ended one of two transactions that waited for each other.

const driverCodes = new Set([
  'CONNECTION_CLOSED',
  'CONNECTION_ENDED',
  'CONNECTION_DESTROYED',
  'CONNECT_TIMEOUT',
  'ECONNREFUSED',
  'ECONNRESET',
  'EPIPE',
])
// Connection exceptions, insufficient resources, operator intervention; serialization, deadlock.
const serverCodes = /^(08|53|57P)|^(40001|40P01)$/

export function isDatabaseAway(error: unknown): boolean {
  if (!(error instanceof Error) || !('code' in error)) return false
  const { code, name } = error
  if (typeof code !== 'string') return false
  if (name === 'PostgresError') return serverCodes.test(code)
  // The socket of an embedded Postgres is not there while it starts.
  const isSocketGone = code === 'ENOENT' && 'syscall' in error && error.syscall === 'connect'
  return driverCodes.has(code) || isSocketGone
}

/** Nothing was done for want of room: of an upload's own disk a `Failure` tells. */
export function isDiskFull(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === '53100'
}
