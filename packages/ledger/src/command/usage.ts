// Usage: the help text, and the error for a command line that says something else.

export class UsageError extends Error {
  override readonly name = 'UsageError'
}

export const usage = `tutti-ledger: check a tamper-evident log offline

  tutti-ledger verify DIR [--vkey KEY] [--witness KEY]... [--since FILE] [--json]
      Check every byte of an exported log. KEY is the log's verifier key as you got it
      from elsewhere: without it, anyone can have made the export. --since takes a
      checkpoint that you kept from earlier: the log must contain all of it.

  tutti-ledger prove DIR INDEX
      Print a proof of one entry, as JSON that can be checked without the export.

  tutti-ledger check-proof FILE --vkey KEY
      Check such a proof against the log's verifier key.

Examples
  tutti-ledger verify ./export --vkey 'example.com/log+530d903a+AekyeRrm56hApGFk...'
  tutti-ledger verify ./export --since last-month/checkpoint --json
  tutti-ledger prove ./export 41 > entry-41.json
  tutti-ledger check-proof entry-41.json --vkey 'example.com/log+530d903a+AekyeRrm...'

Exit code: 0 all is well, 1 something was found, 2 the command line or the disk is wrong.
`
