// Story
//
// Behaviour told in a text file: blocks of commands, a line `----`, and what they must answer. Blocks are
// divided by an empty line; lines with `#` are for the reader. `UPDATE_STORIES=1` writes the answers anew:
// whoever does so reads the diff.

import { strictEqual } from 'node:assert'
import { readFileSync, writeFileSync } from 'node:fs'

/** One line of a story: `node n1 connected=no` has a name, one argument and one option. */
export interface StoryCommand {
  readonly name: string
  readonly args: readonly string[]
  readonly options: Readonly<Record<string, string>>
}

/** Does what a command says and tells what came of it; the empty string tells nothing. */
export type StoryTeller = (command: StoryCommand) => string

const divider = '----'

/** Plays the story in `file`; throws where what is told differs from what is written there. */
export function runStory(file: URL, tell: StoryTeller): void {
  const written = readFileSync(file, 'utf8')
  const told = tellStory(written, tell)
  if (process.env['UPDATE_STORIES'] === '1') writeFileSync(file, told)
  else strictEqual(told, written)
}

/** The story's text with the answers that its commands give now. */
export function tellStory(text: string, tell: StoryTeller): string {
  const blocks = text.trimEnd().split(/\n{2,}/)
  return `${blocks.map((block) => tellBlock(block.split('\n'), tell)).join('\n\n')}\n`
}

function tellBlock(lines: readonly string[], tell: StoryTeller): string {
  const end = lines.indexOf(divider)
  const script = end < 0 ? lines : lines.slice(0, end)
  const commands = script.filter((line) => !line.startsWith('#') && line.trim() !== '')
  if (commands.length === 0) return script.join('\n')
  const answers = commands.map((line) => tell(parseCommand(line))).filter((said) => said !== '')
  return [...script, divider, ...answers].join('\n')
}

function parseCommand(line: string): StoryCommand {
  const [name = '', ...words] = line.trim().split(/\s+/)
  const pairs = words.filter((word) => word.includes('='))
  return {
    name,
    args: words.filter((word) => !word.includes('=')),
    options: Object.fromEntries(
      pairs.map((pair) => [pair.slice(0, pair.indexOf('=')), pair.slice(pair.indexOf('=') + 1)]),
    ),
  }
}
