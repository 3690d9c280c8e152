import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dnsName } from '../resource/index.ts'
import { allowsTool, splitToolName, toolName, toolPattern, whyUnpinned } from './tool-server.ts'

const server = fc.stringMatching(/^[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?$/)
const tool = fc.stringMatching(/^[\w.-]{1,20}$/)

describe('tools', () => {
  test('a name says whose tool it is, whatever the tool is called', () => {
    fc.assert(
      fc.property(server, tool, (server, tool) => {
        expect(dnsName.safeParse(server).success).toBe(true)
        expect(splitToolName(toolName(server, tool))).toEqual({ server, tool })
      }),
      {
        examples: [
          ['a', '_b'],
          ['a', '__'],
        ],
      },
    )
    for (const name of ['', 'a', '__a', 'a__', 'a_b']) expect(splitToolName(name)).toBeNull()
  })

  test('where tools are pinned one is withheld until it is accepted, and where it has changed', () => {
    const tool = { name: 'look', digest: 'sha256:1' }
    expect(whyUnpinned(undefined, tool)).toBeNull()
    expect(whyUnpinned({ look: 'sha256:1' }, tool)).toBeNull()
    expect(whyUnpinned({ look: 'sha256:2' }, tool)).toContain('something else')
    for (const name of ['write', 'toString', '__proto__']) {
      expect(whyUnpinned({ look: 'sha256:1' }, { ...tool, name })).toContain('nobody has accepted')
    }
  })

  test('a pattern allows what it names, and nothing else', () => {
    expect(allowsTool(undefined, 'a__b')).toBe(true)
    expect(allowsTool([], 'a__b')).toBe(false)
    expect(allowsTool(['a__*'], 'a__b')).toBe(true)
    expect(allowsTool(['a__*'], 'ab__b')).toBe(false)
    expect(allowsTool(['a__b'], 'a__bc')).toBe(false)
    expect(allowsTool(['*'], 'a__bc')).toBe(true)
    for (const bad of ['a*b', '**', 'a b', '(a'])
      expect(toolPattern.safeParse(bad).success).toBe(false)
  })
})
