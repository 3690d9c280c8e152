import { afterAll, expect, test } from 'vitest'
import { questionOf } from './question-job.ts'
import { SideThread } from './side-thread.ts'

const thread = new SideThread()
afterAll(() => thread.stop())

const place = { project: 'p', key: 'k', route: 'r', scope: 'project', identity: 'i' } as const
const asked = { kind: 'question', dialect: 'openai', path: '/chat/completions' } as const
const bytesOf = (content: string) =>
  Buffer.from(JSON.stringify({ model: 'm', messages: [{ role: 'user', content }] }))

test('what a request asks is the same wherever it is found', async () => {
  const bytes = bytesOf('how "deep" is the sea? '.repeat(2_000))
  const job = { ...asked, place, model: 'm', stream: false, isSemantic: true, bytes }
  const found = await thread.question(job)
  const here = questionOf(job)
  expect({ ...found, text: null }).toEqual({ ...here, text: null })
  expect(Buffer.from(found.text ?? []).equals(Buffer.from(here.text ?? []))).toBe(true)
  expect(JSON.parse(`${Buffer.from(found.text ?? [])}`)).toContain('how "deep"')
  const plain = await thread.question({ ...job, isSemantic: false })
  expect(plain).toEqual({ exact: here.exact, context: null, text: null })
})

test('another number is another question, though a double holds neither', () => {
  const job = { ...asked, place, model: 'm', stream: false, isSemantic: false }
  const seeded = (id: string) => {
    const own = `"tools":[{"type":"function","function":{"name":"f","parameters":{"const":${id}}}}]`
    const bytes = Buffer.from(`{"model":"m","messages":[{"role":"user","content":"x"}],${own}}`)
    return questionOf({ ...job, bytes }).exact
  }
  expect(seeded('9007199254740993')).not.toBe(seeded('9007199254740992'))
})

test('of more than a thousand that wait each is turned away at once (N2)', async () => {
  const job = { ...asked, place, model: 'm', stream: false, isSemantic: false }
  const all = Array.from({ length: 1_001 }, () => thread.question({ ...job, bytes: bytesOf('x') }))
  const ended = await Promise.allSettled(all)
  const failed = ended.filter(({ status }) => status === 'rejected')
  expect(failed).toHaveLength(1)
  expect(ended.at(-1)).toMatchObject({ reason: { code: 'gateway/scan-failed' } })
})

test('what cannot be read fails who asked, and the next one is answered (N1)', async () => {
  const job = { ...asked, place, model: 'm', stream: false, isSemantic: false }
  await expect(thread.question({ ...job, bytes: Buffer.from('{') })).rejects.toMatchObject({
    code: 'gateway/scan-failed',
  })
  const next = await thread.question({ ...job, bytes: bytesOf('again') })
  expect(next.exact).toBe(questionOf({ ...job, bytes: bytesOf('again') }).exact)
})
