// Condition
//
// Runs the conditions of Routes: compiled once for each text, asked for each request in a microsecond.

import { Environment } from '@marcbachmann/cel-js'
import {
  conditionLimits,
  conditionVariables,
  type RequestFacts,
  whyUnfit,
} from '@tutti/core/routing'
import { messageOf } from '../failure.ts'
import type { KeyEntry } from './directory.ts'

/** What is known of a request besides its body. */
export interface Asker {
  readonly key: KeyEntry
  readonly requestId: string
  readonly model: string
  readonly dialect: string
  readonly stream: boolean
  /** Empty where the request has no such header. */
  readonly header: (name: string) => string
  readonly headers: () => Readonly<Record<string, string>>
  /** Read at the first call. */
  readonly facts: () => RequestFacts
}

export type Held = 'holds' | 'fails' | 'broken'
export type Condition = (asked: object) => Held

/** An expression that does not parse, or must not be run, holds for no request. */
export function compileCondition(text: string): Condition {
  try {
    const parsed = environment().parse(text)
    if (whyUnfit(parsed.ast) !== null) return () => 'broken'
    return (asked) => {
      try {
        const held: unknown = parsed(asked)
        return typeof held !== 'boolean' ? 'broken' : held ? 'holds' : 'fails'
      } catch {
        return 'broken' // it speaks of a member that the request does not have
      }
    }
  } catch {
    return () => 'broken'
  }
}

/** What conditions see of a request. */
export function conditionContext({ key, model, dialect, stream, headers, facts }: Asker): object {
  const { capabilities, modalities, textLength, outputTokens, messages, ...rest } = facts()
  const { tools, user, lastText, metadata } = rest
  return {
    request: {
      model,
      dialect,
      stream,
      tools,
      user,
      lastText,
      metadata,
      capabilities,
      modalities,
      textLength: BigInt(textLength),
      outputTokens: BigInt(Math.floor(outputTokens ?? 0)),
      messages: BigInt(messages),
      headers: headers(),
    },
    key: { id: key.id, owner: key.owner, project: key.project },
  }
}

/** What is wrong with an expression, or null. */
export function whyNoCondition(text: string): string | null {
  try {
    const { valid, type, error } = environment().check(text)
    if (!valid) return error?.message.split('\n', 1)[0] ?? 'it is no expression of CEL'
    if (type !== 'bool') return `expected a condition, got a value of type ${type}`
    return whyUnfit(environment().parse(text).ast)
  } catch (error) {
    return messageOf(error)
  }
}

function environment(): Environment {
  const made = new Environment({ limits: conditionLimits })
  for (const [name, schema] of Object.entries(conditionVariables)) {
    made.registerVariable({ name, schema })
  }
  return made
}
