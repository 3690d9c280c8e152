export { Chance } from './chance.ts'
export { type Crash, type Told, tellWithCrash, type Victim } from './crash-matrix.ts'
export { type History, runHistory } from './run-history.ts'
export { type ProcessClock, VirtualTime } from './virtual-time.ts'
