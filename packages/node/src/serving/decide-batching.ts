// Decide batching
//
// Does it pay to run several requests of this model as one? Measured, not assumed: a random forest gains
// 21 times, a small convolutional network loses 29 %. Single and batched trials alternate; each is a few
// runs' worth of time spent per item, taken only from runs made while other requests waited, for only then
// is there a choice. What was found is tested again, more and more seldom, for loads and machines change.
//
// Invariants:
//   B1. Batching is chosen only where the median pair of trials says that it pays.
//   B2. A decision comes after `pairsMax` pairs at the latest.
//   B3. Both kinds of trial see the same share of early and late slots (single first, then batched first).

export type BatchMode = 'single' | 'batched'

/** One run of the model, as the batcher saw it. */
export interface BatchRun {
  readonly mode: BatchMode
  readonly items: number
  /** Time from this run's start, or the end of the run before where that was later, to its end. */
  readonly micros: number
  /** True where there was a choice: others waited while a single ran, or a batch held several. */
  readonly crowded: boolean
}

export interface Trial {
  readonly runs: number
  readonly items: number
  readonly micros: number
}

export type BatchingState =
  | {
      readonly phase: 'measuring'
      /** Finished trials, in the order of `trialMode`. */
      readonly trials: readonly Trial[]
      readonly current: Trial
      /** What the last decision was, null at first. */
      readonly before: Settled | null
    }
  | Settled

export interface Settled {
  readonly phase: 'settled'
  readonly mode: BatchMode
  /** Time per item singly, divided by time per item batched. */
  readonly ratio: number
  readonly retestAtMicros: number
  readonly retestAfterMicros: number
}

const runMicrosMax = 100_000
const emptyTrial: Trial = { runs: 0, items: 0, micros: 0 }
const trialMicros = 20_000 // long beside a scheduling hiccup, short beside a caller's patience
const trialRuns = 3
const trialMicrosMax = 60_000 // a slow model's trial may be a single run
const pairsMin = 3 // three pairs that agree clearly are enough
const pairsMax = 7 // with seven the median bears three bad ones
const paysFrom = 1.05 // below that the gain does not pay for the waiting of the first in a batch
const clearly = 1.25 // no pair of a model that loses by batching has come near
// A test spends at most ~0.2 s in the worse mode: 2 % of 10 s, and 0.03 % of 10 min.
const retestFirstMicros = 10_000_000
const retestMaxMicros = 600_000_000

export const batchingStart: BatchingState = {
  phase: 'measuring',
  trials: [],
  current: emptyTrial,
  before: null,
}

/** How the next run is made. */
export function batchMode(state: BatchingState): BatchMode {
  return state.phase === 'settled' ? state.mode : trialMode(state.trials.length)
}

/** Takes one run into account. */
export function decideBatching(
  state: BatchingState,
  run: BatchRun,
  nowMicros: number,
): BatchingState {
  if (!run.crowded) return state
  switch (state.phase) {
    case 'settled':
      if (nowMicros < state.retestAtMicros) return state
      return { phase: 'measuring', trials: [], current: emptyTrial, before: state }
    case 'measuring': {
      if (run.mode !== trialMode(state.trials.length)) return state // a straggler
      const current = plus(state.current, run)
      if (!isFinished(current)) return { ...state, current }
      const trials = [...state.trials, current]
      return settle(trials, state.before, nowMicros) ?? { ...state, trials, current: emptyTrial }
    }
  }
}

/**
 * The most items that one run takes: the declared bound, or as many as fit into a tenth of a
 * second, for one great batch of a slow model would make every request miss its deadline.
 */
export function batchLimit(batchMax: number, microsPerItem: number): number {
  const affordable = Math.floor(runMicrosMax / Math.max(1, microsPerItem))
  return Math.min(batchMax, Math.max(2, affordable))
}

function trialMode(index: number): BatchMode {
  const pairStartsSingle = Math.floor(index / 2) % 2 === 0 // B3
  return (index % 2 === 0) === pairStartsSingle ? 'single' : 'batched'
}

function isFinished({ micros, runs }: Trial): boolean {
  return micros >= trialMicrosMax || (micros >= trialMicros && runs >= trialRuns)
}

function plus(trial: Trial, run: BatchRun): Trial {
  return {
    runs: trial.runs + 1,
    items: trial.items + run.items,
    micros: trial.micros + run.micros,
  }
}

function settle(
  trials: readonly Trial[],
  before: Settled | null,
  nowMicros: number,
): Settled | null {
  if (trials.length % 2 === 1 || trials.length < 2 * pairsMin) return null
  const ratios = pairRatios(trials)
  const agreed =
    ratios.every((ratio) => ratio > clearly) || ratios.every((ratio) => ratio < paysFrom)
  if (!agreed && ratios.length < pairsMax) return null // B2
  const ratio = median(ratios)
  const mode = ratio >= paysFrom ? 'batched' : 'single' // B1
  const retestAfterMicros =
    before?.mode === mode
      ? Math.min(retestMaxMicros, 2 * before.retestAfterMicros)
      : retestFirstMicros
  return {
    phase: 'settled',
    mode,
    ratio,
    retestAfterMicros,
    retestAtMicros: nowMicros + retestAfterMicros,
  }
}

function pairRatios(trials: readonly Trial[]): number[] {
  const ratios: number[] = []
  for (let i = 0; i + 1 < trials.length; i += 2) {
    const first = microsPerItem(trials[i])
    const second = microsPerItem(trials[i + 1])
    ratios.push(trialMode(i) === 'single' ? first / second : second / first)
  }
  return ratios
}

function microsPerItem(trial: Trial | undefined): number {
  return trial === undefined ? 0 : trial.micros / Math.max(1, trial.items)
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0
}
