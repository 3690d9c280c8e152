// Condition
//
// What a Route's conditions may speak of and do. They are in CEL, the Common Expression Language; whoever evaluates
// one brings the interpreter, and all declare the same variables by this table and refuse the same expressions, so
// that what the control plane accepts is what a gateway runs.

import { isObject, listOf } from '../dialect/index.ts'

const request = {
  model: 'string',
  /** The caller's dialect: openai, anthropic … */
  dialect: 'string',
  stream: 'bool',
  /** Names of its tools. */
  tools: 'list<string>',
  capabilities: 'list<string>',
  modalities: 'list<string>',
  /** Characters of its texts. */
  textLength: 'int',
  /** 0 where the request sets no bound. */
  outputTokens: 'int',
  messages: 'int',
  user: 'string',
  /** The beginning of the last message, 16,384 characters at most. */
  lastText: 'string',
  metadata: 'map<string, string>',
  /** By name in lower case; what authenticates is left out. */
  headers: 'map<string, string>',
} as const

const key = { id: 'string', owner: 'string', project: 'string' } as const

/** Variables and their members, with their types in CEL. */
export const conditionVariables = { request, key } as const

/** Of an expression: what is longer is no condition but a programme. */
export const conditionLimits = {
  maxAstNodes: 500,
  maxDepth: 32,
  maxListElements: 100,
  maxMapEntries: 100,
  maxCallArguments: 8,
} as const

const loops = new Set(['all', 'exists', 'exists_one', 'map', 'filter'])
const loopsMax = 2 // one in another over the longest lists: some ten thousand steps

/** Why a parsed expression must not be run, or null; it is as deep as `conditionLimits` allow. */
export function whyUnfit(tree: unknown, loopsAround = 0): string | null {
  if (Array.isArray(tree)) {
    return tree.map((one) => whyUnfit(one, loopsAround)).find((why) => why !== null) ?? null
  }
  if (!isObject(tree)) return null
  const { op, args } = tree
  const [called] = listOf(args)
  const isCall = op === 'rcall' || op === 'call'
  if (isCall && called === 'matches') {
    return 'matches: a pattern can take for ever, use contains, startsWith or endsWith'
  }
  const isLoop = isCall && typeof called === 'string' && loops.has(called)
  if (isLoop && loopsAround >= loopsMax) return `${called}: loops are ${loopsMax} deep at most`
  return whyUnfit(args, loopsAround + (isLoop ? 1 : 0))
}
