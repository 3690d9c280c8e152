import { expect, test } from 'vitest'
import { bed, document, openEngine, programs, request, useDatabase } from './engine.fixture.ts'
import { readResidents } from './read-residents.ts'

useDatabase()

test('runs of a project are read with what it keeps secret asked for once; who is broken is named', async () => {
  const ask = [{ ask: { call: 'tutti.human', with: { title: 'Go?' } } }]
  const program = programs(document('one', ask), document('lost', ask))
  const engine = await openEngine(program)
  const ids = [await engine.start(request('one')), await engine.start(request('one'))]
  const lost = await engine.start(request('lost'))
  const asked: string[] = []
  const troubles: string[] = []
  const found = await readResidents(
    {
      sql: bed.database.sql,
      program: programs(document('one', ask)),
      surroundings: async (project) => {
        asked.push(project)
        return { secrets: {}, runtime: { name: 'tutti', version: 'test' } }
      },
      onTrouble: (what) => troubles.push(what),
    },
    [...ids, lost, 'none'],
  )
  expect(found.runs.map(({ head }) => head.id).sort()).toEqual([...ids].sort())
  expect(found.runs.map(({ entryCount }) => entryCount)).toEqual([1, 1])
  expect(found.broken).toEqual([lost])
  expect(troubles).toEqual([`the run ${lost} cannot be loaded`])
  expect(asked).toEqual(['default'])
  await engine.stop()
})
