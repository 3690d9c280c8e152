export { Chance } from './chance.ts'
export { type History, runHistory } from './run-history.ts'
export { type ProcessClock, VirtualTime } from './virtual-time.ts'
