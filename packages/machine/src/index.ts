export { type Clock, systemClock } from './clock.ts'
export { writeDurably } from './write-durably.ts'
