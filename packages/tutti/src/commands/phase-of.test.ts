import { expect, test } from 'vitest'
import { whyCannot } from './phase-of.ts'

test('why nodes cannot is told once for each reason, with the first of them', () => {
  const full = (node: string) => ({ node, reason: 'the disk is\u001b[2J full' })
  expect(whyCannot(undefined)).toBe('')
  expect(whyCannot([])).toBe('')
  const said = whyCannot([full('n1'), { node: 'n2', reason: 'cordoned' }, full('n3')])
  expect(said).toBe('; n1, n3: the disk is [2J full; n2: cordoned')
  const many = Array.from({ length: 5 }, (_, i) => full(`n${i}`))
  expect(whyCannot(many)).toBe('; n0, n1, n2 and 2 more: the disk is [2J full')
  const odd = many.map(({ node }) => ({ node, reason: `of ${node}` }))
  expect(whyCannot(odd)).toBe('; n0: of n0; n1: of n1; n2: of n2; 2 more reasons')
})
