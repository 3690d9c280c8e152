// Want rounds
//
// Who wants something of budgets while an answer is on its way waits for it, and is then asked for together with all
// others who came meanwhile: a thousand budgets that begin at once are a few questions, one after the other.

import { nanosOf } from '@tutti/core/routing'
import type { BudgetEntry } from './directory.ts'

export interface Want {
  readonly entry: BudgetEntry
  /** What all who wait for it need together, at most all that the budget ever holds. */
  readonly nanos: number
  /** What the one needs who needs least: a part that is smaller pays for nobody. */
  readonly least: number
}

/** Which of them, by `budgetKey`, there was too little of; throws where nobody could say. */
export type AskRound = (wants: readonly Want[]) => Promise<ReadonlySet<string>>

interface Round {
  readonly wants: Map<string, Want>
  readonly lacking: Promise<ReadonlySet<string>>
}

const wantsMax = 100 // of one round: the control plane takes two milliseconds for each

export class WantRounds {
  readonly #ask: AskRound
  /** That others may still join; written by `#open` and `#run`. */
  #next: Round | null = null
  /** The last of those that are not over; written by `#open`. */
  #last: Round['lacking'] | null = null

  constructor(ask: AskRound) {
    this.#ask = ask
  }

  /** True where there was too little; throws where nobody could say, of all who wait by then. */
  async isLacking(entry: BudgetEntry, nanos: number): Promise<boolean> {
    const key = budgetKey(entry)
    const { wants, lacking } = this.#roundFor(key)
    const others = wants.get(key)
    const together = Math.min((others?.nanos ?? 0) + nanos, nanosOf(entry.limitDollars))
    const least = Math.min(others?.least ?? nanos, nanos)
    wants.set(key, { entry, nanos: together, least })
    return (await lacking).has(key)
  }

  #roundFor(key: string): Round {
    const next = this.#next
    const isFull = next !== null && next.wants.size >= wantsMax && !next.wants.has(key)
    return next === null || isFull ? this.#open() : next
  }

  #open(): Round {
    const wants = new Map<string, Want>()
    const lacking = this.#run(wants)
    const round = { wants, lacking }
    this.#next = round
    this.#last = lacking
    const isOver = () => {
      if (this.#last === lacking) this.#last = null
    }
    lacking.then(isOver, isOver)
    return round
  }

  /** Behind those before; where nobody answered those, it is not waited for once more. */
  async #run(wants: Round['wants']): Promise<ReadonlySet<string>> {
    try {
      await this.#last
    } finally {
      if (this.#next?.wants === wants) this.#next = null // also of one that fails with them
    }
    return await this.#ask([...wants.values()])
  }
}

export function budgetKey({ project, name }: Pick<BudgetEntry, 'project' | 'name'>): string {
  return `${project}/${name}`
}
