// What became of a change, in words.

import type { ChangeAnswer } from '@tutti/sdk'

export function describeOutcome(answer: ChangeAnswer, done?: string): string {
  switch (answer.outcome) {
    case 'committed':
      return done ?? `${answer.action}d`
    case 'unchanged':
      return 'unchanged'
    case 'needs-approval': {
      const { name } = answer.approval.metadata
      return `waits for approval: somebody else runs tutti approve ${name}`
    }
    case 'waiting':
      return `approved (${answer.approvals} of ${answer.needed})`
    case 'planned':
      return `would be ${answer.action}d`
  }
}
