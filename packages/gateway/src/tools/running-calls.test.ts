import { expect, test } from 'vitest'
import { RunningCalls } from './running-calls.ts'

test('a call is taken back by its own key, in its own session, by its own number, and by nobody else', () => {
  const calls = new RunningCalls()
  const of = { key: 'app', session: 's', call: 1 }
  const { signal, end } = calls.begin(of)
  for (const other of [{ key: 'b' }, { session: 't' }, { call: 2 }, { call: '1' }]) {
    calls.cancel({ ...of, ...other })
    expect(signal.aborted).toBe(false)
  }
  calls.cancel(of)
  expect(signal.aborted).toBe(true)
  end()
})

test('a number that is used again is another call', () => {
  const calls = new RunningCalls()
  const of = { key: 'app', session: 's', call: 1 }
  const first = calls.begin(of)
  const second = calls.begin(of)
  first.end() // the end of the first does not forget the second
  calls.cancel(of)
  expect([first.signal.aborted, second.signal.aborted]).toEqual([false, true])
  second.end()
  calls.cancel(of)
  const nameless = calls.begin({ ...of, session: '' })
  calls.cancel({ ...of, session: '' })
  expect(nameless.signal.aborted).toBe(false) // of everybody without a session
})

test('a call that is taken back where it does not run is told to those where it may', () => {
  const [here, there] = [new RunningCalls(), new RunningCalls()]
  const of = { key: 'app', session: 's', call: 1 }
  here.onElsewhere = (call) => void there.hear(call)
  const { signal } = there.begin(of)
  const own = here.begin({ ...of, call: 2 })
  here.cancel({ ...of, call: 2 })
  expect([own.signal.aborted, signal.aborted]).toEqual([true, false])
  here.cancel(of)
  expect(signal.aborted).toBe(true)
})
