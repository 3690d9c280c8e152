import { expect, test } from 'vitest'
import { whyUnfit } from './condition.ts'

/** As an interpreter parses `list.name(x, inner)`: an operation, and its name with what it is of. */
const called = (name: string, inner: unknown, op = 'rcall') => {
  return { op, args: [name, { op: 'id', args: 'list' }, [{ op: 'id', args: 'x' }, inner]] }
}
const leaf = { op: 'value', args: 'matches' } // a text that says so is no call

test('a pattern is refused wherever it stands, however it is called', () => {
  expect(whyUnfit(leaf)).toBeNull()
  expect(whyUnfit(called('contains', leaf))).toBeNull()
  for (const op of ['rcall', 'call']) {
    expect(whyUnfit(called('matches', leaf, op))).toContain('can take for ever')
    expect(
      whyUnfit({ op: '&&', args: [leaf, called('size', called('matches', leaf, op))] }),
    ).toContain('matches:')
  }
  expect(whyUnfit({ op: '[]', args: ['matches', leaf] })).toBeNull()
})

test.each(['all', 'exists', 'exists_one', 'map', 'filter'])(
  '%s goes into two others at most',
  (name) => {
    const two = called(name, called('map', leaf))
    expect(whyUnfit(two)).toBeNull()
    expect(whyUnfit([two, two])).toBeNull() // beside each other
    expect(whyUnfit(called('size', two))).toBeNull() // is no loop
    expect(whyUnfit({ op: '[]', args: [name, two] })).toBeNull()
    expect(whyUnfit(called('filter', two))).toBe(`map: loops are 2 deep at most`)
    expect(
      whyUnfit({ op: '||', args: [leaf, called('exists', called('all', called(name, leaf)))] }),
    ).toBe(`${name}: loops are 2 deep at most`)
  },
)
