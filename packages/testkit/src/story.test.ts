import { expect, test } from 'vitest'
import { type StoryCommand, tellStory } from './story.ts'

test('a story keeps its commands and comments and gets the answers of now', () => {
  const seen: StoryCommand[] = []
  const text = '# About\n\n# why\nadd 1 2 unit=a=b\nhush\n----\nold answer\n\nadd 3\n'
  const told = tellStory(text, (command) => {
    seen.push(command)
    return command.name === 'hush' ? '' : `sum ${command.args.join('+')}`
  })
  expect(told).toBe(
    '# About\n\n# why\nadd 1 2 unit=a=b\nhush\n----\nsum 1+2\n\nadd 3\n----\nsum 3\n',
  )
  expect(seen[0]).toEqual({ name: 'add', args: ['1', '2'], options: { unit: 'a=b' } })
  expect(tellStory(told, () => 'x')).not.toBe(told)
})
