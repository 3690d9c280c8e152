// Open log
//
// Lines of JSON on standard output.

import { type Logger, pino } from 'pino'

/** By the process's own stream: pino's writes a line again and again where its disk is full. */
export function openLog(
  level: string,
  write: (line: string) => void = (line) => void process.stdout.write(line),
): Logger {
  const { err } = pino.stdSerializers
  // What an error says is no property that JSON would tell.
  const options = { level, base: { service: 'control-plane' }, serializers: { error: err } }
  return pino(options, { write })
}
