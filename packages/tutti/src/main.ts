#!/usr/bin/env node
import { optionsLast } from './options-last.ts'

process.argv.splice(2, Infinity, ...optionsLast(process.argv.slice(2)))
// A gateway reads its file again on SIGHUP: until all is loaded that does, which takes a second, one ends nobody.
if (process.argv[2] === 'gateway') process.on('SIGHUP', () => {})
await import('./run.ts')
