// Responses that are kept and gone on from, whatever dialect the engine speaks.

import { describe, expect, test } from 'vitest'
import { key } from './gateway-world.fixture.ts'
import { bed, create, type Json, nested, send } from './response-world.fixture.ts'

describe('stored responses', () => {
  test('one that asks for it is kept, read, gone on from and deleted', async () => {
    const world = await bed()
    const first = (await create(world, { store: true, instructions: 'be brief' })).body
    expect(first).toMatchObject({ store: true, previous_response_id: null, status: 'completed' })
    expect(first.id).toMatch(/^resp_tutti_/)
    expect(world.asked[0]).toMatchObject({ input: 'hi', store: false, model: 'm' })
    expect((await send(world, 'GET', `/${first.id}`)).body).toEqual(first)
    const next = (await create(world, { previous_response_id: first.id, store: true })).body
    expect(next).toMatchObject({ previous_response_id: first.id, store: true })
    expect(next.output[0].content[0].text).toBe('heard 3')
    expect(world.asked[1].previous_response_id).toBeUndefined()
    expect(world.asked[1].input).toEqual([
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
      expect.objectContaining({ type: 'message', role: 'assistant' }),
      { type: 'message', role: 'user', content: [{ type: 'input_text', text: 'hi' }] },
    ])
    const items = (await send(world, 'GET', `/${next.id}/input_items?order=asc&limit=2`)).body
    expect(items).toMatchObject({ object: 'list', has_more: true })
    expect(items.data).toHaveLength(2)
    const more = await send(
      world,
      'GET',
      `/${next.id}/input_items?order=asc&after=${items.last_id}`,
    )
    expect(more.body.data).toHaveLength(1)
    const gone = { id: first.id, object: 'response', deleted: true }
    expect((await send(world, 'DELETE', `/${first.id}`)).body).toEqual(gone)
    expect((await send(world, 'GET', `/${first.id}`)).status).toBe(404)
    // what went on from it stands for itself
    const last = await create(world, { previous_response_id: next.id })
    expect(last.body.output[0].content[0].text).toBe('heard 5')
    expect(last.body.store).toBe(false)
  })

  test.each(['openai', 'openai-responses'] as const)('of a stream of %s', async (dialect) => {
    const world = await bed({ dialect })
    const { body: events } = await create(world, { store: true, stream: true })
    const ids = new Set(events.flatMap(({ response }: Json) => response?.id ?? []))
    expect(ids.size).toBe(1)
    const { response } = events.at(-1)
    expect([events.at(-1).type, response.store]).toEqual(['response.completed', true])
    expect((await send(world, 'GET', `/${response.id}`)).body).toEqual(response)
    const next = await create(world, { previous_response_id: response.id, stream: true })
    expect(next.text).toContain('heard 3')
  })

  test('it is its project’s, and of keys that may call its route', async () => {
    const world = await bed()
    const { id } = (await create(world, { store: true })).body
    for (const by of ['far', 'narrow']) {
      expect((await send(world, 'GET', `/${id}`, { by })).status).toBe(404)
      expect((await send(world, 'DELETE', `/${id}`, { by })).status).toBe(404)
    }
    const by = await create(world, { previous_response_id: id }, 'far')
    expect(by.body.error).toMatchObject({ code: 'previous_response_not_found' })
    expect([by.status, (await send(world, 'GET', `/${id}`)).status]).toEqual([400, 200])
    const elsewhere = await create(world, { model: 'else', previous_response_id: id }, 'narrow')
    expect(elsewhere.body.error).toMatchObject({ code: 'previous_response_not_found' })
    const own = (await create(world, { model: 'else', store: true }, 'narrow')).body
    expect((await send(world, 'GET', `/${own.id}`, { by: 'narrow' })).status).toBe(200)
  })

  test('nobody asks for it: nothing is kept, nothing changes', async () => {
    const world = await bed()
    const { body } = await create(world, {})
    expect(body.id).toBe('resp_engine')
    expect(world.asked[0]).toEqual({ model: 'm', input: 'hi' })
    const foreign = await create(world, { previous_response_id: 'resp_theirs' })
    expect(foreign.status).toBe(200) // the Provider's own affair
    expect(world.asked[1].previous_response_id).toBe('resp_theirs')
    const kept = await create(world, { previous_response_id: 'resp_theirs', store: true })
    expect(kept.body.error).toMatchObject({ code: 'previous_response_not_found' })
    const held = await create(world, { conversation: 'conv_1', store: true })
    expect([held.status, held.body.error.param]).toEqual([400, 'conversation'])
    expect(world.asked).toHaveLength(2)
  })

  test('a Route may keep all, or none', async () => {
    const all = await bed({ spec: { responses: { store: 'always' } } })
    const { body } = await create(all, {})
    expect((await send(all, 'GET', `/${body.id}`)).status).toBe(200)
    expect((await create(all, { store: false })).body.id).toBe('resp_engine')
    const none = await bed({ spec: { responses: { store: 'never' } } })
    expect((await create(none, { store: true })).body.id).toBe('resp_engine')
    expect((await create(none, {})).body.id).toBe('resp_engine')
    expect(none.asked.map(({ store }: Json) => store)).toEqual([false, false]) // nor at the engine
  })

  test('what cannot be kept does not say that it is', async () => {
    const world = await bed()
    const { id } = (await create(world, { store: true })).body
    world.killPlane()
    const { status, body } = await create(world, { store: true })
    expect([status, body.store]).toEqual([200, false])
    for (const event of ['a response is not kept', 'a response may be kept']) {
      await world.untilEvent(event)
    }
    expect((await create(world, { previous_response_id: id })).status).toBe(503)
  })

  test('what was kept, though its caller had to be told that it is not, is deleted', async () => {
    const world = await bed()
    const { responses } = world
    const save = responses.save.bind(responses)
    responses.save = async (stored) => {
      await save(stored)
      throw new Error('its answer is lost')
    }
    const remove = responses.delete.bind(responses)
    const deleted = new Promise<boolean>((resolve) => {
      responses.delete = async (key) => {
        const wasThere = await remove(key)
        resolve(wasThere)
        return wasThere
      }
    })
    const { body } = await create(world, { store: true })
    expect([body.store, await deleted]).toEqual([false, true])
    expect((await send(world, 'GET', `/${body.id}`)).status).toBe(404)
  })

  test('an answer that is nested too deep to be kept ends its request, and not the process', async () => {
    const world = await bed()
    world.engine.notes = nested
    const { status, body } = await create(world, { store: true })
    expect([status, body.error.code]).toEqual([502, 'malformed_answer'])
    await expect(create(world, { store: true, stream: true })).rejects.toThrow('terminated')
    expect((await create(world, { store: false })).status).toBe(200) // it goes on as it came
  })

  test('numbers that a double does not hold are read and said again as they were said', async () => {
    const world = await bed()
    const number = '12345678901234567890.5'
    world.engine.notes = `[{"type":"odd","id":${number}}]`
    const { id } = (await create(world, { store: true })).body
    expect((await send(world, 'GET', `/${id}`)).text).toContain(`"id":${number}`)
    const next = (await create(world, { previous_response_id: id, store: true })).body
    expect(world.texts[1]).toContain(`"id":${number}`)
    const items = await send(world, 'GET', `/${next.id}/input_items`)
    expect(items.text).toContain(`"id":${number}`)
  })

  test('a failure is not kept', async () => {
    const world = await bed()
    world.engine.fails = true
    expect((await create(world, { store: true })).status).toBe(400)
  })

  test('nobody is asked for a caller who left while what it goes on from was looked for', async () => {
    const world = await bed()
    const { id } = (await create(world, { store: true })).body
    let found = () => {}
    let isLooking = () => {}
    const looked = new Promise<void>((resolve) => (isLooking = resolve))
    const load = world.responses.load.bind(world.responses)
    world.responses.load = async (of) => {
      isLooking()
      await new Promise<void>((resolve) => (found = resolve))
      return await load(of)
    }
    const leave = new AbortController()
    const left = fetch(`${world.gateway.url}/v1/responses`, {
      ...{ method: 'POST', headers: { authorization: `Bearer ${key}` }, signal: leave.signal },
      body: JSON.stringify({ model: 'chat', input: 'hi', previous_response_id: id }),
    }).catch(() => 'left')
    await looked
    leave.abort()
    expect(await left).toBe('left')
    for (let i = 0; i < 5; i++) await fetch(`${world.gateway.url}/healthz`) // it has heard of it
    found()
    await world.gateway.stop()
    expect(world.asked).toHaveLength(1)
  })

  test('unknown parameters and paths are refused', async () => {
    const world = await bed()
    const { id } = (await create(world, { store: true })).body
    expect((await send(world, 'GET', `/${id}?stream=true`)).status).toBe(400)
    for (const query of ['limit=0', 'limit=101', 'limit=x', 'order=up', 'after=in_else', 'x=1']) {
      const { status, body } = await send(world, 'GET', `/${id}/input_items?${query}`)
      expect([status, body.error.param]).toEqual([400, query.split('=')[0]])
    }
    expect((await send(world, 'GET', `/${id}/input_items?limit=100`)).status).toBe(200)
    expect((await send(world, 'POST', `/${id}/cancel`)).status).toBe(404)
    expect((await send(world, 'GET', '/resp_theirs')).status).toBe(404)
  })
})
