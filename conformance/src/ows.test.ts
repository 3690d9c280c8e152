import { existsSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, test } from 'vitest'
import { parseFeature } from './feature.ts'
import { ows, owsFeatures } from './ows.ts'

const repository = fileURLToPath(new URL('../../', import.meta.url))
const data = resolve(repository, process.env['TUTTI_CONFORMANCE_DATA'] ?? '../shared/data')
const isThere = existsSync(join(data, owsFeatures))

if (!isThere) {
  console.log(
    'skipped: OWS; put `ctk` and `examples` of its specification in $TUTTI_CONFORMANCE_DATA/workflow/ows/',
  )
}

test('a feature file is read as scenarios with their steps and texts', () => {
  const text =
    'Feature: F\n\n  Scenario: S\n    Given a thing:\n    """yaml\n    a: 1\n    """\n    Then it holds\n'
  expect(parseFeature(text)).toEqual([
    {
      feature: 'F',
      name: 'S',
      steps: [
        { text: 'a thing', value: { a: 1 } },
        { text: 'it holds', value: undefined },
      ],
    },
  ])
})

test.skipIf(!isThere)(
  "the specification's kit passes, and its examples run, wait or say why not",
  async () => {
    const { notes, passed, total } = await ows(data)
    expect(notes).toContain('conformance kit: 21/21 scenarios')
    const processes = notes.filter((note) => /^refused, run-/.test(note))
    expect(processes.filter((note) => !note.includes('container'))).toEqual([])
    expect(notes.filter((note) => !/^(refused|conformance kit)/.test(note))).toEqual([])
    expect([passed, total]).toEqual([157, 157])
  },
)
