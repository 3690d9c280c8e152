export { type Clock, systemClock } from './clock.ts'
export { pause } from './pause.ts'
export { writeDurably } from './write-durably.ts'
