export { catchUpOf, checkSchedule } from './check-schedule.ts'
export { type Cron, nextCronTick, type ParsedCron, parseCron } from './cron.ts'
export { catchUpDefault, planTicks, type TickPlan, type TickState } from './plan-ticks.ts'
export { nextTick, type Timing, type TimingKind, timingKinds, timingOf } from './timing.ts'
