// Say issue
//
// One thing that a schema refuses: what was expected, what came, and what to do where that is known.

import type { z } from 'zod'
import { nearest } from '../resource/index.ts'

type Issue = z.core.$ZodIssue

/** Says what came where the error was made with `reportInput`; of a text only that it is one. */
export function sayIssue(issue: Issue): string {
  const { input } = issue
  switch (issue.code) {
    case 'invalid_value':
      return issue.values.length > 1 ? sayWords(issue.values.map(String), input) : plain(issue)
    case 'invalid_type': {
      const hint = hintOf(issue.expected, input)
      return `expected ${words[issue.expected] ?? issue.expected}, got ${sayCame(input)}${hint}`
    }
    case 'too_big': {
      const most = issue.inclusive === false ? 'less than' : 'at most'
      return `expected ${most} ${issue.maximum}${sayAmount(issue.origin, input)}`
    }
    case 'too_small': {
      const least = issue.inclusive === false ? 'more than' : 'at least'
      return `expected ${least} ${issue.minimum}${sayAmount(issue.origin, input)}`
    }
    case 'invalid_format':
      if (issue.format === 'url') return 'expected a URL, such as https://api.example.com/v1'
      return plain(issue)
    default:
      return plain(issue)
  }
}

export function show(value: unknown): string {
  return value === undefined ? 'nothing' : (JSON.stringify(value)?.slice(0, 80) ?? String(value))
}

function plain({ message, input }: Issue): string {
  const came = typeof input === 'number' ? `, got ${input}` : ''
  return `${message.replace(/^Invalid input: /, '')}${came}`
}

function sayWords(known: readonly string[], input: unknown): string {
  const near = typeof input === 'string' ? nearest(input, known) : null
  const hint = near === null ? '' : `: did you mean ${near}?`
  const came = input === undefined ? '' : `, got ${show(input)}`
  return `expected one of ${known.join(', ')}${came}${hint}`
}

const words: Readonly<Record<string, string>> = {
  ...{ string: 'text', number: 'a number', int: 'a whole number', boolean: 'true or false' },
  ...{ array: 'a list', object: 'an object', record: 'an object', null: 'nothing' },
}

function sayCame(input: unknown): string {
  if (input === undefined || input === null) return 'nothing'
  if (typeof input === 'string') return 'text'
  if (Array.isArray(input)) return 'a list'
  return typeof input === 'object' ? 'an object' : String(input)
}

/** YAML takes for numbers what looks like one, and for text what stands in quotes. */
function hintOf(expected: string, input: unknown): string {
  const isText = typeof input === 'string'
  if (expected === 'string' && (typeof input === 'number' || typeof input === 'boolean')) {
    return ': put it in quotes'
  }
  const isNumber = expected === 'number' || expected === 'int'
  if (isNumber && isText && input.trim() !== '' && Number.isFinite(Number(input))) {
    return ': leave the quotes out'
  }
  if (expected === 'array' && input !== undefined && !Array.isArray(input)) {
    return ': put it in [ ]'
  }
  return ''
}

function sayAmount(origin: string, input: unknown): string {
  if (typeof input === 'number') return `, got ${input}`
  const unit = origin === 'string' ? ' characters' : origin === 'array' ? ' entries' : ''
  const isCounted = typeof input === 'string' || Array.isArray(input)
  return `${unit}${isCounted ? `, got ${input.length}` : ''}`
}
